"""Several tasks in one network: predicting them all, and training on mixed batches.

    python -m benchmarks.switching [predict] [train]

Predicting five tasks for an image: the switching network, whose encoder runs once, against running it for
each task, and against five single-task networks; milliseconds, and megabytes of weights (on a GPU, of memory
at most). Training: a batch of five tasks mixed against one of a single task, images per second.
"""

import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lightning_taskonomy.nn.switching import (
    MultiTaskNet,
    SingleTaskNets,
    SwitchedTasks,
    SwitchingNet,
    TaskCodes,
)

CHANNELS = (21, 7, 1, 3, 1)
TASKS = range(len(CHANNELS))
RUNS, WARM_UP, STEPS = 3, 1, 2
BATCH = 20
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIZE = 512 if DEVICE.type == "cuda" else 128
TRAINED_SIZE = 512 if DEVICE.type == "cuda" else 64


def now() -> float:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(step: Callable[[], object]) -> float:
    """Of a step: the median of some runs."""
    found = []
    for _ in range(RUNS):
        for _ in range(WARM_UP):
            step()
        start = now()
        for _ in range(STEPS):
            step()
        found.append((now() - start) / STEPS)
    return sorted(found)[RUNS // 2]


def megabytes(network: nn.Module, step: Callable[[], object]) -> float:
    """On a GPU, of memory at most; elsewhere, of weights."""
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() / 1e6
    return sum(weight.numel() * weight.element_size() for weight in network.parameters()) / 1e6


def switching_network() -> SwitchedTasks:
    return SwitchedTasks(CHANNELS, SwitchingNet(), TaskCodes(len(CHANNELS), 100)).to(DEVICE)


@torch.no_grad()
def predict() -> None:
    picture = torch.rand(1, 3, SIZE, SIZE, device=DEVICE)
    switching, single = switching_network().eval(), SingleTaskNets(CHANNELS).to(DEVICE).eval()

    def for_each(network: MultiTaskNet) -> list[Tensor]:
        return [network(picture, [(task, 1)])[0] for task in TASKS]

    ways: Sequence[tuple[str, MultiTaskNet, Callable[[], object]]] = (
        ("five single-task networks", single, lambda: for_each(single)),
        ("switching, encoder for each task", switching, lambda: for_each(switching)),
        ("switching, encoder once", switching, lambda: switching.tasks_of(picture, TASKS)),
    )
    base = None
    for title, network, step in ways:
        took = seconds(step)
        base = base or took
        with FlopCounterMode(display=False) as counter:
            step()
        billions = counter.get_total_flops() / 2e9
        print(
            f"{title}: {1000 * took:.0f} ms for 5 tasks at {SIZE} px ({took / base:.2f}), "
            f"{billions:.1f} billion multiplications, {megabytes(network, step):.0f} MB"
        )


def train() -> None:
    pictures = torch.rand(BATCH, 3, TRAINED_SIZE, TRAINED_SIZE, device=DEVICE)
    mixed = [(task, BATCH // len(CHANNELS)) for task in TASKS]
    base = None
    for title, runs in (("a task per batch", [(0, BATCH)]), ("tasks mixed in a batch", mixed)):
        network = switching_network().train()
        optimizer = torch.optim.Adam(network.parameters(), 1e-4)

        def step(network: SwitchedTasks = network, runs: list[tuple[int, int]] = runs) -> None:
            outputs = network(pictures, runs)
            loss = torch.stack([output.square().mean() for output in outputs]).sum()
            optimizer.zero_grad()  # noqa: B023 - called before the next one is made
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()  # noqa: B023

        took = seconds(step)
        base = base or took
        print(f"{title}: {BATCH / took:.1f} images/s at {TRAINED_SIZE} px ({base / took:.2f})")


def main() -> None:
    torch.set_float32_matmul_precision("high")
    for name, measure in (("predict", predict), ("train", train)):
        if name in (sys.argv[1:] or ["predict", "train"]):
            measure()


if __name__ == "__main__":
    main()
