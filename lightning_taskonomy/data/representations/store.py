"""Reading representations: memory-mapped, by the places of samples; refuses stale and damaged ones."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.representations.index import (
    KEY_COLUMN,
    KEYS,
    TENSOR,
    StoreIndex,
    part_name,
)
from lightning_taskonomy.data.shards.index import Keys
from lightning_taskonomy.data.stream.partners import Span

_SHOWN = 12
"""Digits of a fingerprint that a message shows."""


class RepresentationStore:
    """The representations of some samples of one split by one encoder.

    Files are memory-mapped, so that a store may be larger than memory and processes share what they read.
    Objects are pickled as their path.

    Args:
        path: the folder.

    Attributes:
        path: the folder.
        source: name of the encoder.
        shape: of a representation, (C, s, s).
        size: pixels per side of the images.
        weights: fingerprint of the encoder's weights.
        data: fingerprint of the images.
        span: the samples, by their places in the split's index.

    Raises:
        InputError: not a store, not finished, or a file has the wrong size or shape.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._index = StoreIndex.read(self.path)
        index = self._index
        self.source, self.shape, self.size = index.source, index.shape, index.size
        self.weights, self.data = index.weights, index.data
        self.span = Span(index.first, index.first + index.samples)
        if index.rows != index.samples:
            raise InputError(
                f"{self.path}: damaged: expected parts with {index.samples} rows, found {index.rows}"
            )
        index.keys.check_size(self.path / KEYS)
        self._parts = [self._mapped(number) for number in range(len(index.parts))]
        self._starts = np.cumsum([0, *(part.rows for part in index.parts)])

    def __len__(self) -> int:
        """How many samples there are."""
        return self._index.samples

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    @cached_property
    def keys(self) -> Sequence[str]:
        """The key of each sample, in the order of places.

        Raises:
            InputError: the file of keys is damaged.
        """
        import pyarrow as pa
        from pyarrow import parquet

        try:
            keys = Keys(parquet.read_table(self.path / KEYS, columns=[KEY_COLUMN])[KEY_COLUMN])
        except (OSError, KeyError, pa.ArrowException) as error:
            raise InputError(f"{self.path / KEYS}: cannot read the keys of a store ({error})") from error
        if len(keys) != len(self):
            raise InputError(f"{self.path / KEYS}: damaged: expected {len(self)} keys, found {len(keys)}")
        return keys

    def rows(self, places: npt.NDArray[np.int64] | Tensor) -> Tensor:
        """Representations of samples; no others are read.

        Args:
            places: of the samples in the split's index, (…).

        Returns:
            float16, (…, C, s, s), a copy.

        Raises:
            InputError: a place is not in the store.
        """
        place_array = places.cpu().numpy() if isinstance(places, Tensor) else places
        wanted = place_array.astype(np.int64, casting="safe").reshape(-1) - self._index.first
        outside = (wanted < 0) | (wanted >= len(self))
        if outside.any():
            first, last = self._index.first, self._index.first + len(self) - 1
            found = int(wanted[outside][0]) + first
            raise InputError(f"{self.path}: expected places from {first} to {last}, found {found}")
        return self._gathered(wanted).view(*place_array.shape, *self.shape)

    def _gathered(self, wanted: npt.NDArray[np.int64]) -> Tensor:
        """Rows (n, C, s, s), read part by part, then put into the requested order."""
        part_of = np.searchsorted(self._starts, wanted, side="right") - 1
        order = np.argsort(part_of, kind="stable")
        taken = torch.empty(len(wanted), *self.shape, dtype=torch.float16)
        parts, firsts = np.unique(part_of[order], return_index=True)
        ends = np.append(firsts, len(wanted))[1:]
        for part, first, end in zip(parts, firsts, ends, strict=True):
            rows = torch.from_numpy(wanted[order[first:end]] - self._starts[part])
            torch.index_select(self._parts[part], 0, rows, out=taken[first:end])
        if len(parts) < 2:
            return taken
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return taken.index_select(0, torch.from_numpy(back))

    def require(self, weights: str, data: str) -> None:
        """Check that the store is of this encoder and these images.

        Args:
            weights: fingerprint of the encoder's weights as they are now.
            data: fingerprint of the images as they are now.

        Raises:
            InputError: names what differs.
        """
        for name, found, expected in (
            (f"weights of {self.source}", self.weights, weights),
            ("data", self.data, data),
        ):
            if found != expected:
                raise InputError(
                    f"{self.path}: stale: made with other {name}: "
                    f"expected fingerprint {expected[:_SHOWN]}…, found {found[:_SHOWN]}…"
                )

    def verify(self) -> None:
        """Read every file and compare its SHA-256.

        Raises:
            InputError: names a file that is missing or damaged.
        """
        self._index.keys.check_content(self.path / KEYS)
        for number, part in enumerate(self._index.parts):
            part.file.check_content(self.path / part_name(number))

    def _mapped(self, number: int) -> Tensor:
        """The rows of a part, memory-mapped: nothing is read yet."""
        part, path = self._index.parts[number], self.path / part_name(number)
        part.file.check_size(path)
        try:
            with safe_open(path, framework="pt") as file:
                tensor: Tensor = file.get_tensor(TENSOR)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: damaged: cannot read it ({error})") from error
        expected = (part.rows, *self.shape)
        if tuple(tensor.shape) != expected or tensor.dtype != torch.float16:
            raise InputError(
                f"{path}: damaged: expected float16 {expected}, "
                f"found {str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
            )
        return tensor
