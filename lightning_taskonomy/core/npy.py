"""Reading NumPy's .npy files: an array, or one of two plain exceptions."""

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
        mapped: memory-map the file instead; a damaged header may claim more than fits into memory.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or no .npy file.
    """
    with path.open("rb") as file:  # np.load would open a zip archive or unpickle, whatever the suffix
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("expected a .npy file of NumPy, found something else")
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    # NumPy parses the header as a Python literal, which raises these if it is damaged.
    except (EOFError, SyntaxError, TokenError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise ValueError(str(error)) from error
    return array
