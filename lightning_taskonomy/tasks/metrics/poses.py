"""Errors of relative camera poses, in degrees and metres."""

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import require_same_shape
from lightning_taskonomy.tasks.metrics.counting import share, zero, zero_sum
from lightning_taskonomy.tasks.task import Standard


class PoseError(Metric):
    """Mean rotation error in degrees and mean translation error in metres over all poses of the set.

    A pose is three Euler angles in radians, about the fixed axes x, y, z in this order, and a translation in
    metres, computed from `point_info`; each value is standardised by its mean and standard deviation. The
    rotation error is the angle between the two rotations, whatever the convention of Euler angles.
    The published deviations of fixated pairs (10.1, 8.1, 1.1, 1.2, 0.3, 10.1) suggest another unit and order.
    Even so, the labels of both kinds of pairs are radians and metres in this order; the deviations are only
    divisors.

    Computes `rotation_degrees` and `translation_metres`.

    Args:
        standard: Mean and deviation by which the labels were standardised, six values for each pose.

    Raises:
        ValueError: there are not six values for each pose, or a deviation is not positive.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    degrees: Tensor
    metres: Tensor
    poses: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, standard: Standard) -> None:
        super().__init__()
        numbers = len(standard.mean)
        if numbers % 6 or numbers != len(standard.deviation) or min(standard.deviation, default=0) <= 0:
            raise ValueError(f"expected six means and positive deviations for each pose, found {standard}")
        self.register_buffer("mean", torch.tensor(standard.mean, dtype=torch.float64), persistent=False)
        self.register_buffer("std", torch.tensor(standard.deviation, dtype=torch.float64), persistent=False)
        self.add_state("degrees", zero_sum(), dist_reduce_fx="sum")
        self.add_state("metres", zero_sum(), dist_reduce_fx="sum")
        self.add_state("poses", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: None = None) -> None:
        """Add a batch.

        Args:
            output: Standardised poses, (B, 6·k), as many as the standard has.
            target: Target of the same shape.
            mask: Always None: vectors have no pixels.

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        if mask is not None or output.ndim != 2 or output.shape[1] != len(self.mean):
            raise ValueError(f"expected (B, {len(self.mean)}) without a mask, found {tuple(output.shape)}")
        found, right = (
            (values.double() * self.std + self.mean).reshape(-1, 6) for values in (output, target)
        )
        difference = rotations(found[:, :3]) - rotations(right[:, :3])
        # The Frobenius norm of the difference of two rotations is 2·√2·sin(angle / 2).
        sine = torch.linalg.matrix_norm(difference) / 8**0.5
        self.degrees += (2 * torch.asin(sine.clamp(max=1))).rad2deg().sum()
        self.metres += torch.linalg.vector_norm(found[:, 3:] - right[:, 3:], dim=1).sum()
        self.poses += len(found)

    def compute(self) -> dict[str, float]:
        """`rotation_degrees` and `translation_metres`."""
        return {
            "rotation_degrees": share(self.degrees, self.poses),
            "translation_metres": share(self.metres, self.poses),
        }


def rotations(angles: Tensor) -> Tensor:
    """Rotations (N, 3, 3) of Euler angles (N, 3) in radians about the fixed axes x, y, z, in this order."""
    about_x, about_y, about_z = (_about(axis, angles[:, axis]) for axis in range(3))
    return about_z @ about_y @ about_x


def _about(axis: int, angle: Tensor) -> Tensor:
    before, after = (axis + 1) % 3, (axis + 2) % 3
    turn = torch.zeros(len(angle), 3, 3, dtype=angle.dtype, device=angle.device)
    turn[:, axis, axis] = 1
    turn[:, before, before] = turn[:, after, after] = torch.cos(angle)
    turn[:, after, before] = torch.sin(angle)
    turn[:, before, after] = -torch.sin(angle)
    return turn
