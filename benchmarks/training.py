"""Training steps of a task network under the trainer, against the same network in a bare loop.

    python -m benchmarks.training [full] [small]

The normals network on one fixed batch. Images per second; on a GPU in bfloat16.
"""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytorch_lightning
import torch
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.tasks.losses import l1
from lightning_taskonomy.training.task_network import TaskNetwork

TASK = "normal"
SMALL: dict[str, Any] = {"size": 64, "width": 16, "blocks": (1, 1, 1, 1), "decoder_width": 128}
RUNS = 3
Precision = Literal["32-true", "bf16-mixed"]


class Again(Dataset[dict[str, Any]]):
    """The same batch repeated."""

    def __init__(self, batch: dict[str, Any], steps: int) -> None:
        self.batch, self.steps = batch, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.batch


class Clock(pytorch_lightning.Callback):
    """Measures from the end of the warm-up steps to the end of training."""

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self.count, self.seconds, self._start = warm_up, 0, 0.0, 0.0

    def on_train_batch_end(self, *_: object) -> None:
        """Start the clock after the warm-up steps."""
        self.count += 1
        if self.count == self.warm_up:
            self._start = now()

    def on_train_end(self, *_: object) -> None:
        """Stop the clock."""
        self.seconds = now() - self._start


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def batch_of(images: int, size: int) -> dict[str, Any]:
    torch.manual_seed(0)
    pictures = torch.rand(images, 1, 3, size, size) * 2 - 1
    target = torch.rand(images, 3, size, size) * 2 - 1
    mask = torch.rand(images, size, size) > 0.1
    return {
        "key": [f"town/point_{n}_view_0" for n in range(images)],
        TASK: {"input": pictures, "target": target, "mask": mask},
    }


def under_the_trainer(
    network: TaskNetwork, batch: dict[str, Any], steps: int, warm_up: int, precision: Precision
) -> float:
    clock = Clock(warm_up)
    trainer = pytorch_lightning.Trainer(
        max_epochs=1,
        callbacks=[clock],
        logger=False,
        precision=precision,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(network, DataLoader(Again(batch, steps + warm_up), batch_size=None))
    return len(batch["key"]) * steps / clock.seconds


def in_a_bare_loop(
    network: TaskNetwork, batch: dict[str, Any], steps: int, warm_up: int, mixed: bool
) -> float:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = network.network.to(device).train()
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, weight_decay=2e-6)
    start = 0.0
    for step in range(steps + warm_up):
        parts = {name: value.to(device) for name, value in batch[TASK].items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            output = net(parts["input"])
        loss = l1(output, parts["target"], parts["mask"]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step + 1 == warm_up:
            start = now()
    return len(batch["key"]) * steps / (now() - start)


def variants() -> Iterator[tuple[str, dict[str, Any], int, int, Precision]]:
    """The variants to measure: title, options, images per batch, steps, precision."""
    wanted = sys.argv[1:] or ["full", "small"]
    gpu = torch.cuda.is_available()
    if "full" in wanted and gpu:
        for compiled in (False, True):
            title = f"full size, bfloat16, channels last, {'compiled' if compiled else 'not compiled'}"
            yield title, {"compiled": compiled}, 32, 60, "bf16-mixed"
    elif "full" in wanted:
        yield "full size", {}, 4, 4, "32-true"
    if "small" in wanted:
        yield "small variant", SMALL, 16, 200, "32-true"


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_float32_matmul_precision("high")
    for title, options, images, steps, precision in variants():
        batch = batch_of(images, options.get("size", 256))
        warm_up = max(2, steps // 6)
        ratios = []
        for _ in range(RUNS):
            networks = [TaskNetwork(TASK, **options, adversarial_after=None) for _ in range(2)]
            ours = under_the_trainer(networks[0], batch, steps, warm_up, precision)
            bare = in_a_bare_loop(networks[1], batch, steps, warm_up, precision == "bf16-mixed")
            ratios.append((ours / bare, ours, bare))
        ratio, ours, bare = sorted(ratios)[RUNS // 2]
        print(
            f"{title}: {ours:.2f} images/s under the trainer, {bare:.2f} in a bare loop ({ratio:.2f} of it)"
        )


if __name__ == "__main__":
    main()
