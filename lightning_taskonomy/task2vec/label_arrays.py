"""Converts label arrays of any usual shape and type to targets.

Supported are class indices (N,) or (N, 1), integers stored as floats, names, bytes, booleans, one-hot rows;
0 or 1 per label; real values; and maps of classes or of values. Classes that occur are renumbered from 0:
WordNet or database ids leave gaps of millions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.targets import KINDS, Kind, Targets

Array = npt.NDArray[Any]
_FEW_CLASSES = 64
"""If all other classes are below this, or have few gaps, 255 stands for unknown."""
_FULL = (255, 65_535)
_MOST_NAMES = 10
_UNKNOWN_CLASSES = (-1, -100)
"""Class indices that stand for unknown: those of scikit-learn and of torch's `ignore_index`."""
_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Labels:
    """The content of a label array.

    Attributes:
        targets: Targets of the images whose label is known.
        rows: Indices of those images.
        classes: The array's own class ids or names, in the order of the indices in `targets`; None if the ids
            are the indices, or there are no classes.
        notes: How ambiguous values were interpreted, in words.
        count: Number of all images, with or without a label.
    """

    targets: Targets
    rows: npt.NDArray[np.intp]
    classes: list[Any] | None = None
    notes: tuple[str, ...] = ()
    count: int = 0


def read_labels(values: npt.ArrayLike, name: str, kind: Kind | None = None) -> Labels:
    """Interpret labels by their type and shape, or as the given kind.

    Args:
        values: One label per image, along the first axis.
        name: Name of the array, for messages.
        kind: What it holds; by default inferred from type and shape.

    Raises:
        InputError: the kind cannot be inferred, or the labels do not fit it; the message names the array.
    """
    try:
        if kind is not None and kind not in KINDS:
            raise InputError(f"expected a kind of {', '.join(KINDS)}, found {kind!r}")
        array = _plain(values)
        if array.ndim == 0 or array.size == 0:
            raise InputError(f"expected a label per image, found shape {array.shape}")
        return replace(_READERS[kind or _guessed(array)](array), count=len(array))
    except InputError as error:
        raise InputError(f"{name}: {str(error).removeprefix('targets: ')}") from error


def _plain(values: npt.ArrayLike) -> Array:
    """An array of numbers, or of names as strings."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError("expected labels of one shape; found several") from error
    if array.dtype.kind == "O":
        array = _of_objects(array)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "iufbU":
        raise InputError(f"expected numbers or names, found {array.dtype}")
    return array


def _of_objects(array: Array) -> Array:
    """Convert Python objects: names, or numbers with None for unknown."""
    kinds = {type(value) for value in array.flat} - {type(None)}
    if kinds and all(issubclass(each, str | bytes) for each in kinds):
        texts = [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in array.flat
        ]
        return np.array(["" if text is None else text for text in texts]).reshape(array.shape)
    if kinds and all(issubclass(each, int | float | np.number | np.bool_) for each in kinds):
        return np.array([np.nan if value is None else value for value in array.flat]).reshape(array.shape)
    found = ", ".join(sorted(each.__name__ for each in kinds)) or "nothing but null"
    raise InputError(f"expected numbers or names, equally many for each image; found {found}")


def _guessed(array: Array) -> Kind:
    if array.dtype.kind == "U":
        if array.size != len(array):
            raise InputError(f"expected one name per image, found shape {array.shape}")
        return "classes"
    whole = _is_whole(array)
    if array.size == len(array):
        return "classes" if whole else "values"
    if array.ndim == 2:
        return _kind_of_rows(array)
    if array.ndim == 3 or (array.ndim == 4 and 1 in (array.shape[1], array.shape[3]) and whole):
        return "pixel_classes" if whole else "pixel_values"
    if array.ndim == 4:
        return "pixel_values"
    raise InputError(f"expected labels of 1 to 4 dimensions, found shape {array.shape}")


def _kind_of_rows(array: Array) -> Kind:
    if not np.isin(array, (0, 1)).all():
        return "values"
    return "classes" if (array.sum(axis=1) == 1).all() else "labels"


def _is_whole(array: Array) -> bool:
    """Whether all values other than NaN are integers."""
    if array.dtype.kind in "iub":
        return True
    known = array[~np.isnan(array)]
    return bool(known.size and np.isfinite(known).all() and (known == np.round(known)).all())


def _classes(array: Array) -> Labels:
    notes = []
    if array.ndim == 2 and array.shape[1] > 1:
        if array.dtype.kind == "U" or not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            return Labels(Targets.of("classes", array), np.arange(len(array)))  # class probabilities
        notes.append(f"one-hot rows interpreted as {array.shape[1]} classes")
        array = array.argmax(axis=1)
    flat = array.reshape(len(array), -1)
    if flat.shape[1] != 1:
        raise InputError(f"expected one class per image, found shape {array.shape}")
    column = flat[:, 0]
    if column.dtype.kind == "U":
        known = column != ""
    else:
        column, known, of_unknown = _whole_numbers(column)
        notes += of_unknown
    rows = np.flatnonzero(known)
    occurring, numbers = np.unique(column[rows], return_inverse=True)
    if array.dtype.kind in "fU" and len(occurring) > max(_MOST_NAMES, len(rows) / 2):
        what = "names" if array.dtype.kind == "U" else "numbers"
        raise InputError(f"{len(occurring)} different {what} for {len(rows)} images are not classes")
    _require_two(len(occurring), "classes")
    if len(rows) < len(column):
        notes.append(f"{len(column) - len(rows)} images without a label left out")
    classes, renumbered = _renumbered(occurring)
    targets = _of_occurring("classes", numbers, occurring)
    return Labels(targets, rows, classes, (*notes, *renumbered))


def _pixel_classes(array: Array) -> Labels:
    if array.ndim == 4:
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0] if array.shape[3] == 1 else array
    if array.ndim != 3:
        raise InputError(f"expected maps of classes, (N, h, w), found shape {array.shape}")
    if array.dtype.kind == "U":
        raise InputError("expected class indices per pixel, found names")
    whole, known, notes = _whole_numbers(array)
    known &= whole != -1
    occurring, numbers = np.unique(whole[known], return_inverse=True)
    _require_two(len(occurring), "classes")
    maps = np.full(array.shape, -1, np.int64)
    maps[known] = numbers
    classes, renumbered = _renumbered(occurring)
    targets = _of_occurring("pixel_classes", maps, occurring)
    return Labels(targets, np.arange(len(array)), classes, (*notes, *renumbered))


def _whole_numbers(array: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], list[str]]:
    """Class indices, a mask of where they are known, and notes on the values interpreted as unknown."""
    if not _is_whole(array):
        odd = array[~(array == np.round(array)) & ~np.isnan(array)]
        raise InputError(f"classes must be integers; found {odd[0] if odd.size else 'none'}")
    known = ~np.isnan(array) if array.dtype.kind == "f" else np.ones(array.shape, dtype=bool)
    whole = np.where(known, array, 0).astype(np.int64)
    occurring, notes = np.unique(whole[known]), []
    for number in (*_UNKNOWN_CLASSES, *_FULL):
        others = occurring[occurring != number]
        if len(others) == len(occurring) or len(others) < 2:
            continue
        most = int(others.max())
        dense = 2 * len(others) > most and most < number - 1
        if number > 0 and not (most < _FEW_CLASSES or dense):
            continue
        known &= whole != number
        occurring = others
        notes.append(f"{number} interpreted as unknown, beside {len(others)} classes")
    return whole, known, notes


def _renumbered(occurring: Array) -> tuple[list[Any] | None, list[str]]:
    if occurring.dtype.kind == "U":
        return occurring.tolist(), []
    if np.array_equal(occurring, np.arange(len(occurring))):
        return None, []
    first, last = int(occurring[0]), int(occurring[-1])
    return occurring.tolist(), [f"{len(occurring)} classes occur, numbered {first} to {last}; renumbered"]


def _of_occurring(kind: Kind, numbers: Array, occurring: Array) -> Targets:
    targets = Targets.of(kind, numbers, len(occurring))
    renumbered = occurring.dtype.kind != "U" and not np.array_equal(occurring, np.arange(len(occurring)))
    return replace(targets, numbers=occurring.astype(np.int64)) if renumbered else targets


def _require_two(found: int, kind: str) -> None:
    if found < 2:
        raise InputError(f"a task needs at least 2 {kind}; found {found}")


def _numbers(array: Array) -> Labels:
    column = array[:, None] if array.ndim == 1 else array
    if column.dtype.kind == "U" or column.ndim != 2:
        raise InputError(f"expected numbers, (N,) or (N, K), found {column.dtype} of shape {column.shape}")
    rows = np.flatnonzero(~np.isnan(column.astype(float)).any(axis=1))
    if not len(rows):
        raise InputError("expected numbers; found none")
    left_out = len(column) - len(rows)
    notes = (f"{left_out} images without a label left out",) if left_out else ()
    _require_difference(column[rows])
    return Labels(Targets.of("values", column[rows]), rows, None, notes)


def _require_difference(rows: Array) -> None:
    if len(rows) > 1 and (rows == rows[:1]).all():
        raise InputError("every image has the same label; expected labels that differ")


def _labels(array: Array) -> Labels:
    column = array[:, None] if array.ndim == 1 else array
    _require_difference(column)
    return Labels(Targets.of("labels", _require_numbers(column)), np.arange(len(array)))


def _pixel_numbers(array: Array) -> Labels:
    maps, notes = _require_numbers(array), ()
    if maps.ndim == 3:
        maps = maps[:, None]
    elif maps.ndim == 4 and maps.shape[3] <= _MOST_CHANNELS < maps.shape[1]:
        maps = maps.transpose(0, 3, 1, 2)
        notes = (f"the last of the dimensions {array.shape} interpreted as channels",)  # type: ignore[assignment]
    return Labels(Targets.of("pixel_values", maps), np.arange(len(array)), None, notes)


def _require_numbers(array: Array) -> Array:
    if array.dtype.kind == "U":
        raise InputError("expected numbers, found names")
    return array


_READERS: dict[Kind, Callable[[Array], Labels]] = {
    "classes": _classes,
    "labels": _labels,
    "values": _numbers,
    "pixel_classes": _pixel_classes,
    "pixel_values": _pixel_numbers,
}
