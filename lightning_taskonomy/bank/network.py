"""A trained network as a module: its sizes follow from its weights."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lightning_taskonomy.bank.digest import verify
from lightning_taskonomy.bank.folder import OWN_SUFFIX, BankEntry, BankFolder
from lightning_taskonomy.bank.published import parsed
from lightning_taskonomy.bank.weights import (
    About,
    StoredNetwork,
    StoredPart,
    read_network,
    read_published,
)
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import written_name
from lightning_taskonomy.core.weight_files import Weights
from lightning_taskonomy.nn import Encoder, PairDecoder, PixelDecoder, VectorDecoder
from lightning_taskonomy.nn.decoder import INNER_LAYERS, LAST_LAYER, PIXEL_LAYERS
from lightning_taskonomy.tasks import registered_task, task_named
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.training.decoders import is_bounded

PUBLISHED_SIZE = 256
CHECKPOINT_SUFFIX = ".ckpt"


class BankNetwork(nn.Module):
    """A trained network, in evaluation mode and without gradients.

    Attributes:
        task: what it was trained for.
        size: pixels per side of the images that it was trained on.
        encoder: (B, C, S, S) from −1 to 1 -> (B, 8, S/16, S/16).
        decoder: of the representations of all views, concatenated along channels; None if absent.
    """

    def __init__(
        self, task: Task, size: int, encoder: Encoder, decoder: PixelDecoder | VectorDecoder | None
    ) -> None:
        super().__init__()
        self.task, self.size = task, size
        self.encoder, self.decoder = encoder, decoder
        self.float().requires_grad_(False).eval()

    def represent(self, pictures: Tensor) -> Tensor:
        """(B, views, C, S, S) -> (B, views * channels, s, s), the views concatenated along channels."""
        representations: Tensor = self.encoder(pictures.flatten(0, 1))
        return representations.reshape(pictures.shape[0], -1, *representations.shape[2:])

    @property
    def stored(self) -> StoredNetwork:
        """Its weights, with the metadata that a file should hold."""
        decoder = None if self.decoder is None else dict(self.decoder.state_dict())
        return StoredNetwork(
            dict(self.encoder.state_dict()), decoder, self.task.name, self.size, self.task.standard
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, views, C, S, S) -> the decoder's output.

        Raises:
            InputError: there is no decoder.
        """
        if self.decoder is None:
            raise InputError(f"{self.task.name}: this network has no decoder")
        output: Tensor = self.decoder(self.represent(pictures))
        return output


def tasks_in(folder: BankFolder, named: Iterable[str] = ()) -> list[Task]:
    """The tasks that a folder has encoders of.

    Args:
        folder: of weights.
        named: names given by the user, as `task_named` takes them; by default all tasks of the folder.

    Raises:
        InputError: no such task, a file named after a task that is not registered, or no weights at all.
    """
    tasks = [task_named(name) for name in named] or [
        registered_task(name, str(entry.paths[0]))
        for name, entry in folder.entries.items()
        if entry.has_encoder
    ]
    if not tasks:
        raise InputError(f"{folder.path}: expected weights, found none in this folder")
    return list({task.name: task for task in tasks}.values())


def load(task: str | Task, folder: str | Path | None = None, normalised: bool = False) -> BankNetwork:
    """The trained network of a task.

    Args:
        task: a task or its name; or `FILE.py:NAME` for a custom task, whose file is run.
        folder: of weights; by default the one that the environment variable LIGHTNING_TASKONOMY_BANK names.
        normalised: group-normalise the representations, as is done where the published encoders are used
            alone; the decoders expect representations that are not normalised.

    Raises:
        InputError: no such task, no weights for it, or files that are damaged or of another network.
    """
    found = task if isinstance(task, Task) else task_named(task)
    return network_of(found, stored_network(found, BankFolder.open(folder).entry(found.name)), normalised)


def load_file(path: str | Path, task: str | Task | None = None) -> BankNetwork:
    """The network of one file: safetensors, a checkpoint of `fit`, or a published encoder.

    Args:
        path: of the file.
        task: what it was trained for, as `load` takes it; by default the task that the file names, which must
            be registered.

    Raises:
        InputError: the file is damaged, of another task, or does not say which task it is for.
    """
    path = Path(path)
    stored, named = _read_file(path)
    if task is None and named is None:
        raise InputError(f"{path}: the file does not say which task its weights are for; name it")
    if task is None:
        task = registered_task(named or "", str(path))
    return network_of(task if isinstance(task, Task) else task_named(task), stored, False, str(path))


def load_encoder(task: str | Task, place: Path) -> Encoder:
    """The trained encoder of a task.

    Args:
        task: as `load` takes it.
        place: a folder of weights, or a file.

    Raises:
        InputError: no such task or weights, or files that are damaged or of another network.
    """
    return load_file(place, task).encoder if place.is_file() else load(task, place).encoder


def stored_network(task: Task, entry: BankEntry) -> StoredNetwork:
    """The weights of a folder's entry, their hashes checked.

    Raises:
        InputError: damaged, or of another task.
    """
    if entry.own:
        return read_network(entry.own[0])
    parts: dict[str, StoredPart] = {}
    for part in ("encoder", "decoder"):
        found = entry.part(part)
        if found is not None:
            verify(*found)
            parts[part] = read_published(found[0])
    return _published(parts["encoder"], parts.get("decoder"), task.name, f"weights of {task.name}")


def network_of(
    task: Task, stored: StoredNetwork, normalised: bool = False, origin: str | None = None
) -> BankNetwork:
    """Build a network from stored weights.

    Args:
        task: what it was trained for.
        stored: the weights.
        normalised: group-normalise the representations.
        origin: what messages call the weights; by default the task's name.

    Raises:
        InputError: the weights are those of another task or another architecture.
    """
    origin = origin or f"weights of {task.name}"
    if stored.task is not None and written_name(stored.task) != task.name:
        raise InputError(f"{origin}: expected weights of {task.name}, found those of {stored.task}")
    if stored.standard is not None and task.standard is not None:
        task = replace(task, standard=stored.standard)
    with torch.device("meta"):  # fresh weights would take seconds, only to be replaced
        encoder = _encoder(stored.encoder, normalised, origin)
        decoder = None if stored.decoder is None else _decoder(task, stored.decoder, origin)
    if decoder is not None:
        _require_joined(task, encoder, decoder, stored.decoder or {}, origin)
    size = stored.size or _size(task, encoder, decoder) or PUBLISHED_SIZE
    return BankNetwork(task, size, encoder, decoder)


def _read_file(path: Path) -> tuple[StoredNetwork, str | None]:
    if path.suffix in (OWN_SUFFIX, CHECKPOINT_SUFFIX):
        stored = read_network(path)
        return stored, stored.task
    name = parsed(path.name)
    if name is None or name.part != "encoder":
        raise InputError(
            f"{path}: expected {OWN_SUFFIX}, {CHECKPOINT_SUFFIX}, or <task>_encoder-<sha256>.pth"
        )
    verify(path, name)
    return _published(read_published(path), None, None, str(path)), name.task


def _published(
    encoder: StoredPart, decoder: StoredPart | None, task: str | None, origin: str
) -> StoredNetwork:
    """A network of published parts; the authors' own files hold no metadata, and are for `PUBLISHED_SIZE`."""
    parts = [encoder] if decoder is None else [encoder, decoder]
    metadata = {part.about for part in parts} - {About()}
    if len(metadata) > 1:
        raise InputError(f"{origin}: expected parts of one network; encoder and decoder disagree")
    about = metadata.pop() if metadata else About()
    return StoredNetwork(
        encoder.weights,
        None if decoder is None else decoder.weights,
        about.task or task,
        about.size or PUBLISHED_SIZE,
        about.standard,
    )


def _encoder(weights: Weights, normalised: bool, origin: str) -> Encoder:
    _require_keys(weights, ("conv1.weight", "compress1.weight"), f"{origin}, encoder")
    blocks = [
        len({name.split(".")[1] for name in weights if name.startswith(f"layer{stage}.")})
        for stage in range(1, 5)
    ]
    width, channels = weights["conv1.weight"].shape[:2]
    encoder = Encoder(int(channels), int(width), blocks, len(weights["compress1.weight"]), normalised)
    _fill(encoder, weights, f"{origin}, encoder")
    return encoder


def _decoder(task: Task, weights: Weights, origin: str) -> PixelDecoder | VectorDecoder:
    origin = f"{origin}, decoder"
    decoder: PixelDecoder | VectorDecoder
    if task.output.per_pixel:
        first = "conv2.0.weight"
        _require_keys(weights, (first, "decoder_output.0.weight"), origin)
        channels, wanted = len(weights["decoder_output.0.weight"]), task.output.channels
        if channels != wanted:
            raise InputError(f"{origin}: expected {wanted} output channels, found {channels}")
        divisor = _size_divisor(weights, origin)
        if divisor != task.output.size_divisor:
            raise InputError(
                f"{origin}: expected outputs {task.output.size_divisor} times smaller, found {divisor}"
            )
        depth = 1 + sum(
            name.startswith(f"{INNER_LAYERS[0]}_") and name.endswith(".0.weight") for name in weights
        )
        width, inputs = weights[first].shape[:2]
        decoder = PixelDecoder(channels, int(inputs), int(width), is_bounded(task), divisor, depth)
    else:
        _require_keys(weights, ("fc0.weight", "fc2.weight"), origin)
        views = task.pictures or task.views
        pairs = math.comb(views, 2) if task.output.of_pairs else 1
        outputs, wanted = pairs * len(weights["fc2.weight"]), task.output.outputs
        if outputs != wanted:
            raise InputError(f"{origin}: expected {wanted} outputs, found {outputs}")
        width, inputs = (int(number) for number in weights["fc0.weight"].shape)
        layers, normalised = 3 if "fc1.weight" in weights else 2, "bn0.weight" in weights
        if task.output.of_pairs:
            decoder = PairDecoder(outputs, inputs * views // 2, views, width, layers, normalised=normalised)
        else:
            decoder = VectorDecoder(outputs, inputs, width, layers, normalised=normalised)
    _fill(decoder, weights, origin)
    return decoder


def _size_divisor(weights: Weights, origin: str) -> int:
    last = [name for name in PIXEL_LAYERS if any(key.startswith(f"{name}.") for key in weights)][-1]
    for divisor, name in LAST_LAYER.items():
        if name == last:
            return divisor
    raise InputError(f"{origin}: expected layers up to one of {', '.join(LAST_LAYER.values())}, found {last}")


def _require_joined(
    task: Task, encoder: Encoder, decoder: PixelDecoder | VectorDecoder, weights: Weights, origin: str
) -> None:
    channels = encoder.channels * (task.pictures or task.views)
    if isinstance(decoder, PixelDecoder):
        inputs = weights["conv2.0.weight"].shape[1]
        fits = inputs == channels
    else:
        inputs = _vector_inputs(decoder)
        fits = inputs % channels == 0 and math.isqrt(inputs // channels) ** 2 == inputs // channels
    if not fits:
        raise InputError(f"{origin}: the decoder takes {inputs} inputs, which this encoder does not provide")


def _size(task: Task, encoder: Encoder, decoder: PixelDecoder | VectorDecoder | None) -> int | None:
    """Pixels per side that a vector decoder was built for; None for others, which take any multiple of 16."""
    if not isinstance(decoder, VectorDecoder):
        return None
    channels = encoder.channels * (task.pictures or task.views)
    side = math.isqrt(_vector_inputs(decoder) // channels)
    for size in range(16, 1025, 16):
        if Encoder.representation_side(size) == side:
            return size
    return None


def _vector_inputs(decoder: VectorDecoder) -> int:
    """Values in the representations of all views together."""
    inputs = decoder.fc0.in_features
    return inputs * decoder.views // 2 if isinstance(decoder, PairDecoder) else inputs


def _require_keys(weights: Weights, names: tuple[str, ...], origin: str) -> None:
    for name in names:
        if name not in weights:
            raise InputError(f"{origin}: no {name} in these weights; expected the published layout")


def _fill(network: nn.Module, weights: Weights, origin: str) -> None:
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split()[5:])[:160]
        raise InputError(f"{origin}: expected the published layout ({reason})") from error
