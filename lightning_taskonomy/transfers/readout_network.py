"""The parts of one transfer: its name, its readout with the target's decoder, its random numbers."""

import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Adam

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder, Readout, VectorDecoder
from lightning_taskonomy.nn.readout import VARIANTS, StepDropout, Variant
from lightning_taskonomy.tasks.losses import PerImageLoss, PixelPairs
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.training.decoders import decoder_of
from lightning_taskonomy.training.optimisation import decayed_groups
from lightning_taskonomy.training.seeded_steps import seed_of

REPRESENTATION_CHANNELS = 8
_EPOCHS = {
    100: 1000, 500: 400, 1_000: 200, 2_000: 100, 4_000: 50, 8_000: 50, 16_000: 30, 32_000: 15
}  # fmt: skip


class ReadoutSize(NamedTuple):
    """What the readouts of a target have in common.

    Attributes:
        size: pixels per side of the target's images.
        variant: of readout and decoder.
        decoder_width: of the pixel decoder's first layer, for the standard variant.
        hidden: width of the vector decoder's layers; None for the task's own.
        representation_channels: of each source: an encoder's 8, or a readout's 16.
    """

    size: int = 256
    variant: Variant = "standard"
    decoder_width: int = 1024
    hidden: int | None = None
    representation_channels: int = REPRESENTATION_CHANNELS


def sources_of(transfer: str) -> tuple[str, ...]:
    """The sources that the name of a transfer joins by +.

    Raises:
        InputError: one is empty, or occurs twice.
    """
    sources = tuple(transfer.split("+"))
    if "" in sources or len(set(sources)) < len(sources):
        raise InputError(f"transfer {transfer!r}: expected different sources joined by +")
    return sources


def readout_network(task: Task, order: int, readout_size: ReadoutSize, seed: int) -> Readout:
    """The readout of a transfer with fresh weights.

    Readouts of one target and seed start from the same weights wherever their shapes agree, so that
    contenders differ by their sources, not by luck.

    Args:
        task: the target.
        order: number of sources.
        readout_size: its size.
        seed: of the weights.
    """
    shape = VARIANTS[readout_size.variant]
    channels = Readout.outputs(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, zlib.crc32(task.name.encode())))
        decoder = decoder_of(
            task,
            channels,
            Encoder.representation_side(readout_size.size),
            task.views,
            readout_size.decoder_width,
            readout_size.hidden,
            shape.depth - 1,
            shape.width,
        )
        if isinstance(decoder, VectorDecoder):
            decoder.dropout = StepDropout(decoder.dropout.p)  # type: ignore[assignment]
        return Readout(order, decoder, shape, readout_size.representation_channels, task.views)


def epochs_for(samples: int) -> int:
    """Epochs of training transfers, as published for 100 to 16,000 samples, and for more.

    Args:
        samples: number of samples; in between, the published number nearest in ratio is used.

    Raises:
        InputError: fewer than one.
    """
    if samples < 1:
        raise InputError(f"samples: expected at least 1, found {samples}")
    return _EPOCHS[min(_EPOCHS, key=lambda published: abs(math.log(samples / published)))]


def adam_of_readouts(module: nn.Module, learning_rate: float, weight_decay: float) -> Adam:
    """Adam for one readout or many: it is elementwise, so readouts do not affect each other."""
    devices = {parameter.device.type for parameter in module.parameters()}
    fused = devices <= {"cpu", "cuda"}
    return Adam(decayed_groups(module.parameters(), weight_decay), learning_rate, fused=fused)


def loss_of_step(task: Task, seed: int) -> PerImageLoss:
    """The task's loss for a training step: its random draws depend on the seed alone."""
    return task.loss.pixels_at(seed) if isinstance(task.loss, PixelPairs) else task.loss


def seed_dropout(networks: Sequence[nn.Module], seed: int) -> None:
    """Give all networks the same dropout for a training step."""
    for network in networks:
        for module in network.modules():
            if isinstance(module, StepDropout):
                module.seed = seed
