"""Weight files: safetensors are written and read, other projects' `torch.save` files are read.

Checkpoints hold more than weights, such as the training script's arguments or its best accuracy as a NumPy
number. None of that is needed or constructed: the types listed here become empty stand-ins, so that no code
runs but torch's restricted unpickler. A file that names any other type is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file

Weights = dict[str, Tensor]
"""Tensors by name, as in `torch.nn.Module.state_dict`."""
SAFETENSORS = ".safetensors"
ABOUT = "about"
"""The metadata key that describes what a file's weights are for."""
_PASSED_OVER = (
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"pathlib.{name}" for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
)
_AROUND_WEIGHTS = ("state_dict", "model", "model_state_dict", "model_state", "net")
_REFUSED = re.compile(r"GLOBAL (\S+)")
_EXPECTED = "expected weights, as of torch.save(state_dict) or safetensors"
_SHOWN = 120


def write_weights(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write weights as safetensors, whole or not at all.

    Args:
        path: of the file.
        weights: by name, on any device.
        about: what they are for, in JSON types; `read_about` returns it.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        save_file(plain(weights), temporary, metadata={ABOUT: json.dumps(about)})


def read_weights(path: Path) -> Weights:
    """The weights in a file: safetensors, or a state dict or checkpoint that `torch.save` wrote.

    Raises:
        InputError: there is no such file, or it holds something else; the message says what.
    """
    if path.suffix == SAFETENSORS:
        with _opened(path) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    content = unpickled(path)
    for key in _AROUND_WEIGHTS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    items = content.items() if isinstance(content, Mapping) else ()
    state = {str(key): value for key, value in items if isinstance(value, Tensor)}
    if not state:
        raise InputError(f"{path}: expected a state dict of tensors")
    return state


def read_about(path: Path) -> Any:  # noqa: ANN401 - whatever the file says
    """The description of its weights in a safetensors file, in JSON types; empty where there is none.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    with _opened(path) as file:
        metadata: Mapping[str, str] = file.metadata() or {}
        try:
            return json.loads(metadata.get(ABOUT, "{}"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: cannot read what these weights are for ({error})") from error


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each of a safetensors file's weights, without reading their values.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def unpickled(path: Path) -> object:
    """Read a `torch.save` file without running code: tensors, numbers, strings, and stand-ins for the rest.

    Raises:
        InputError: there is no such file, it is damaged, or it holds types that could run code.
    """
    stand_ins: list[Any] = [(_StandIn, name) for name in _PASSED_OVER]
    try:
        with torch.serialization.safe_globals(stand_ins):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: cannot read these weights ({error.strerror or error})") from error
    except UnpicklingError as error:
        raise InputError(f"{path}: {_what_is_in_the_way(path, str(error))}") from error
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())[:_SHOWN]
        raise InputError(f"{path}: cannot read these weights ({reason}); {_EXPECTED}") from error
    return content


def plain(weights: Mapping[str, Tensor]) -> Weights:
    """Weights ready to be saved: detached, contiguous and on the CPU."""
    return {name: values.detach().cpu().contiguous() for name, values in weights.items()}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot read these weights ({error})") from error


class _StandIn:
    """An empty object in place of one that is not needed, whatever its arguments."""

    def __new__(cls, *_: object, **__: object) -> "_StandIn":
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


def _what_is_in_the_way(path: Path, reason: str) -> str:
    named = _REFUSED.search(reason)
    if named is None:
        return _EXPECTED
    state = f"torch.load({str(path)!r}, weights_only=False)"
    line = f"found = {state}; torch.save(getattr(found, 'state_dict', lambda: found)(), 'weights.pth')"
    return (
        f"{_EXPECTED}; it holds {named[1]}, which could run code and is not read. If you trust the file, "
        f"save its weights alone: {line}"
    )
