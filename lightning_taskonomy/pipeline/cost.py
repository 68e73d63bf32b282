"""What jobs cost: floating-point operations, counted without computing, and the speed of this machine."""

import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.pipeline.networks import task_network
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings
from lightning_taskonomy.transfers.readout_network import REPRESENTATION_CHANNELS, readout_network

TRAINED = 3.0
"""Operations of a training step, in forward passes: the backward pass costs two."""
_PROBED_SECONDS = 1.0


def operations(network: nn.Module, *shape: int) -> float:
    """Operations of a forward pass for one example, counted on the meta device.

    Args:
        network: on the meta device, because initialising weights takes longer than counting.
        shape: of its input, without the batch.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.empty(1, *shape, device="meta"))
    return float(counter.get_total_flops())


def network_operations(settings: PipelineSettings, name: str) -> float:
    """Operations of a forward pass of one example through a task's network."""
    task = settings.by_name[name]
    pictures = task.pictures or task.views
    with torch.device("meta"):
        network = task_network(settings, name).network
    return operations(network, pictures, task.input_channels, settings.size, settings.size)


def encoder_operations(settings: PipelineSettings, source: str) -> float:
    """Operations of a forward pass of one image through an encoder."""
    channels = 3 if source == RANDOM else settings.by_name[source].input_channels
    with torch.device("meta"):
        encoder = Encoder(channels, settings.network.width, settings.network.blocks)
    return operations(encoder, channels, settings.size, settings.size)


def readout_operations(settings: PipelineSettings, target: str, order: int) -> float:
    """Operations of a forward pass of one example through a readout."""
    task = settings.by_name[target]
    with torch.device("meta"):
        readout = readout_network(task, order, settings.readout_size, settings.seed)
    side = Encoder.representation_side(settings.size)
    return operations(readout, order * task.views * REPRESENTATION_CHANNELS, side, side)


def probed_rate(settings: PipelineSettings) -> float:
    """Operations per second on this machine, measured in a few training steps of an encoder."""
    on_gpu = torch.cuda.is_available() and settings.machine.accelerator != "cpu"
    device = torch.device("cuda" if on_gpu else "cpu")
    network = settings.network
    encoder = Encoder(3, network.width, network.blocks).to(device)
    batch = torch.zeros(
        min(network.batch_size, 4 if device.type == "cpu" else 32), 3, settings.size, settings.size
    )
    batch = batch.to(device)

    def step() -> None:
        encoder(batch).sum().backward()
        if on_gpu:
            torch.cuda.synchronize()

    step()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < _PROBED_SECONDS:
        step()
        steps += 1
    seconds = time.perf_counter() - start
    return TRAINED * encoder_operations(settings, RANDOM) * len(batch) * steps / seconds
