"""Means over all images of all ranks, however unevenly the images are distributed."""

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor


class MeansOverImages:
    """Adds up losses batch by batch, and divides once at the end of an epoch.

    A mean of the ranks' means would give more weight to the images of a rank that has few of them, and
    Lightning averages its counts over the ranks as integers.

    Args:
        columns: number of means: one, or one per contender.
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
        exact = rows if rows.device.type == "mps" else rows.double()  # MPS has no double precision
        # It stays on the device: fetching it would stall a GPU at every batch. The last entry is the count.
        sums = torch.cat([exact, exact.new_ones(len(exact), 1)], dim=1).sum(dim=0)
        self._sums = sums if self._sums is None else self._sums + sums

    def of_all_ranks(self, strategy: Strategy) -> list[float] | None:
        """The means, equal on all ranks; None where there was no image at all. All ranks must call it."""
        sums = self._sums
        if sums is None:  # a rank without images
            device = strategy.root_device
            dtype = torch.float32 if device.type == "mps" else torch.float64
            sums = torch.zeros(self._columns + 1, dtype=dtype, device=device)
        reduced = strategy.reduce(sums, reduce_op="sum")
        assert isinstance(reduced, Tensor)
        *totals, images = reduced.tolist()
        return [total / images for total in totals] if images else None
