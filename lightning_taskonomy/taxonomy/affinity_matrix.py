"""The matrix of first-order transfers, before and after ordinal normalisation (Fig. 7)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.ahp import rescaled
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.transfers import Transfers
from lightning_taskonomy.taxonomy.tree import order_of_tasks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AffinityMatrix:
    """First-order transfers, targets in rows and sources in columns, both in the similarity tree's order.

    Attributes:
        targets: the T targets.
        sources: the S sources.
        before: before normalisation, from 0 (far) to 1 (near), (T, S); NaN where not measured. With loss
            tables, the naive alternative: each target's mean losses rescaled to [0, 1]; else win rates
            against full supervision.
        after: affinities (AHP), renormalised over the first-order transfers of each target, (T, S); NaN where
            not measured.
        rescaled_losses: whether `before` holds losses.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...]
    before: Floats
    after: Floats
    rescaled_losses: bool

    @classmethod
    def from_transfers(
        cls, transfers: Transfers, losses: Collection[LossTable] | None = None
    ) -> "AffinityMatrix":
        """Collect the matrix.

        Raises:
            InputError: no first-order transfers, or loss tables that lack a target.
        """
        rows = [row for row in transfers.candidates() if row.order == 1 and not row.is_self]
        if not rows:
            raise InputError(f"{transfers.origin}: expected first-order transfers, found none")
        order = order_of_tasks(transfers)
        targets = tuple(task for task in order if any(row.target == task for row in rows))
        sources = tuple(task for task in order if any(row.sources[0] == task for row in rows))
        before, after = np.full((2, len(targets), len(sources)), np.nan)
        for row in rows:
            place = targets.index(row.target), sources.index(row.sources[0])
            after[place] = row.affinity
            before[place] = np.nan if row.quality is None else row.quality
        sums = np.nansum(after, axis=1, keepdims=True)
        after = np.divide(after, sums, out=np.full_like(after, np.nan), where=sums > 0)
        if losses is not None:
            tables = {table.target: table for table in losses}
            for index, target in enumerate(targets):
                if target not in tables:
                    raise InputError(
                        f"losses: no loss table for the target {target}; expected {target}.parquet"
                    )
                before[index] = _rescaled_losses(tables[target], sources)
        return cls(targets, sources, before, after, losses is not None)


def _rescaled_losses(table: LossTable, sources: Sequence[str]) -> Floats:
    """Mean losses of the sources over the complete images, rescaled; NaN for unknown sources, (S,)."""
    columns = [table.contenders.index(source) for source in sources if source in table.contenders]
    sums, images = np.zeros(len(columns)), 0
    for _, losses in table.blocks():
        complete = losses[np.isfinite(losses).all(axis=1)]
        sums += complete[:, columns].sum(axis=0)
        images += len(complete)
    if images == 0:
        raise InputError(f"{table.origin}: the table has no complete row")
    values = np.full(len(sources), np.nan)
    values[[source in table.contenders for source in sources]] = rescaled(sums / images)
    return values
