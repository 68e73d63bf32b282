"""Weights of probes from files as others write them: safetensors, state dicts, and checkpoints around those.

Checkpoints hold more than weights: the arguments of the training script, its best accuracy as a number of
numpy. Nothing of that is needed, and nothing of it is made: of what is named here an empty stand-in takes the
place, so that no code runs but torch's restricted reader. A file that names anything else is refused.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lightning_taskonomy.core.errors import InputError

_PASSED_OVER = (
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"pathlib.{name}" for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
)
_AROUND_WEIGHTS = ("state_dict", "model", "model_state_dict", "model_state", "net")
_REFUSED = re.compile(r"GLOBAL (\S+)")


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a file: safetensors, or what `torch.save` wrote of a state dict or a checkpoint of one.

    Raises:
        InputError: there is no such file, or it holds something else; says what stands in the way.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stand_ins: list[Any] = [(_StandIn, name) for name in _PASSED_OVER]
        with torch.serialization.safe_globals(stand_ins):
            found: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror or error})") from error
    except UnpicklingError as error:
        raise InputError(f"{path}: {_what_is_in_the_way(path, str(error))}") from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: expected weights, as of torch.save(state_dict) or safetensors") from error
    for key in _AROUND_WEIGHTS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    items = found.items() if isinstance(found, Mapping) else ()
    state = {str(key): value for key, value in items if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path}: expected a state dict of tensors")
    return state


class _StandIn:
    """Takes the place of an object that is not needed, whatever it was made of."""

    def __new__(cls, *_: object, **__: object) -> "_StandIn":
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


def _what_is_in_the_way(path: Path, reason: str) -> str:
    expected = "expected weights, as of torch.save(state_dict) or safetensors"
    named = _REFUSED.search(reason)
    if named is None:
        return expected
    state = f"torch.load({str(path)!r}, weights_only=False)"
    line = f"found = {state}; torch.save(getattr(found, 'state_dict', lambda: found)(), 'weights.pth')"
    return (
        f"{expected}; it holds {named[1]}, which could run code and is not read. Where you trust the file, "
        f"write its weights alone: {line}"
    )
