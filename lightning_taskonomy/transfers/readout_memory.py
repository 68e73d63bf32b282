"""How many readouts of a target can be trained together in the available memory."""

from collections.abc import Sequence

import psutil
import torch
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.nn.readout import StepDropout
from lightning_taskonomy.tasks.losses import CrossEntropy, PixelPairs
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.transfers.readout_network import (
    ReadoutSize,
    loss_of_step,
    readout_network,
    sources_of,
)

USED_SHARE = 0.6
"""Fraction of the free memory that is used; the rest is for allocator overhead (glibc takes up to 1.6 times
the requested memory), workspace of convolutions, and the data."""
_BYTES_PER_WEIGHT = 16
"""Weight, gradient, and Adam's two moments, in single precision."""
_LARGEST_AT_ONCE = 2
"""Gradients that exist at once for the largest activations: of a layer's output and of its input."""


def readouts_that_fit(
    task: Task, transfers: Sequence[str], readout_size: ReadoutSize, batch_size: int, memory_bytes: int | None
) -> list[list[str]]:
    """Groups of transfers to train together, in the order given, each as large as fits.

    Args:
        task: the target.
        transfers: names of their sources, joined by +.
        readout_size: size of the readouts.
        batch_size: images per batch.
        memory_bytes: free memory; None for the free memory of the GPU, or without a GPU, of the machine.

    Raises:
        InputError: a transfer does not fit even alone.
    """
    free = free_memory() if memory_bytes is None else memory_bytes
    at_a_time = 1 if torch.cuda.is_available() else torch.get_num_threads()
    orders = {len(sources_of(transfer)) for transfer in transfers}
    kept_by = {order: weight_bytes(task, order, readout_size) for order in orders}
    active_by = {order: activation_bytes(task, order, readout_size, batch_size) for order in orders}
    groups: list[list[str]] = []
    kept = active = 0
    for transfer in transfers:
        order = len(sources_of(transfer))
        alone = kept_by[order] + active_by[order]
        if alone > free:
            raise InputError(
                f"target {task.name}: the transfer from {transfer} needs about {_gibibytes(alone)} of "
                f"memory, found {_gibibytes(free)} free; smaller batches need less"
            )
        kept, active = kept + kept_by[order], max(active, active_by[order])
        threads = min(at_a_time, len(groups[-1]) + 1) if groups else 1
        if not groups or kept + threads * active > USED_SHARE * free:
            groups.append([])
            kept, active = kept_by[order], active_by[order]
        groups[-1].append(transfer)
    return groups


def free_memory() -> int:
    """Bytes that are free on the current GPU, or without a GPU, in the machine."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def weight_bytes(task: Task, order: int, readout_size: ReadoutSize) -> int:
    """Bytes that a readout needs permanently: its weights, their gradients, Adam's moments.

    Args:
        task: the target.
        order: number of sources.
        readout_size: size of the readout.
    """
    with torch.device("meta"):
        network = readout_network(task, order, readout_size, seed=0)
    return _BYTES_PER_WEIGHT * sum(weight.numel() for weight in network.parameters())


def activation_bytes(task: Task, order: int, readout_size: ReadoutSize, batch_size: int) -> int:
    """Bytes that a training step of a readout needs temporarily, in single precision.

    Measured by a step on the meta device: the tensors that autograd saves for the backward pass, and the
    gradients of the largest of them.

    Args:
        task: the target.
        order: number of sources.
        readout_size: size of the readout.
        batch_size: images.
    """
    side = Encoder.representation_side(readout_size.size)
    with torch.device("meta"):
        network = readout_network(task, order, readout_size, seed=0)
        for module in network.modules():
            if isinstance(module, StepDropout):
                module.share = 0  # it draws random numbers; its mask is among the smallest tensors
        inputs = torch.empty(
            batch_size, order * task.views * readout_size.representation_channels, side, side
        )
    weights = {weight.untyped_storage()._cdata for weight in network.parameters()}
    saved: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            saved[storage._cdata] = storage.nbytes()
            alive.append(tensor)  # so that its id is not reused
        return tensor

    alive: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(inputs)
        loss_of_step(task, 0)(output, _target_like(task, output), None).mean()
    return sum(saved.values()) + _LARGEST_AT_ONCE * max(saved.values())


def _target_like(task: Task, output: Tensor) -> Tensor:
    if not isinstance(task.loss, CrossEntropy | PixelPairs):
        return torch.empty_like(output)
    shape = (len(output), *output.shape[2:]) if task.output.per_pixel else (len(output),)
    return torch.empty(shape, dtype=torch.int64, device=output.device)


def _gibibytes(number: float) -> str:
    return f"{number / 2**30:.2g} GiB"
