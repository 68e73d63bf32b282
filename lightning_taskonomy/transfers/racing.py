"""A callback that stops training readouts that are certain to lose, while the others continue."""

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

    A readout is stopped once the upper confidence bound (Hoeffding's) of its win rate is below `margin`
    against each of the `best` readouts of that validation. All bounds of a run hold together with the stated
    confidence: the error probability is divided over readouts, rivals and validations. The n-th validation
    gets 6 / (π n)² of it, so their total number need not be known. The bounds hold for the readouts at that
    moment and for independently drawn images; where many images show one room, they are too narrow. No bound
    can tell whether a loser would have caught up later: that is what `margin` and `after` are for.

    A stopped readout is still evaluated, with its current weights, and stays among the contenders. The others
    win against it a little more often than if its training had continued.

    Args:
        tournament: the live tournament to read.
        best: number of readouts that count as the best; they are never stopped.
        margin: win rate below which a readout loses, at most 0.5.
        confidence: that no stopped readout has a win rate of `margin` or more against one of the best.
        after: fraction of training before which none is stopped.

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
        """Stop the certain losers of the latest tournament."""
        assert isinstance(pl_module, Readouts)
        latest = self.tournament.latest
        if trainer.sanity_checking or latest is None:
            return
        self.looks += 1
        if _fraction_done(trainer) < self.after:
            return
        for transfer, rate in certain_losers(latest, self.best, self.margin, self.error_of_look()).items():
            if transfer in pl_module.learning:
                pl_module.stop(transfer)
                log.info(
                    "target %s: the transfer from %s is stopped at step %d: it wins at most %.0f %% against "
                    "each of the best %d",
                    latest.target,
                    transfer,
                    pl_module.steps,
                    100 * rate,
                    self.best,
                )

    def error_of_look(self) -> float:
        """The total error probability allowed for this validation."""
        return (1 - self.confidence) * 6 / (math.pi * max(1, self.looks)) ** 2

    def state_dict(self) -> dict[str, Any]:
        """The number of validations so far."""
        return {"looks": self.looks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the number of validations."""
        self.looks = int(state_dict["looks"])


def certain_losers(tournament: Tournament, best: int, margin: float, error: float) -> dict[str, float]:
    """The contenders that lose to each of the best with high confidence, not just on these images.

    Args:
        tournament: among all of them.
        best: number of contenders that count as the best, by affinity.
        margin: win rate that the losers do not reach.
        error: probability that any of them does.

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


def _fraction_done(trainer: Trainer) -> float:
    """The fraction of training that is done; 1 where its length is unknown."""
    steps = float(trainer.estimated_stepping_batches)
    return trainer.global_step / steps if 0 < steps < math.inf else 1.0
