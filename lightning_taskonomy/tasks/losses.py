"""Losses per image: what networks learn from, and what contenders are compared by.

Every loss takes `(output, target, mask=None)` and gives one number per image, (B,), in single precision
whatever precision the output has. The mask says which pixels count, (B, H, W), true or non-zero; None counts
all of them. An image without any counted pixel has the loss 0 and no gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import log
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

PerImageLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def l1(output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute error over channels and counted pixels; (B, C, H, W) or (B, n) to (B,).

    Raises:
        ValueError: output and target differ in shape, or the mask does not fit them.
    """
    return _mean(_difference(output, target, mask).abs(), mask)


@dataclass(frozen=True)
class L2:
    """Mean squared error over channels and counted pixels; (B, C, H, W) or (B, n) to (B,).

    Attributes:
        robust_beyond: a threshold t; an image whose mean squared error s is larger has the loss
            t·(1 + log(s / t)), which goes on with the same value and slope. With t = 1 this is the 1 + log(s)
            that the configs of the published pose and layout networks name and leave switched off.
    """

    robust_beyond: float | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Raises:
            ValueError: output and target differ in shape, or the mask does not fit them.
        """
        squared = _mean(_difference(output, target, mask).square(), mask)
        if self.robust_beyond is None:
            return squared
        threshold = self.robust_beyond
        # Clamped, since the logarithm's gradient at 0 would be infinite even where it is not taken.
        beyond = threshold * (1 + (squared.clamp(min=threshold) / threshold).log())
        return torch.where(squared > threshold, beyond, squared)


l2 = L2()


@dataclass(frozen=True)
class SoftCrossEntropy:
    """Cross-entropy to class shares; (B, K) or (B, K, H, W) to (B,).

    Attributes:
        weights: per class, K of them, or None for 1. Where they are given, a pixel (or a vector) weighs as
            much as its most probable class, and the mean is over the number of counted pixels: images with
            rare colours weigh more than others, as in Zhang et al., Colorful Image Colorization, section 2.2.
            The weights should be 1 on average over the data.
    """

    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: logits.
            target: shares along dimension 1, of the same shape.
            mask: which pixels count.

        Raises:
            ValueError: output and target differ in shape, or the mask does not fit them.
        """
        require_same_shape(output, target)
        shares = target.float()
        if mask is not None:
            shares = torch.where(counted(mask, _without_channels(output)).unsqueeze(1), shares, 0.0)
        loss = -(shares * functional.log_softmax(output.float(), dim=1)).sum(dim=1, keepdim=True)
        if self.weights is not None:
            loss = loss * _table(self.weights, loss)[shares.argmax(dim=1, keepdim=True)]
        return _mean(loss, mask)


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy to class numbers; logits (B, K, H, W) or (B, K) to (B,).

    Attributes:
        weights: per class, K of them, or None for 1. They normalise, as in `torch.nn.CrossEntropyLoss`: the
            sum of weight times loss over an image's counted pixels is divided by the sum of weights.
    """

    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: logits.
            target: class numbers, (B, H, W) or (B,), of any integer type; any number where the mask is 0.
            mask: which pixels count.

        Raises:
            ValueError: the shapes do not fit.
        """
        require_same_shape(_without_channels(output), target)
        classes = target.long()
        weight = torch.ones_like(target, dtype=torch.float32)
        if mask is not None:
            counts = counted(mask, target)
            classes, weight = torch.where(counts, classes, 0), counts.float()
        if self.weights is not None:
            weight = weight * _table(self.weights, weight)[classes]
        loss = functional.cross_entropy(output.float(), classes, reduction="none")
        total = _sum(weight)
        return _sum(weight * loss) / torch.where(total > 0, total, 1.0)


@dataclass(frozen=True)
class Pairs:
    """Pairs of some pixels of each image.

    Attributes:
        squared_distance: between their embeddings, (B, n, n), single precision.
        same: whether they belong to one segment, (B, n, n).
        counted: true once for each pair, where i < j and both pixels exist, (B, n, n).
    """

    squared_distance: Tensor
    same: Tensor
    counted: Tensor


@dataclass(frozen=True)
class PixelPairs:
    """Mean cross-entropy over pairs of pixels: are they of the same segment?

    The embeddings e of two pixels say so with p = 2 / (1 + exp(‖e_i − e_j‖²)), as in Fathi et al.,
    Semantic Instance Segmentation via Deep Metric Learning. Squared distances under 1e-6 count as
    1e-6 where the segments differ: the loss of such a pair is at most 14.6, not infinite.

    Attributes:
        pixels: drawn per image without replacement; all counted ones where there are fewer.
        seed: None draws them anew with torch's generator at each call, for training. A number gives images of
            one size the same order of candidates, of which the first counted ones are taken: every contender
            is then judged by the same pixels, on every machine.
    """

    pixels: int = 300
    seed: int | None = None

    def pixels_at(self, seed: int) -> "PixelPairs":
        """The same loss with fixed pixels, for evaluation."""
        return replace(self, seed=seed)

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: embeddings, (B, D, H, W).
            target: segment ids, (B, H, W).
            mask: which pixels count.

        Raises:
            ValueError: the shapes do not fit.
        """
        pairs = self.pairs(output, target, mask)
        squared = pairs.squared_distance
        # log p, and log(1 − p) = log tanh(s / 2), both without exp(s), which overflows.
        same = log(2) - functional.softplus(squared)
        apart = squared.clamp(min=_LEAST_SQUARED_DISTANCE)
        different = torch.log(-torch.expm1(-apart)) - torch.log1p(torch.exp(-apart))
        loss = -torch.where(pairs.same, same, different)
        return _sum(torch.where(pairs.counted, loss, 0.0)) / _sum(pairs.counted.float()).clamp(min=1)

    def pairs(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Pairs:
        """The pairs that the loss is a mean of; arguments as of the loss."""
        require_same_shape(_without_channels(output), target)
        places, exist = self.places(target, mask)
        drawn = output.flatten(2).gather(2, places.unsqueeze(1).expand(-1, output.shape[1], -1))
        embeddings = drawn.transpose(1, 2).float()
        ids = target.long().flatten(1).gather(1, places)
        both = exist.unsqueeze(2) & exist.unsqueeze(1)
        squared = cast(Tensor, _SquaredDistances.apply(embeddings))  # type: ignore[no-untyped-call]
        return Pairs(squared, ids.unsqueeze(2) == ids.unsqueeze(1), both.triu(diagonal=1))

    def places(self, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The pixels that are compared: places in the flattened image and whether they count, both (B, n).

        Args:
            target: ids, (B, H, W).
            mask: true where they count, (B, H, W).
        """
        images, size = target.shape[0], target[0].numel()
        if self.seed is None:
            order = torch.rand(images, size, device=target.device)
        else:
            order = _fixed_order(self.seed, size).to(target.device).expand(images, size)
        if mask is not None:
            order = torch.where(counted(mask, target).flatten(1), order, -1.0)
        best = order.topk(min(self.pixels, size), dim=1)
        return best.indices, best.values >= 0


_LEAST_SQUARED_DISTANCE = 1e-6


class _SquaredDistances(torch.autograd.Function):
    """Squared Euclidean distances among vectors, (B, n, D) to (B, n, n).

    The distances are sums of squared differences: by scalar products, those of near-equal embeddings would be
    rounding errors. The gradient is scalar products, since torch's own for the differences takes D times the
    memory of the distances on a GPU.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(vectors: Tensor) -> Tensor:
        return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist").square()

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401 - torch types no saved tensors
        vectors: Tensor = ctx.saved_tensors[0]
        both = gradient + gradient.transpose(1, 2)
        with torch.autocast(vectors.device.type, enabled=False):
            # Differences are all that matters: about their mean the scalar products lose the fewest digits.
            centred = vectors - vectors.mean(dim=1, keepdim=True)
            moved: Tensor = both.sum(dim=2, keepdim=True) * centred - both @ centred
            return 2 * moved


@lru_cache(maxsize=16)
def _fixed_order(seed: int, size: int) -> Tensor:
    """A random permutation of 0 to size − 1; from raw bits, which no new version of NumPy changes."""
    bits = np.random.PCG64(seed).random_raw(size)
    return torch.from_numpy(np.argsort(np.argsort(bits, kind="stable")).astype(np.float32))


@dataclass(frozen=True)
class PoseNorm:
    """Euclidean norm of the error of each relative pose, summed over the poses; (B, 6·poses) to (B,).

    Attributes:
        poses: 1 for a pair of views, 3 for a triplet; each is three angles and a translation, standardised.
        weights: of each pose's norm, as many; None for 1.
    """

    poses: int = 1
    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each example.

        Raises:
            ValueError: not (B, 6·poses), or a mask, which vectors do not have.
        """
        difference = _difference(output, target, mask)
        if mask is not None or difference.ndim != 2 or difference.shape[1] != 6 * self.poses:
            raise ValueError(f"expected (B, {6 * self.poses}) without a mask, found {tuple(output.shape)}")
        norms: Tensor = torch.linalg.vector_norm(difference.reshape(-1, self.poses, 6), dim=2)
        if self.weights is not None:
            norms = norms * _table(self.weights, norms)
        return norms.sum(dim=1)


def counted(mask: Tensor, like: Tensor) -> Tensor:
    """A mask as booleans.

    Args:
        mask: (B, H, W), booleans or numbers.
        like: a tensor of the shape it must have.

    Raises:
        ValueError: it has another shape.
    """
    require_same_shape(mask, like)
    return mask.bool()


def _difference(output: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Output minus target in single precision, 0 where the mask is, whatever the target holds there."""
    require_same_shape(output, target)
    difference = output.float() - target.float()
    if mask is None:
        return difference
    return torch.where(counted(mask, _without_channels(output)).unsqueeze(1), difference, 0.0)


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Means over channels and counted pixels of values (B, C, …) that are 0 elsewhere, (B,)."""
    if mask is None:
        return values.flatten(1).mean(dim=1)
    pixels = _sum(mask.bool().float())
    return _sum(values) / (values.shape[1] * pixels).clamp(min=1)


def _sum(values: Tensor) -> Tensor:
    """Sums over all but the first dimension, (B,)."""
    return values.reshape(values.shape[0], -1).sum(dim=1)


def _without_channels(output: Tensor) -> Tensor:
    return output.select(1, 0)


def _table(weights: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(weights, dtype=torch.float32, device=like.device)


def require_same_shape(given: Tensor, expected: Tensor) -> None:
    """Refuse what broadcasting would take: (B, H, W) against (B, 1, H, W) mixes images up without a word.

    Raises:
        ValueError: the shapes differ.
    """
    if given.shape != expected.shape:
        raise ValueError(f"expected shape {tuple(expected.shape)}, found {tuple(given.shape)}")
