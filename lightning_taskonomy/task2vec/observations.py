"""Training data of last layers: features of images, of pixels, or of pairs of pixels, and their labels."""

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
    """Training data of one task's last layer.

    Attributes:
        features: (R, D), of images, pixels or pixel pairs.
        rows: Row of `features` for each observation, (M,).
        targets: (M,) class indices, or (M, K).
        weights: Sampling weight of each observation, (M,).
        likelihood: The likelihood to maximise.
        outputs: K.
    """

    features: Tensor
    rows: Tensor
    targets: Tensor
    weights: Tensor
    likelihood: Likelihood
    outputs: int


PIXELS_PER_PICTURE = 64
"""Pixels drawn from each image to train the last layer of a dense task."""


def observations(
    features: Tensor, places: Rows, targets: Targets, pairs: PixelPairs | None = None, seed: int = 0
) -> Observations:
    """The training data of a task's last layer.

    Args:
        features: (N, D, P) of all images.
        places: Indices of the task's images among them.
        targets: Targets of those, at the resolution of the features.
        pairs: For targets that are segments, the pixel pairs to compare.
        seed: Seed of the draw of pixels.

    Raises:
        InputError: no pixel, or no pair of pixels, has a known target.
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
        raise InputError("targets: no pixel of the task has a known label")
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
        raise InputError("targets: no pair of pixels of the task has known labels")
    found = pairs.read(features, pictures)[picture, :, pair]
    same = pairs.same(segments, pictures)[picture, :, pair]
    share = same.mean().clamp(0.01, 0.99).double()
    weights = torch.where(same[:, 0] > 0, 1 / share, 1 / (1 - share))
    return Observations(found, torch.arange(len(found)), same, weights, Bernoulli(1), 1)
