"""Memory of readouts: against a manual count, and against the memory of real steps."""

import json
import os
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.transfers import readout_memory
from lightning_taskonomy.transfers.readout_memory import (
    USED_SHARE,
    activation_bytes,
    free_memory,
    readouts_that_fit,
    weight_bytes,
)
from lightning_taskonomy.transfers.readout_network import ReadoutSize, loss_of_step, readout_network

OF = ReadoutSize(64, "standard", 64, 128)
SOURCES = [f"source{number}" for number in range(26)]


def test_weights_gradients_and_moments_are_16_bytes_a_weight() -> None:
    task = task_named("normal")
    weights = sum(weight.numel() for weight in readout_network(task, 3, OF, 0).parameters())
    assert weight_bytes(task, 3, OF) == 16 * weights


def saved_by_a_real_step(name: str, order: int, batch: int) -> int:
    """Bytes in the storages that autograd saves, without the weights."""
    task = task_named(name)
    network = readout_network(task, order, OF, 0)
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    held: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            held[place] = tensor
        return tensor

    inputs = torch.randn(batch, order * task.views * 8, 4, 4)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(inputs)
        target = (
            torch.zeros(batch, *output.shape[2:], dtype=torch.int64)
            if name in ("segment_unsup25d", "segment_semantic")
            else torch.zeros_like(output)
        )
        loss_of_step(task, 0)(output, target, None).mean()
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


@pytest.mark.parametrize(
    "name", ["normal", "segment_unsup25d", "segment_semantic", "class_scene", "fixated_pose"]
)
@pytest.mark.parametrize("order", [1, 4])
def test_activations_are_those_of_a_real_step(name: str, order: int) -> None:
    found, real = activation_bytes(task_named(name), order, OF, 8), saved_by_a_real_step(name, order, 8)
    assert real <= 1.05 * found  # dropout's mask is not in it
    assert found < 3 * real


def test_activations_grow_with_the_batch() -> None:
    task = task_named("normal")
    small, large = (activation_bytes(task, 1, OF, batch) for batch in (8, 32))
    assert 3.9 < large / small < 4.1


_MEASURED = r"""
import json, psutil, re, sys, torch
from pathlib import Path
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.transfers.readout_network import *
torch.set_num_threads(1)
task, of, batch = task_named("normal"), ReadoutSize(128, "standard", 256), int(sys.argv[1])
def step(batch, network, optimizer):
    loss = task.loss(network(torch.randn(batch, 8, 8, 8)), torch.zeros(batch, 3, 128, 128), None).mean()
    loss.backward()
    optimizer.step()
networks = [readout_network(task, 1, of, 0) for _ in range(6)]
for network in networks:
    torch.nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
optimizers = [adam_of_readouts(network, 1e-3, 0) for network in networks]
step(2, networks[0], optimizers[0])
before = psutil.Process().memory_info().rss
for network, optimizer in zip(networks, optimizers):
    step(batch, network, optimizer)
# Of this program alone: `getrusage` includes the process before it became this program.
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps(peak - before))
"""


@pytest.mark.slow
def test_the_estimate_is_near_what_a_process_takes() -> None:
    """Six readouts, one after another: moments and gradients of all, and the activations of one.

    Memory is given back to the system at once, so that holes in it do not count.
    """
    repository = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", _MEASURED, "64"],
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "OMP_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": "65536",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    measured = json.loads(run.stdout)
    task, of = task_named("normal"), ReadoutSize(128, "standard", 256)
    # The weights were there before: 12 of 16 bytes come with the first step.
    expected = 6 * weight_bytes(task, 1, of) * 12 / 16 + activation_bytes(task, 1, of, 64)
    assert 0.6 < measured / expected < 1.6


@cache
def needed(order: int) -> tuple[float, float]:
    """Bytes that a readout of this many sources needs permanently, and for its steps."""
    task = task_named("class_scene")
    return weight_bytes(task, order, OF), activation_bytes(task, order, OF, 4)


@settings(deadline=None, max_examples=20)
@given(some.lists(some.integers(1, 3), min_size=1, max_size=40), some.floats(1.0, 40.0))
def test_groups_keep_the_order_and_fit(orders: list[int], times: float) -> None:
    """Against the sum of what the readouts in a group need."""
    task = task_named("class_scene")
    transfers = ["+".join(SOURCES[number % 20 :][:order]) for number, order in enumerate(orders)]
    kept, active = ({order: needed(order)[part] for order in set(orders)} for part in (0, 1))
    free = int(times * max(kept[order] + active[order] for order in set(orders)))
    groups = readouts_that_fit(task, transfers, OF, 4, free)
    assert list(chain.from_iterable(groups)) == transfers

    def need(group: list[str]) -> float:
        orders = [name.count("+") + 1 for name in group]
        threads = min(len(group), torch.get_num_threads())
        return sum(kept[order] for order in orders) + threads * max(active[order] for order in orders)

    for group, following in zip(groups, [*groups[1:], None], strict=True):
        assert len(group) == 1 or need(group) <= USED_SHARE * free
        if following is not None:
            assert need([*group, following[0]]) > USED_SHARE * free


def test_at_the_papers_size_a_gpu_holds_all_first_order_transfers_at_once() -> None:
    groups = readouts_that_fit(task_named("normal"), SOURCES, ReadoutSize(), 32, 78 * 2**30)
    assert groups == [SOURCES]


def test_one_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"target normal: the transfer from source0 needs about .* GiB"):
        readouts_that_fit(task_named("normal"), SOURCES[:1], ReadoutSize(), 32, 2**30)


def test_the_machines_free_memory_counts_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2**20 < free_memory() < 2**50
    task = task_named("normal")
    need = weight_bytes(task, 1, OF) + activation_bytes(task, 1, OF, 4)
    monkeypatch.setattr(readout_memory, "free_memory", lambda: 2 * need)
    assert len(readouts_that_fit(task, SOURCES, OF, 4, None)) > 1
