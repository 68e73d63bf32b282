"""What last layers learn from: features of pictures, of pixels, or of pairs of pixels, and their labels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.labelled_task import Rows
from lightning_taskonomy.task2vec.likelihoods import Bernoulli, Likelihood
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.targets import Targets


@dataclass(frozen=True)
class Observations:
    """What one task's last layer learns from.

    Attributes:
        features: (R, D): of pictures, or of pixels or pairs of theirs.
        rows: (M,), which of them each observation has.
        targets: (M,) class numbers, or (M, K).
        weights: With which each is drawn, (M,).
        likelihood: What is maximised.
        outputs: K.
    """

    features: Tensor
    rows: Tensor
    targets: Tensor
    weights: Tensor
    likelihood: Likelihood
    outputs: int


PIXELS_PER_PICTURE = 64
"""Pixels that the last layer of a dense task learns from, drawn from each picture."""


def observations(
    features: Tensor, places: Rows, targets: Targets, pairs: PixelPairs | None = None, seed: int = 0
) -> Observations:
    """What a task's last layer learns from.

    Args:
        features: (N, D, P) of all pictures.
        places: Where among them the task's are.
        targets: Of those, at the resolution of the features.
        pairs: Where the targets are segments: the pairs that are compared.
        seed: Of which pixels are drawn.
    """
    values, counted = targets.tensor(), targets.counted()
    pictures = torch.from_numpy(places)
    if not targets.dense:
        weights = torch.from_numpy(targets.balancing_weights())
        bank = features[..., 0]  # a view: tasks on the same pictures share its memory
        return Observations(bank, pictures, values[..., 0], weights, targets.likelihood(), targets.outputs)
    if pairs is not None:
        return _paired(features[pictures], pictures, values, counted, pairs)
    order = torch.rand(counted.shape, generator=torch.Generator().manual_seed(seed))
    best = torch.where(counted, order, -1.0).topk(min(PIXELS_PER_PICTURE, counted.shape[1]), dim=1)
    picture, slot = (best.values >= 0).nonzero(as_tuple=True)
    place = best.indices[picture, slot]
    if not len(picture):
        raise InputError("targets: not a single pixel of the task is known")
    picked = values[picture, place] if values.ndim == 2 else values[picture, :, place]
    weights = torch.ones(len(picked), dtype=torch.float64)
    if targets.kind == "pixel_classes":
        weights = 1.0 / torch.bincount(picked, minlength=targets.outputs)[picked].double()
    found = features[pictures[picture], :, place]
    return Observations(
        found, torch.arange(len(found)), picked, weights, targets.likelihood(), targets.outputs
    )


def _paired(
    features: Tensor, pictures: Tensor, segments: Tensor, known: Tensor, pairs: PixelPairs
) -> Observations:
    picture, pair = torch.stack(pairs.of(known, pictures)).all(dim=0).nonzero(as_tuple=True)
    if not len(picture):
        raise InputError("targets: not a single pair of pixels of the task is known")
    found = pairs.read(features, pictures)[picture, :, pair]
    same = pairs.same(segments, pictures)[picture, :, pair]
    share = same.mean().clamp(0.01, 0.99).double()
    weights = torch.where(same[:, 0] > 0, 1 / share, 1 / (1 - share))
    return Observations(found, torch.arange(len(found)), same, weights, Bernoulli(1), 1)
