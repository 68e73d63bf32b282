"""Classification of pixels and of images."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_taskonomy.tasks.losses import counted, require_same_shape
from lightning_taskonomy.tasks.metrics.counting import share, zero, zero_sum


class MeanIoU(Metric):
    """Mean intersection over union of the classes, from one confusion matrix of the set.

    Computes `miou`, over the classes that occur in an output or a target, and `accuracy`, the fraction of
    valid pixels that are correct.

    Args:
        classes: Number of classes.
        over_all: Whether `miou` is over all classes, with 0 for those that never occur, as in the benchmarks
            of PASCAL-Context and NYUD (Maninis et al., 2019).
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    confusion: Tensor

    def __init__(self, classes: int, over_all: bool = False) -> None:
        super().__init__()
        self.classes, self.over_all = classes, over_all
        # Valid pixels by target, then by output.
        self.add_state("confusion", zero(classes, classes), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            output: Logits, (B, K, H, W) or (B, K).
            target: Class indices, (B, H, W) or (B,); arbitrary where the mask is 0.
            mask: Valid pixels, of the target's shape.

        Raises:
            ValueError: the shapes do not match, or a valid target is not a class.
        """
        if output.shape[1] != self.classes:
            raise ValueError(f"expected {self.classes} channels, found {output.shape[1]}")
        found = output.argmax(dim=1)
        require_same_shape(found, target)
        right = target.long()
        if mask is not None:
            counts = counted(mask, target)
            found, right = found[counts], right[counts]
        if right.numel() and not 0 <= int(right.min()) <= int(right.max()) < self.classes:
            raise ValueError(
                f"expected classes 0 to {self.classes - 1}, found {int(right.min())} to {int(right.max())}"
            )
        places = right.flatten() * self.classes + found.flatten()
        counts = torch.bincount(places, minlength=self.classes**2)
        self.confusion += counts.reshape(self.classes, self.classes)

    def compute(self) -> dict[str, float]:
        """`miou` and `accuracy`."""
        both = self.confusion.diagonal().double()
        either = (self.confusion.sum(dim=0) + self.confusion.sum(dim=1)).double() - both
        occur = (either > 0).sum()
        among = torch.full_like(occur, self.classes) if self.over_all and occur else occur
        return {
            "miou": share((both / either.clamp(min=1)).sum(), among),
            "accuracy": share(both.sum(), self.confusion.sum()),
        }


class LabelAccuracy(Metric):
    """Accuracy for soft labels.

    For each k computes `top_k`, the fraction of images whose label's most probable class is among the
    output's k most probable ones, and `mass_k`, the label's mean total probability of those k classes.

    Args:
        tops: The values of k.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    hits: Tensor
    masses: Tensor
    pictures: Tensor

    def __init__(self, tops: Sequence[int] = (1, 5)) -> None:
        super().__init__()
        self.tops = tuple(tops)
        self.add_state("hits", zero(len(self.tops)), dist_reduce_fx="sum")
        self.add_state("masses", zero_sum(len(self.tops)), dist_reduce_fx="sum")
        self.add_state("pictures", zero(), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, mask: None = None) -> None:
        """Add a batch.

        Args:
            output: Logits or probabilities, (B, K).
            target: Probabilities, (B, K).
            mask: Always None: vectors have no pixels.

        Raises:
            ValueError: the shapes do not match.
        """
        require_same_shape(output, target)
        if mask is not None or output.ndim != 2 or output.shape[1] < max(self.tops):
            raise ValueError(f"expected (B, {max(self.tops)} or more) without a mask, found {output.shape}")
        ranked = output.topk(max(self.tops), dim=1).indices
        hit = ranked == target.argmax(dim=1, keepdim=True)
        mass = target.double().gather(1, ranked)
        self.hits += torch.stack([hit[:, :top].sum() for top in self.tops])
        self.masses += torch.stack([mass[:, :top].sum() for top in self.tops])
        self.pictures += len(output)

    def compute(self) -> dict[str, float]:
        """`top_…` and `mass_…`."""
        found: dict[str, float] = {}
        for place, top in enumerate(self.tops):
            found[f"top_{top}"] = share(self.hits[place], self.pictures)
            found[f"mass_{top}"] = share(self.masses[place], self.pictures)
        return found
