"""Several tasks in one network: predicting them all, and training on mixed batches.

    python -m benchmarks.switching [predict] [train]

Predicting five tasks for an image: the switching network with one run of its encoder, against one run per
task and against five single-task networks; milliseconds, and megabytes of weights (on a GPU, peak memory).
Training: batches of five tasks mixed against batches of a single task, images per second.
"""

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lightning_taskonomy.nn.switching import SwitchingNet, TaskCodes
from lightning_taskonomy.switching.networks import MultiTaskNet, SingleTaskNets, SwitchedTasks

CHANNELS = (21, 7, 1, 3, 1)
TASKS = range(len(CHANNELS))
WARM_UP, ROUNDS = 1, 9
BATCH = 20
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIZE = 512 if DEVICE.type == "cuda" else 128
TRAINED_SIZE = 512 if DEVICE.type == "cuda" else 64


def now() -> float:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(steps: Sequence[Callable[[], object]]) -> list[tuple[float, float]]:
    """Time of each step and its ratio to the first one: medians of rounds in which the steps alternate."""
    rounds = []
    for number in range(WARM_UP + ROUNDS):
        durations = []
        for step in steps:
            start = now()
            step()
            durations.append(now() - start)
        if number >= WARM_UP:
            rounds.append(durations)
    return [
        (median(times[place] for times in rounds), median(times[place] / times[0] for times in rounds))
        for place in range(len(steps))
    ]


def megabytes(network: nn.Module, step: Callable[[], object]) -> float:
    """Peak memory on a GPU, size of the weights elsewhere."""
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() / 1e6
    return sum(weight.numel() * weight.element_size() for weight in network.parameters()) / 1e6


def switching_network() -> SwitchedTasks:
    return SwitchedTasks(CHANNELS, SwitchingNet(), TaskCodes(len(CHANNELS), 100)).to(DEVICE)


@torch.no_grad()
def predict() -> None:
    image = torch.rand(1, 3, SIZE, SIZE, device=DEVICE)
    switching, single = switching_network().eval(), SingleTaskNets(CHANNELS).to(DEVICE).eval()

    def for_each(network: MultiTaskNet) -> list[Tensor]:
        return [network(image, [(task, 1)])[0] for task in TASKS]

    ways: Sequence[tuple[str, MultiTaskNet, Callable[[], object]]] = (
        ("five single-task networks", single, lambda: for_each(single)),
        ("switching, encoder run for each task", switching, lambda: for_each(switching)),
        ("switching, encoder run once", switching, lambda: switching.tasks_of(image, TASKS)),
    )
    measured = seconds([step for _, _, step in ways])
    for (title, network, step), (took, ratio) in zip(ways, measured, strict=True):
        with FlopCounterMode(display=False) as counter:
            step()
        billions = counter.get_total_flops() / 2e9
        print(
            f"{title}: {1000 * took:.0f} ms for 5 tasks at {SIZE} px ({ratio:.2f}), "
            f"{billions:.1f} billion multiplications, {megabytes(network, step):.0f} MB"
        )


def train() -> None:
    pictures = torch.rand(BATCH, 3, TRAINED_SIZE, TRAINED_SIZE, device=DEVICE)
    mixed = [(task, BATCH // len(CHANNELS)) for task in TASKS]
    ways = (("one task per batch", [(0, BATCH)]), ("tasks mixed in a batch", mixed))
    measured = seconds([training_step(pictures, runs) for _, runs in ways])
    for (title, _), (took, ratio) in zip(ways, measured, strict=True):
        print(f"{title}: {BATCH / took:.1f} images/s at {TRAINED_SIZE} px ({1 / ratio:.2f})")


def training_step(pictures: Tensor, runs: Sequence[tuple[int, int]]) -> Callable[[], None]:
    network = switching_network().train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step() -> None:
        loss = torch.stack([output.square().mean() for output in network(pictures, runs)]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def main() -> None:
    torch.set_float32_matmul_precision("high")
    for name, measure in (("predict", predict), ("train", train)):
        if name in (sys.argv[1:] or ["predict", "train"]):
            measure()


if __name__ == "__main__":
    main()
