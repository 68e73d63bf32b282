"""Running several networks over a stream of shots, with only one batch in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightning_taskonomy.bank.network import BankNetwork
from lightning_taskonomy.bank.shots import Shot
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.self_supervised import read_denoising
from lightning_taskonomy.tasks.task import Stored, Task

_COLOURS = 3


@dataclass(frozen=True)
class Prediction:
    """A network's prediction for a shot, on the CPU.

    Attributes:
        task: with the means and deviations that the network was trained with.
        input: of the network, (views, C, H, W).
        representation: (views * channels, s, s).
        output: in the shape of the task's output; None for a network without a decoder.
    """

    task: Task
    input: Tensor
    representation: Tensor
    output: Tensor | None


Predictions = Mapping[str, Prediction]
"""By the tasks' names."""


def predict(
    networks: Sequence[BankNetwork], shots: Iterable[Shot], batch_size: int = 8, device: str = "cpu"
) -> Iterator[tuple[Shot, Predictions]]:
    """Predict with every network for every shot.

    Tasks of two or three views get a shot and those before it; at the start, copies of the first shot.

    Args:
        networks: moved to the device.
        shots: of one video, or images; their sizes may differ from the networks'.
        batch_size: shots at a time.
        device: as torch names it.

    Raises:
        InputError: a network needs more than plain images.
    """
    for network in networks:
        network.to(device)
    earlier = max((network.task.views for network in networks), default=1) - 1
    left = iter(shots)
    before: list[Shot] = []
    while batch := list(islice(left, batch_size)):
        seen = [*(before or batch[:1] * earlier), *batch]
        found: list[dict[str, Prediction]] = [{} for _ in batch]
        for network in networks:
            _add_predictions(network, seen, found, device)
        yield from zip(batch, found, strict=True)
        before = seen[len(seen) - earlier :]


@torch.inference_mode()
def _add_predictions(
    network: BankNetwork, seen: Sequence[Shot], found: list[dict[str, Prediction]], device: str
) -> None:
    """Add a network's predictions for the last `len(found)` of the shots seen."""
    views, skipped = network.task.views, len(seen) - len(found)
    ends = range(skipped + 1, len(seen) + 1)
    inputs = torch.stack([network_input(network, seen[end - views : end]) for end in ends])
    representations = network.represent(inputs.to(device))
    outputs = None if network.decoder is None else network.decoder(representations).float().cpu()
    representations = representations.float().cpu()
    for number, place in enumerate(found):
        output = None if outputs is None else outputs[number]
        place[network.task.name] = Prediction(network.task, inputs[number], representations[number], output)


def network_input(network: BankNetwork, shots: Sequence[Shot]) -> Tensor:
    """A network's input from as many shots as its task has views, (views, C, H, W).

    Inpainting's centre is removed and jigsaw's tiles are shuffled, as in training; denoising gets the image
    as it is: a photo has noise of its own.

    Raises:
        InputError: its task needs more than plain images.
    """
    task, channels = network.task, network.encoder.input_channels
    made_of_colours = task.read is not read_denoising and not task.domains and task.views == 1
    # The published encoder of colorization may take colour images.
    if made_of_colours and channels == task.input_channels:
        example = task.read(
            [{"rgb": shots[0].pixels, "key": shots[0].name}], network.size, np.random.default_rng(0)
        )
        return torch.stack([_scaled(part) for part in example.inputs])
    if channels != _COLOURS:
        raise InputError(f"{task.name}: its network takes {channels} channels, which a photo does not have")
    return torch.stack([_scaled(colour_input(shot.pixels, network.size)) for shot in shots])


def _scaled(part: Stored | npt.NDArray[Any]) -> Tensor:
    if isinstance(part, Stored):
        return part.scale(torch.as_tensor(np.ascontiguousarray(part.values)))
    return torch.as_tensor(part, dtype=torch.float32)
