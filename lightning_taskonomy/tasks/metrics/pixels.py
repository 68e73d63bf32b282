"""Errors per value of images and vectors, in the units of the target."""

from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import require_same_shape
from lightning_taskonomy.tasks.metrics.counting import counted_values, share, zero, zero_sum


class PixelError(Metric):
    """Mean absolute error and root mean squared error over all valid values of the set.

    Computes `mae` and `rmse`. All values have equal weight, so images with more valid pixels weigh more.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    absolute: Tensor
    squared: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("absolute", zero_sum(), dist_reduce_fx="sum")
        self.add_state("squared", zero_sum(), dist_reduce_fx="sum")
        self.add_state("values", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: (B, C, H, W) or (B, n).
            target: Target of the same shape.
            mask: Valid pixels, (B, H, W).

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        error = counted_values(output, mask) - counted_values(target, mask)
        self.absolute += error.abs().sum()
        self.squared += error.square().sum()
        self.values += error.numel()

    def compute(self) -> dict[str, float]:
        """`mae` and `rmse`."""
        return {"mae": share(self.absolute, self.values), "rmse": share(self.squared, self.values) ** 0.5}
