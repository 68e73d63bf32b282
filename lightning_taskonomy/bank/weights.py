"""Reading and writing files of weights; nothing in them is run."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeGuard

import torch

from lightning_taskonomy.bank.published import Part, file_name
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.core.weight_files import (
    ABOUT,
    Weights,
    plain,
    read_about,
    read_weights,
    unpickled,
    write_weights,
)
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions
from lightning_taskonomy.tasks.task import Standard

_CHECKPOINT_PREFIX = "network."
_LARGEST_SIZE = 4096


@dataclass(frozen=True)
class StoredNetwork:
    """A network's weights and the file's metadata.

    Attributes:
        encoder: weights by their names in the published layout.
        decoder: likewise; None if absent.
        task: its name in the dictionary, if the file names it.
        size: pixels per side of its images, if the file states it.
        standard: of its vectors, where it is not the task's own.
    """

    encoder: Weights
    decoder: Weights | None
    task: str | None = None
    size: int | None = None
    standard: Standard | None = None


@dataclass(frozen=True)
class About:
    """The metadata of a file of weights; None for what it does not state.

    Attributes:
        task: its name in the dictionary, or that of a custom task.
        size: pixels per side of its images.
        standard: of its vectors, where it is not the task's own.
    """

    task: str | None = None
    size: int | None = None
    standard: Standard | None = None

    def as_json(self) -> dict[str, Any]:
        """As stored in files, with the label conventions."""
        return {
            "conventions": LABEL_CONVENTIONS,
            "task": self.task,
            "size": self.size,
            "standard": None if self.standard is None else self.standard.as_lists(),
        }


@dataclass(frozen=True)
class StoredPart:
    """A published encoder or decoder.

    Attributes:
        weights: by their names in the published layout.
        about: the file's metadata; the authors' own files have none.
    """

    weights: Weights
    about: About


def read_published(path: Path) -> StoredPart:
    """A published encoder or decoder.

    Raises:
        InputError: not such a file, a damaged one, or one that was trained on labels of other conventions.
    """
    content: Any = unpickled(path)
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not _is_weights(weights):
        raise InputError(f"{path}: expected a dict with weights as 'state_dict'")
    return StoredPart(dict(weights), _read_about(path, content.get(ABOUT) or {}))


def read_network(path: Path) -> StoredNetwork:
    """A whole network: safetensors, or a checkpoint of `fit`.

    Raises:
        InputError: not such a file, a damaged one, or one that was trained on labels of other conventions.
    """
    if path.suffix == ".ckpt":
        return _read_checkpoint(path)
    return _stored(path, read_weights(path), read_about(path))


def write_network(path: Path, network: StoredNetwork) -> None:
    """Write a whole network as safetensors, with its metadata.

    Raises:
        InputError: the file cannot be written.
    """
    weights = {f"encoder.{name}": values for name, values in network.encoder.items()}
    weights |= {f"decoder.{name}": values for name, values in (network.decoder or {}).items()}
    write_weights(path, weights, About(network.task, network.size, network.standard).as_json())


def write_published(folder: Path, part: Part, network: StoredNetwork) -> Path:
    """Write a part of a network in the published layout, under a name with its SHA-256.

    Metadata that the layout has no place for, such as the image size, is stored beside the weights, where the
    authors' classes do not look.

    Args:
        folder: to write to.
        part: `encoder` or `decoder`.
        network: which must have that part and name its task.

    Returns:
        The file.

    Raises:
        InputError: it cannot be written.
    """
    weights = network.encoder if part == "encoder" else network.decoder
    assert weights is not None
    assert network.task is not None
    content = io.BytesIO()
    about = About(network.task, network.size, network.standard)
    torch.save({"state_dict": plain(weights), ABOUT: about.as_json()}, content)
    path = folder / file_name(network.task, part, sha256(content.getbuffer()).hexdigest())
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    return path


def _read_checkpoint(path: Path) -> StoredNetwork:
    content: Any = unpickled(path)
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not _is_weights(weights):
        raise InputError(f"{path}: expected a checkpoint with weights as 'state_dict'")
    network = {
        name.removeprefix(_CHECKPOINT_PREFIX): values
        for name, values in weights.items()
        if name.startswith(_CHECKPOINT_PREFIX)
    }
    about = content.get("contender")
    return _stored(path, network, about if isinstance(about, dict) else {})


def _stored(path: Path, weights: Weights, about: Mapping[str, Any]) -> StoredNetwork:
    encoder, decoder = (
        {
            name.removeprefix(f"{part}."): values
            for name, values in weights.items()
            if name.startswith(f"{part}.")
        }
        for part in ("encoder", "decoder")
    )
    if not encoder:
        message = (
            f"a decoder without its encoder in {path}"
            if decoder
            else f"{path}: expected an encoder's weights"
        )
        raise InputError(message)
    metadata = _read_about(path, about)
    return StoredNetwork(encoder, decoder or None, metadata.task, metadata.size, metadata.standard)


def _read_about(path: Path, about: Any) -> About:  # noqa: ANN401 - as a file has it
    try:
        if about:  # weights from elsewhere have no metadata
            require_conventions(about.get("conventions"), str(path), "train again")
        task, size = about.get("task"), about.get("size")
        if size is not None and not 16 <= int(size) <= _LARGEST_SIZE:
            raise ValueError(f"size: expected 16 to {_LARGEST_SIZE} pixels, found {size}")
        return About(
            None if task is None else str(task),
            None if size is None else int(size),
            _standard(about.get("standard")),
        )
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot read what these weights are for ({error})") from error


def _standard(numbers: Any) -> Standard | None:  # noqa: ANN401 - as a file has it
    if numbers is None:
        return None
    mean, deviation = numbers
    return Standard(tuple(map(float, mean)), tuple(map(float, deviation)))


def _is_weights(content: object) -> TypeGuard[Weights]:
    return isinstance(content, dict) and bool(content) and all(map(torch.is_tensor, content.values()))
