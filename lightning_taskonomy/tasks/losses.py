"""Losses per image, for training networks and for comparing contenders.

Every loss takes `(output, target, mask=None)` and returns one value per image, (B,), in single precision
whatever the precision of the output. The mask (B, H, W) is true or non-zero at valid pixels; None means all
are valid. An image without valid pixels has loss 0 and no gradient.
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
    """Mean absolute error over channels and valid pixels; (B, C, H, W) or (B, n) to (B,).

    Raises:
        ValueError: output and target differ in shape, or the mask does not match them.
    """
    return _mean(_difference(output, target, mask).abs(), mask)


@dataclass(frozen=True)
class L2:
    """Mean squared error over channels and valid pixels; (B, C, H, W) or (B, n) to (B,).

    Attributes:
        robust_beyond: Threshold t; an image whose mean squared error s exceeds it has the loss
            t·(1 + log(s / t)), with the same value and slope at t. With t = 1 this is the 1 + log(s) that the
            configs of the published pose and layout networks contain but do not enable.
    """

    robust_beyond: float | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Raises:
            ValueError: output and target differ in shape, or the mask does not match them.
        """
        squared = _mean(_difference(output, target, mask).square(), mask)
        if self.robust_beyond is None:
            return squared
        threshold = self.robust_beyond
        # Clamped, since the logarithm's gradient at 0 would be infinite even where it is not selected.
        beyond = threshold * (1 + (squared.clamp(min=threshold) / threshold).log())
        return torch.where(squared > threshold, beyond, squared)


l2 = L2()


@dataclass(frozen=True)
class SoftCrossEntropy:
    """Cross-entropy with class probabilities; (B, K) or (B, K, H, W) to (B,).

    Attributes:
        weights: K class weights, or None for 1. A pixel (or a vector) has the weight of its most probable
            class, and the mean is over the number of valid pixels: images with rare colours weigh more than
            others, as in Zhang et al., Colorful Image Colorization, section 2.2. The weights should be 1 on
            average over the data.
    """

    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: Logits.
            target: Probabilities along dimension 1, of the same shape.
            mask: Valid pixels.

        Raises:
            ValueError: output and target differ in shape, or the mask does not match them.
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
    """Cross-entropy with class indices; logits (B, K, H, W) or (B, K) to (B,).

    Attributes:
        weights: K class weights, or None for 1. They normalise as in `torch.nn.CrossEntropyLoss`: the sum of
            weight times loss over an image's valid pixels is divided by the sum of weights.
    """

    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: Logits.
            target: Class indices, (B, H, W) or (B,), of any integer type; arbitrary where the mask is 0.
            mask: Valid pixels.

        Raises:
            ValueError: the shapes do not match.
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
    """All pairs of a sample of pixels of each image.

    Attributes:
        squared_distance: Squared distance of their embeddings, (B, n, n), single precision.
        same: Whether they belong to the same segment, (B, n, n).
        counted: True once for each pair, where i < j and both pixels are valid, (B, n, n).
    """

    squared_distance: Tensor
    same: Tensor
    counted: Tensor


@dataclass(frozen=True)
class PixelPairs:
    """Mean cross-entropy over pairs of pixels: do they belong to the same segment?

    The probability from the embeddings e of two pixels is p = 2 / (1 + exp(‖e_i − e_j‖²)), as in Fathi et
    al., Semantic Instance Segmentation via Deep Metric Learning. Where segments differ, squared distances are
    at least 1e-6, which limits the loss of a pair to 14.6.

    Attributes:
        pixels: Pixels drawn per image without replacement; all valid ones if there are fewer.
        seed: None draws new pixels with torch's generator at each call, for training. A number fixes the
            order of candidates for images of one size, of which the first valid ones are taken, so that all
            contenders are evaluated on the same pixels, on every machine.
    """

    pixels: int = 300
    seed: int | None = None

    def pixels_at(self, seed: int) -> "PixelPairs":
        """The same loss with fixed pixels, for evaluation."""
        return replace(self, seed=seed)

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each image.

        Args:
            output: Embeddings, (B, D, H, W).
            target: Segment ids, (B, H, W).
            mask: Valid pixels.

        Raises:
            ValueError: the shapes do not match.
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
        """The pairs over which the loss is averaged; arguments as in the loss."""
        require_same_shape(_without_channels(output), target)
        places, exist = self.places(target, mask)
        drawn = output.flatten(2).gather(2, places.unsqueeze(1).expand(-1, output.shape[1], -1))
        embeddings = drawn.transpose(1, 2).float()
        ids = target.long().flatten(1).gather(1, places)
        both = exist.unsqueeze(2) & exist.unsqueeze(1)
        squared = cast(Tensor, _SquaredDistances.apply(embeddings))  # type: ignore[no-untyped-call]
        return Pairs(squared, ids.unsqueeze(2) == ids.unsqueeze(1), both.triu(diagonal=1))

    def places(self, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The compared pixels: indices in the flattened image and whether they are valid, both (B, n).

        Args:
            target: Segment ids, (B, H, W).
            mask: Valid pixels, (B, H, W).
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

    The distances are sums of squared differences, since scalar products would leave only rounding errors for
    near-equal embeddings. The gradient uses scalar products, since torch's own gradient of the differences
    takes D times the memory of the distances on a GPU.
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
            # Only differences matter: centring minimises the loss of precision in scalar products.
            centred = vectors - vectors.mean(dim=1, keepdim=True)
            moved: Tensor = both.sum(dim=2, keepdim=True) * centred - both @ centred
            return 2 * moved


@lru_cache(maxsize=16)
def _fixed_order(seed: int, size: int) -> Tensor:
    """A random permutation of 0 to size − 1, from raw bits, which are stable across NumPy versions."""
    bits = np.random.PCG64(seed).random_raw(size)
    return torch.from_numpy(np.argsort(np.argsort(bits, kind="stable")).astype(np.float32))


@dataclass(frozen=True)
class PoseNorm:
    """Euclidean norm of the error of each relative pose, summed over the poses; (B, 6·poses) to (B,).

    Attributes:
        poses: 1 for a pair of views, 3 for a triplet; each is three angles and a translation, standardised.
        weights: Weight of each pose's norm; None for 1.
    """

    poses: int = 1
    weights: tuple[float, ...] | None = None

    def __call__(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of each example.

        Raises:
            ValueError: the shape is not (B, 6·poses), or there is a mask, which vectors do not have.
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
        like: A tensor of the expected shape.

    Raises:
        ValueError: it has another shape.
    """
    require_same_shape(mask, like)
    return mask.bool()


def _difference(output: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Output minus target in single precision, and 0 where the mask is 0, whatever the target there."""
    require_same_shape(output, target)
    difference = output.float() - target.float()
    if mask is None:
        return difference
    return torch.where(counted(mask, _without_channels(output)).unsqueeze(1), difference, 0.0)


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Means over channels and valid pixels of values (B, C, …) that are 0 elsewhere, (B,)."""
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
    """Reject shapes that would broadcast: (B, H, W) against (B, 1, H, W) would silently mix up images.

    Raises:
        ValueError: the shapes differ.
    """
    if given.shape != expected.shape:
        raise ValueError(f"expected shape {tuple(expected.shape)}, found {tuple(given.shape)}")
