"""The one reader of NumPy's .npy files: whatever they hold, an array or a plain error."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

_MAGIC = b"\x93NUMPY"


def read_npy(path: Path, *, mapped: bool = False) -> npt.NDArray[Any]:
    """The array of a file; nothing in it is unpickled.

    Args:
        path: the file.
        mapped: read values when they are asked for; a damaged header may claim more than fits into memory.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or no .npy file.
    """
    with path.open("rb") as file:  # NumPy itself would open a zip archive or unpickle, whatever the name
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("expected a .npy file of NumPy, found something else")
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    # NumPy reads a header as the Python literal that it is.
    except (EOFError, SyntaxError, TokenError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise ValueError(str(error)) from error
    return array
