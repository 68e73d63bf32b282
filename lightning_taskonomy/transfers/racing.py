"""A callback that stops readouts that are certain to lose, while the others go on learning."""

import logging
import math
from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.tournament import Tournament
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.readouts import Readouts

log = logging.getLogger(__name__)


class Racing(Callback):
    """After each validation, stops the readouts that lose to every one of the best.

    A readout is stopped once its win rate against each of the `best` readouts of that validation is below
    `margin` even at its upper confidence bound (Hoeffding's). All bounds of a run hold together with the
    stated confidence: what may go wrong is shared out over readouts, rivals and validations, the n-th of
    which gets 6 / (π n)² of it, however many there will be. The bounds speak of the readouts as they are, and
    of images that are drawn one by one; where many images are of one room, they are too narrow. Whether a
    loser would have caught up later no bound can tell: that is what `margin` and `after` are for.

    A stopped readout is still judged, with the weights that it has: it keeps its place among the contenders.
    Those that win against it do so a little more often than if it had gone on.

    Args:
        tournament: that is held meanwhile.
        best: how many readouts count as the best; they are never stopped.
        margin: win rate, at most 0.5.
        confidence: that no readout is stopped which wins as often as that against one of the best.
        after: share of the training before which none is stopped.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(
        self,
        tournament: LiveTournament,
        best: int = 5,
        margin: float = 0.4,
        confidence: float = 0.99,
        after: float = 0.2,
    ) -> None:
        if best < 1:
            raise InputError(f"best: expected at least 1, found {best}")
        if not 0 <= margin <= 0.5:
            raise InputError(f"margin: expected a number from 0 to 0.5, found {margin:g}")
        if not 0 <= confidence < 1:
            raise InputError(f"confidence: expected a number from 0 to below 1, found {confidence:g}")
        if not 0 <= after <= 1:
            raise InputError(f"after: expected a number from 0 to 1, found {after:g}")
        self.tournament, self.best, self.margin = tournament, best, margin
        self.confidence, self.after = confidence, after
        self.looks = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the tournament that has just been held."""
        assert isinstance(pl_module, Readouts)
        held = self.tournament.latest
        if trainer.sanity_checking or held is None:
            return
        self.looks += 1
        if _share_done(trainer) < self.after:
            return
        for transfer, rate in certain_losers(held, self.best, self.margin, self.error_of_look()).items():
            if transfer in pl_module.learning:
                pl_module.stop(transfer)
                log.info(
                    "target %s: the transfer from %s is stopped at step %d: it wins at most %.0f %% against "
                    "each of the best %d",
                    held.target,
                    transfer,
                    pl_module.steps,
                    100 * rate,
                    self.best,
                )

    def error_of_look(self) -> float:
        """The probability of a mistake that this validation may have, all together."""
        return (1 - self.confidence) * 6 / (math.pi * max(1, self.looks)) ** 2

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from."""
        return {"looks": self.looks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.looks = int(state_dict["looks"])


def certain_losers(tournament: Tournament, best: int, margin: float, error: float) -> dict[str, float]:
    """The contenders that lose to each of the best, whatever images had been drawn.

    Args:
        tournament: among all of them.
        best: how many are the best, by affinity.
        margin: win rate that they do not reach.
        error: probability that this is not so for some of them.

    Returns:
        By contender, the upper bound of its highest win rate against the best.
    """
    contenders = len(tournament.contenders)
    if contenders <= best:
        return {}
    order = np.argsort(-tournament.affinities(), kind="stable")
    comparisons = (contenders - best) * best
    width = math.sqrt(math.log(comparisons / error) / (2 * tournament.images))
    bounds = tournament.win_rates[:, order[:best]].max(axis=1) + width
    return {tournament.contenders[n]: float(bounds[n]) for n in order[best:] if bounds[n] < margin}


def _share_done(trainer: Trainer) -> float:
    """Of the training; 1 where its length is not known."""
    steps = float(trainer.estimated_stepping_batches)
    return trainer.global_step / steps if 0 < steps < math.inf else 1.0
