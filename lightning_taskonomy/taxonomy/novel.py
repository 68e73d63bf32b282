"""Novel tasks: each target in turn is treated as having few labels, all others as sources (Fig. 10)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.core.task_names import names_among, written_name
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF, Transfer, Transfers

RIVALS = (
    "random",
    "autoencoding",
    "denoising",
    "colorization",
    "inpainting",
    "jigsaw",
    "egomotion",
    "class_object",
    "class_scene",
)
"""The usual alternatives for a novel task: a random encoder, self-supervised features and classification
features. Those missing from a table, under any name, are skipped."""
COLUMNS = ("target", "max_order", "sources", "order", "affinity", "win_rate_vs_scratch", "win_rate_vs_full")


@dataclass(frozen=True)
class NovelTask:
    """The best transfer to one novel target, up to one order, and how it fares.

    Attributes:
        max_order: the largest order allowed.
        transfer: the transfer of highest affinity from other tasks (the all-for-one policy).
        win_rates: by rival, the fraction of test images on which it beats a readout on that single source;
            None where the rival is unknown for this target.
        losses: mean loss by contender: the transfer under its own label, then `pixels`, `self` and the
            rivals; empty without loss tables.
    """

    max_order: int
    transfer: Transfer
    win_rates: Mapping[str, float | None]
    losses: Mapping[str, float]


@dataclass(frozen=True)
class NovelTasks:
    """The all-for-one policy of every target.

    Attributes:
        rows: by target, then by order.
        rivals: the contenders of the win-rate table beside scratch and full supervision.
        left_out: why a target has no policy at all, or none up to some order, by target and order.
        measured: whether win rates against rivals were counted on images; else they are implied by the
            affinities: i beats j on a fraction p_i / (p_i + p_j) of the images.
    """

    rows: tuple[NovelTask, ...]
    rivals: tuple[str, ...]
    left_out: Mapping[str, str]
    measured: bool

    @property
    def targets(self) -> frozenset[str]:
        """The targets that have a policy."""
        return frozenset(row.transfer.target for row in self.rows)

    @classmethod
    def of(
        cls,
        transfers: Transfers,
        max_orders: Iterable[int],
        rivals: Collection[str] | None = None,
        losses: Mapping[str, LossTable] | None = None,
        drop_incomplete: bool = False,
        after_each: Callable[[], None] = lambda: None,
    ) -> "NovelTasks":
        """Find the best transfer to every target from all other tasks.

        Args:
            transfers: the table.
            max_orders: largest numbers of sources.
            rivals: first-order sources to compare with; by default those of `RIVALS` in the table.
            losses: by target, loss tables for win rates counted on images and for raw losses.
            drop_incomplete: leave out images with a missing or non-finite loss.
            after_each: called after each target, to show progress.

        Raises:
            InputError: an unknown rival, or no target has a transfer from other tasks.
        """
        max_orders = sorted(set(max_orders))
        if not max_orders or max_orders[0] < 1:
            raise InputError(f"orders: expected whole numbers of at least 1, found {max_orders}")
        sources = {row.sources[0] for row in transfers if row.order == 1 and not row.is_self}
        known = _rivals(sources) if rivals is None else tuple(names_among(rivals, sources, "rivals"))
        for rival in known:
            if rival not in sources:
                raise InputError(f"rivals: {rival} is never a first-order source in {transfers.origin}")
        rows: list[NovelTask] = []
        left_out: dict[str, str] = {}
        for target in transfers.targets:
            mine = [row for row in transfers if row.target == target]
            allowed = [row for row in mine if _is_from_others(row)]
            least = min((row.order for row in allowed), default=0)
            if not allowed or least > max_orders[-1]:
                left_out[target] = f"no transfer of order up to {max_orders[-1]} from other tasks"
                after_each()
                continue
            for max_order in max_orders:
                if max_order < least:
                    left_out[f"{target}, up to {max_order}"] = f"its transfers have {least} sources or more"
            table = None if losses is None else _loss_table(losses, target)
            held = None if table is None else Tournament.from_losses(table, drop_incomplete)
            rows += [
                _policy(mine, [row for row in allowed if row.order <= max_order], max_order, known, held)
                for max_order in max_orders
                if max_order >= least
            ]
            after_each()
        if not rows:
            names = ", ".join(transfers.targets)
            raise InputError(f"{transfers.origin}: {left_out[transfers.targets[0]]} to {names}")
        return cls(tuple(rows), known, left_out, losses is not None)

    def save_tables(self, folder: Path) -> None:
        """Write `novel.csv`, and `novel_losses.csv` where losses are known.

        Raises:
            InputError: a file cannot be written.
        """
        prefix = "win_rate_vs_" if self.measured else "implied_win_rate_vs_"
        columns = (*COLUMNS, *(prefix + rival for rival in self.rivals))
        rows = []
        for row in self.rows:
            transfer = row.transfer
            found = (transfer.affinity, transfer.gain, transfer.quality)
            rates = (row.win_rates[rival] for rival in self.rivals)
            rows.append((transfer.target, row.max_order, transfer.label, transfer.order, *found, *rates))
        write_csv(folder / "novel.csv", columns, rows)
        if self.measured:
            lines = [
                (row.transfer.target, row.max_order, contender, loss)
                for row in self.rows
                for contender, loss in row.losses.items()
            ]
            write_csv(folder / "novel_losses.csv", ("target", "max_order", "contender", "mean_loss"), lines)


def _rivals(sources: Collection[str]) -> tuple[str, ...]:
    """The default rivals among some sources, by the table's names."""
    return tuple(name for rival in RIVALS for name in sorted(sources) if written_name(name) == rival)


def _loss_table(losses: Mapping[str, LossTable], target: str) -> LossTable:
    if target not in losses:
        raise InputError(f"losses: no loss table for the target {target}; expected {target}.parquet")
    return losses[target]


def _is_from_others(row: Transfer) -> bool:
    """Whether a novel task could use this transfer: one that does not need the target's own network."""
    return row.affinity is not None and not row.is_baseline and row.target not in row.trained_tasks


def _policy(
    rows: Collection[Transfer],
    allowed: Collection[Transfer],
    max_order: int,
    rivals: tuple[str, ...],
    held: Tournament | None,
) -> NovelTask:
    """The best of the allowed transfers, at least one; all rows have the same target."""
    best = min(allowed, key=lambda row: (-(row.affinity or 0.0), row.order, sorted(row.sources)))
    if held is not None:
        return _measured(best, max_order, rivals, held)
    affinity = {row.sources[0]: row.affinity for row in rows if row.order == 1}
    rates = {
        # A network does not compete with itself, and a novel task lacks its own encoder.
        rival: None
        if rival == best.target or (rival,) == best.sources
        else _implied(best.affinity, affinity.get(rival))
        for rival in rivals
    }
    return NovelTask(max_order, best, rates, {})


def _implied(affinity: float | None, rival: float | None) -> float | None:
    """As in a Bradley-Terry model, AHP makes the ratio of affinities the ratio of wins to losses."""
    if affinity is None or rival is None or affinity + rival == 0:
        return None
    return affinity / (affinity + rival)


def _measured(best: Transfer, max_order: int, rivals: tuple[str, ...], held: Tournament) -> NovelTask:
    place = {frozenset(name.split("+")): index for index, name in enumerate(held.contenders)}
    chosen = place.get(frozenset(best.sources))
    if chosen is None:
        raise InputError(f"losses of {best.target}: no column for the chosen transfer {best.label}")
    rates: dict[str, float | None] = {}
    losses = {best.label: float(held.mean_losses[chosen])}
    for name in (SCRATCH, SELF, *rivals):
        index = place.get(frozenset([name]))
        if index is None or index == chosen or name == best.target:
            rates[name] = None
            continue
        rates[name] = float(held.win_rates[chosen, index])
        losses[name] = float(held.mean_losses[index])
    return NovelTask(max_order, best, {rival: rates[rival] for rival in rivals}, losses)
