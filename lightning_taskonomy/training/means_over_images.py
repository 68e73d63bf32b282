"""Means over all images of all ranks, however unevenly the ranks share them."""

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor


class MeansOverImages:
    """Adds up losses batch by batch, and divides once, when an epoch has ended.

    A mean of the ranks' own means would count the images of a rank that has few of them for more; Lightning's
    own counts are averaged over the ranks as whole numbers.

    Args:
        columns: how many means: one, or that of each contender.
    """

    def __init__(self, columns: int = 1) -> None:
        self._columns = columns
        self._sums: Tensor | None = None

    def add(self, losses: Tensor) -> None:
        """Add a batch.

        Args:
            losses: of its images, (B,) or (B, columns).
        """
        rows = losses.detach().reshape(len(losses), self._columns)
        exact = rows if rows.device.type == "mps" else rows.double()  # which it does not have
        # Left where it is: fetching it would make a GPU wait at every batch. The last entry counts.
        sums = torch.cat([exact, exact.new_ones(len(exact), 1)], dim=1).sum(dim=0)
        self._sums = sums if self._sums is None else self._sums + sums

    def of_all_ranks(self, strategy: Strategy) -> list[float] | None:
        """The means, equal on all ranks; None where there was no image at all. All ranks have to ask."""
        sums = self._sums
        if sums is None:  # a rank without images
            device = strategy.root_device
            dtype = torch.float32 if device.type == "mps" else torch.float64
            sums = torch.zeros(self._columns + 1, dtype=dtype, device=device)
        reduced = strategy.reduce(sums, reduce_op="sum")
        assert isinstance(reduced, Tensor)
        *totals, images = reduced.tolist()
        return [total / images for total in totals] if images else None
