"""Statistics of a data set: means and deviations of vectors, and how rare colours are.

Measured on the first training samples, in order, so that every rank gets the same values.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.data.stream.reading import BrokenSampleError
from lightning_taskonomy.tasks.colours import BINS, rarity_weights
from lightning_taskonomy.tasks.losses import SoftCrossEntropy
from lightning_taskonomy.tasks.task import Example, Standard, Stored, Task

COLORIZATION = "colorization"
_VECTORS, _PICTURES = 4096, 256
"""Samples that are measured, at most."""
_LEAST_DEVIATION = 1e-3
"""Radians or metres: a value that never varies would be divided by zero."""


def measured(task: Task, shards: str, size: int, seed: int) -> Task:
    """The task with its statistics on the training split; unchanged, if it needs none.

    Args:
        task: of the dictionary.
        shards: as `TaskonomyDataModule` takes them.
        size: pixels per side.
        seed: of noise, crops and partners.

    Raises:
        InputError: not a packed split, or no sample has what the task needs.
    """
    if task.standard is not None:
        raw = replace(task, standard=None)
        vectors = np.stack([np.asarray(made.target) for made in _examples(raw, shards, size, seed, _VECTORS)])
        deviation = np.maximum(vectors.std(axis=0, dtype=np.float64), _LEAST_DEVIATION)
        mean = vectors.mean(axis=0, dtype=np.float64)
        return replace(task, standard=Standard(tuple(mean.tolist()), tuple(deviation.tolist())))
    if task.name == COLORIZATION and task.loss == SoftCrossEntropy():
        shares = np.zeros(len(BINS))
        for made in _examples(task, shards, size, seed, _PICTURES):
            shares += _shares(made)
        return replace(task, loss=SoftCrossEntropy(tuple(rarity_weights(shares / shares.sum()).tolist())))
    return task


def with_colour_weights(task: Task, path: Path) -> Task:
    """Colorization with given colour weights, such as the authors' 313; other tasks are unchanged.

    Args:
        task: of the dictionary.
        path: `.npy`, or text with one number per line: the weight of each colour bin, 0 for one that never
            counts.

    Raises:
        InputError: the file cannot be read, or does not hold such weights.
    """
    if task.name != COLORIZATION:
        return task
    try:
        given = read_npy(path) if path.suffix == ".npy" else np.loadtxt(path)
        weights = np.asarray(given, np.float64).ravel()
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{path}: cannot read these colour weights ({error})") from error
    if len(weights) != len(BINS) or not (np.isfinite(weights).all() and weights.min() >= 0 < weights.max()):
        raise InputError(
            f"{path}: expected the weights of {len(BINS)} colour bins, 0 or more, "
            f"found {len(weights)} numbers"
        )
    return replace(task, loss=SoftCrossEntropy(tuple(weights.tolist())))


def _examples(task: Task, shards: str, size: int, seed: int, most: int) -> list[Example]:
    examples = Examples.of(shards, "train", [task], size, seed, same_each_epoch=True)
    made = []
    for sample in np.flatnonzero(examples.eligible())[:most].tolist():
        try:
            made.append(examples.of_sample(0, sample)[task.name].example)
        except BrokenSampleError:  # counted and logged in training
            continue
    if not made:
        raise InputError(f"{shards}/train: no sample has what {task.name} needs")
    return made


def _shares(example: Example) -> npt.NDArray[np.float64]:
    """How much of an image falls into each colour bin, (bins,)."""
    assert isinstance(example.target, Stored)
    stored = example.target.values
    few = stored.shape[-1] // 2
    bins, shares = stored[..., :few].astype(np.int64).ravel(), stored[..., few:].ravel()
    return np.bincount(bins, shares, minlength=len(BINS)).astype(np.float64)
