"""A task's labels, of one of five kinds, as an array."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.likelihoods import Bernoulli, Categorical, Gaussian, Likelihood

Kind = Literal["classes", "labels", "values", "pixel_classes", "pixel_values"]
KINDS: tuple[str, ...] = get_args(Kind)
_DIMENSIONS = {"labels": 2, "values": 2, "pixel_classes": 3, "pixel_values": 4}


@dataclass(frozen=True)
class Targets:
    """The labels of a task's images.

    Attributes:
        kind: Kind of the values.

            * `classes`: class indices (N,), or class probabilities (N, K);
            * `labels`: 0 or 1 for each of K labels, of which several may be present, (N, K);
            * `values`: K real values, (N, K);
            * `pixel_classes`: class indices (N, h, w), −1 where unknown;
            * `pixel_values`: K real values per pixel, (N, K, h, w), NaN where unknown.
        values: The array.
        outputs: K.
        numbers: The data set's own class ids by class index, if classes were renumbered.
    """

    kind: Kind
    values: npt.NDArray[Any]
    outputs: int
    numbers: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(cls, kind: Kind, values: npt.ArrayLike, outputs: int | None = None) -> "Targets":
        """Check an array of labels.

        Args:
            kind: What it holds.
            values: The labels.
            outputs: Number of classes, if some do not occur in the array.

        Raises:
            InputError: the array does not fit the kind.
        """
        if kind not in KINDS:
            raise InputError(f"kind: expected one of {', '.join(KINDS)}, found {kind!r}")
        array = np.asarray(values)
        expected = _DIMENSIONS.get(kind, 2 if array.ndim == 2 else 1)
        if array.ndim != expected or not len(array):
            found = f"found shape {array.shape}"
            raise InputError(f"targets: {kind} must be a non-empty array of {expected} dimensions; {found}")
        if kind in ("classes", "pixel_classes") and array.ndim != 2:
            return cls(kind, *_classes(kind, array, outputs))
        array = array.astype(np.float32)
        known = array[np.isfinite(array)] if kind == "pixel_values" else array
        if not np.isfinite(known).all():
            raise InputError(f"targets: {kind} must be finite; found {array[~np.isfinite(array)][0]}")
        if kind == "labels" and not np.isin(array, (0, 1)).all():
            raise InputError(f"targets: labels are 0 or 1; found {array[~np.isin(array, (0, 1))][0]}")
        return cls(kind, array, array.shape[1])

    @property
    def dense(self) -> bool:
        """Whether there is a label per pixel."""
        return self.kind.startswith("pixel")

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, chosen: npt.NDArray[np.intp]) -> "Targets":
        """The targets of some of the images."""
        return replace(self, values=self.values[chosen])

    def as_numbered(self) -> "Targets":
        """With the data set's own class ids as indices, as in a classifier trained on it."""
        if self.numbers is None or self.numbers.min() < 0:
            return self
        values = np.where(self.values < 0, -1, self.numbers[self.values])
        return replace(self, values=values, outputs=int(self.numbers.max()) + 1, numbers=None)

    def at_side(self, side: int) -> "Targets":
        """Dense targets at another resolution, by nearest neighbour."""
        if not self.dense or self.values.shape[-2:] == (side, side):
            return self
        rows, columns = (_nearest(size, side) for size in self.values.shape[-2:])
        return replace(self, values=self.values[..., rows[:, None], columns])

    def tensor(self) -> Tensor:
        """(N, P) class indices or (N, K, P) values, with P = 1 if they are not dense."""
        if self.kind == "pixel_classes":
            return torch.from_numpy(self.values).flatten(1)
        if self.kind == "pixel_values":
            return torch.from_numpy(self.values).flatten(2)
        return torch.from_numpy(self.values).unsqueeze(-1)

    def counted(self) -> Tensor:
        """Mask of known labels, (N, P)."""
        values = self.tensor()
        if self.kind == "pixel_classes":
            return values >= 0
        if self.kind == "pixel_values":
            return values.isfinite().all(dim=1)
        return torch.ones(len(values), 1, dtype=torch.bool)

    def likelihood(self) -> Likelihood:
        """The likelihood of labels of this kind; real values have variance 1."""
        if self.kind == "labels":
            return Bernoulli(self.outputs)
        if self.kind.endswith("values"):
            return Gaussian((1.0,) * self.outputs)
        return Categorical(self.outputs)

    def balancing_weights(self) -> npt.NDArray[np.float64]:
        """A weight per image, 1 on average; all classes weigh the same if each image has exactly one."""
        if self.kind != "classes" or self.values.ndim != 1:
            return np.ones(len(self))
        counts = np.bincount(self.values, minlength=self.outputs)
        weights = 1.0 / counts[self.values]
        balanced: npt.NDArray[np.float64] = weights / weights.mean()
        return balanced


def _classes(kind: str, array: npt.NDArray[Any], outputs: int | None) -> tuple[npt.NDArray[Any], int]:
    if array.dtype.kind not in "iub" and not np.array_equal(array, np.round(array)):
        raise InputError(f"targets: {kind} must be integers; found {array[array != np.round(array)][0]}")
    classes = array.astype(np.int64)
    least = -1 if kind == "pixel_classes" else 0
    if classes.min() < least:
        raise InputError(f"targets: {kind} start at {least}; found {classes.min()}")
    number = int(classes.max()) + 1 if outputs is None else outputs
    if classes.max() >= number:
        raise InputError(f"targets: expected {kind} below {number}, found {classes.max()}")
    if number < 2:
        raise InputError(f"targets: a task needs at least 2 {kind}; found {number}")
    return classes, number


def _nearest(size: int, side: int) -> npt.NDArray[np.intp]:
    places = (np.arange(side) + 0.5) * size / side
    return np.minimum(places.astype(np.intp), size - 1)
