"""Transfers to a target from 25 sources: readouts trained together, against three baselines.

    python -m benchmarks.transfers speed SHARDS      # packed views (64 × 64 suffices); encoders are random
    python -m benchmarks.transfers racing SHARDS STORES TARGET  # stored representations, a folder per source
    python -m benchmarks.transfers gpu               # the paper's size; needs a GPU

`speed` measures milliseconds per training step and readout at the size of `configs/small.yaml`, as medians of
alternating runs: one Lightning fit per transfer with the frozen encoder in the loop, a ResNet-50 like the
published ones or a small one; one fit per transfer on stored representations; all readouts together. The
baselines use the better number of threads. Processor time, summed over all threads, is also given: it leaves
out the gain from threads and the load of other processes.
"""

import logging
import math
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.training import Again, Clock
from lightning_taskonomy.data import RepresentationStore, TaskonomyDataModule
from lightning_taskonomy.data.stream.partners import Span
from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.training.task_module import TaskModule
from lightning_taskonomy.transfers.readout_memory import readouts_that_fit
from lightning_taskonomy.transfers.readout_network import ReadoutSize, adam_of_readouts, readout_network
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.represent import represent
from lightning_taskonomy.transfers.transfer_network import TransferNetwork

SIZE, BATCH, RUNS, STEPS, WARM_UP = 64, 16, 3, 24, 4
SMALL: dict[str, Any] = {"size": SIZE, "decoder_width": 128, "hidden": 256, "learning_rate": 1e-3}
TARGETS = ("normal", "class_scene")
SOURCES = [f"random{number:02d}" for number in range(25)]
CORES = torch.get_num_threads()
PAPER_STEPS = 15_000


class EncoderInTheLoop(TaskModule):
    """The baseline: the source's frozen encoder and the readout in one module."""

    def __init__(self, task: str, encoder: Encoder) -> None:
        super().__init__(task, SIZE)
        self.encoder = encoder.requires_grad_(False)
        of = ReadoutSize(SIZE, "standard", SMALL["decoder_width"], SMALL["hidden"])
        self.readout = readout_network(self.task, 1, of, seed=0)
        torch.nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, C, H, W) -> outputs."""
        with torch.no_grad():
            representations = self.encoder.eval()(pictures[:, 0])
        output: Tensor = self.readout(representations)
        return output

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The mean loss of a batch."""
        parts = self.parts(batch)
        loss = self.task.loss(self(parts["input"]), parts["target"], parts.get("mask")).mean()
        self.log("train/loss", loss.detach(), batch_size=len(batch["key"]), prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer of readouts."""
        return adam_of_readouts(self.readout, SMALL["learning_rate"], 1e-5)


def encoder_of(number: int) -> Encoder:
    """A small random encoder, seeded by its number."""
    torch.manual_seed(number)
    return Encoder(width=16, blocks=(1, 1, 1, 1)).eval()


def published_size() -> Encoder:
    """ResNet-50, like the paper's and the published encoders."""
    torch.manual_seed(0)
    return Encoder().eval()


def stored(shards: str, folder: Path) -> None:
    """Store the representations of every source, and print the size of one store."""
    for number, source in enumerate(SOURCES):
        represent(
            encoder_of(number), None, shards, "val", Span(), SIZE, folder / source / "val",
            source_name=source, batch_size=64, trainer_options={"enable_progress_bar": False},
        )  # fmt: skip
    store = folder / SOURCES[0] / "val"
    length = sum(path.stat().st_size for path in store.iterdir())
    read = RepresentationStore(store)
    values = len(read) * math.prod(read.shape)
    beside = (length - 2 * values) / len(read)
    print(
        f"a store: {length:,} bytes for {len(read)} views, {length / (2 * values):.3f} × 2 bytes per value; "
        f"{beside:.1f} bytes per view are overhead, {100 * beside / 4096:.2f} % of the paper's 2,048 × 2"
    )


class Clocks(Clock):
    """Measures processor time as well."""

    def on_train_batch_end(self, *_: object) -> None:
        """Start after the warm-up steps."""
        super().on_train_batch_end()
        if self.count == self.warm_up:
            self._before = time.process_time()

    def on_train_end(self, *_: object) -> None:
        """Stop."""
        super().on_train_end()
        self.processor_seconds = time.process_time() - self._before


class Cost(NamedTuple):
    """The cost of a training step in milliseconds.

    Attributes:
        wall: elapsed time.
        processor: processor time, summed over all threads.
    """

    wall: float
    processor: float


def fit(
    module: pytorch_lightning.LightningModule, task: str, shards: str, threads: int, samples: int
) -> Cost:
    """The cost of a step after the warm-up."""
    torch.set_num_threads(threads)
    clock = Clocks(WARM_UP)
    data = TaskonomyDataModule(
        shards, [task], SIZE, BATCH, num_workers=0, train_split="val", train_samples=samples, statistics="own"
    )
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu", max_epochs=-1, max_steps=STEPS + WARM_UP, callbacks=[clock], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(module, data)
    torch.set_num_threads(CORES)
    return Cost(1e3 * clock.seconds / STEPS, 1e3 * clock.processor_seconds / STEPS)


def speed(shards: str) -> None:
    """Print the ratios, and the size of a store."""
    with tempfile.TemporaryDirectory() as folder:
        stores = Path(folder)
        stored(shards, stores)
        samples = BATCH * (len(RepresentationStore(stores / SOURCES[0] / "val")) // BATCH)
        threads = range(1, CORES + 1)
        for task in TARGETS:
            whole: list[list[Cost]] = []
            loop: list[list[Cost]] = []
            alone, together = [], []
            for run in range(RUNS):
                for encoder, costs_of in ((published_size(), whole), (encoder_of(run), loop)):
                    costs_of.append(
                        [fit(EncoderInTheLoop(task, encoder), task, shards, n, samples) for n in threads]
                    )
                one = [SOURCES[run]]
                alone.append(
                    [
                        fit(TransferNetwork(task, one, str(stores), **SMALL), task, shards, n, samples)
                        for n in threads
                    ]
                )
                many = Readouts(task, SOURCES, str(stores), **SMALL)
                cost = fit(many, task, shards, CORES, samples)
                together.append([Cost(cost.wall / len(SOURCES), cost.processor / len(SOURCES))])
            for kind in ("wall", "processor"):
                resnet50, in_loop, by_one, at_once = (
                    statistics.median(min(getattr(cost, kind) for cost in costs) for costs in runs)
                    for runs in (whole, loop, alone, together)
                )
                print(
                    f"{task}, {kind} time per step and readout: {resnet50:.2f} ms with a ResNet-50 in the "
                    f"loop, {in_loop:.2f} ms with the small encoder, {by_one:.2f} ms one by one on stored "
                    f"representations, {at_once:.2f} ms {len(SOURCES)} together: {resnet50 / at_once:.1f}, "
                    f"{in_loop / at_once:.1f} and {by_one / at_once:.1f} × as fast",
                    flush=True,
                )


class InMemory(Readouts):
    """Readouts of representations in memory, at the paper's size."""

    def setup(self, stage: str) -> None:
        """Nothing to open."""

    def inputs(self, batch: dict[str, Any], sources: list[str]) -> dict[str, Tensor]:
        """The same representations for every source."""
        return dict.fromkeys(sources, batch["representations"])


def gpu() -> None:
    """Print transfers per GPU-hour at the paper's size, and the GPU-hours of step II."""
    if not torch.cuda.is_available():
        print("gpu: no GPU found")
        return
    hours: dict[bool, float] = {}
    for name, target in (
        ("normal", torch.rand(32, 3, 256, 256)),
        ("class_scene", torch.rand(32, 63).softmax(1)),
    ):
        task = dictionary()[name]
        group = readouts_that_fit(task, SOURCES, ReadoutSize(), 32, None)[0]
        batch = {
            "key": [""] * 32,
            "representations": torch.randn(32, 8, 16, 16).half(),
            name: {"target": target},
        }
        clock = Clock(WARM_UP)
        trainer = pytorch_lightning.Trainer(
            precision="bf16-mixed", max_epochs=1, callbacks=[clock], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(InMemory(name, group, ""), DataLoader(Again(batch, STEPS + WARM_UP), batch_size=None))
        each = clock.seconds / STEPS / len(group) * PAPER_STEPS / 3600
        hours[task.output.per_pixel] = each
        print(f"{name}: {len(group)} together, {1 / each:.1f} transfers per GPU-hour", flush=True)
    print(f"all of step II: {step_two_hours(hours[True], hours[False]):.1f} GPU-hours")


def step_two_hours(pixels: float, vector: float) -> float:
    """GPU-hours for all transfers of the paper, given those of one to a pixel or a vector target.

    Each target is read out from 25 sources, from the 26 combinations of the best five, and from the best
    6 to 24.
    """
    targets = [task for task in list(dictionary().values())[:26] if not task.source_only]
    each = 25 + 26 + 19
    return each * sum(pixels if task.output.per_pixel else vector for task in targets)


def main() -> None:
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_taskonomy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_float32_matmul_precision("high")
    match sys.argv[1:]:
        case ["speed", shards]:
            speed(shards)
        case ["racing", shards, stores, target]:
            from benchmarks.transfer_races import race

            race(shards, Path(stores), target)
        case ["gpu"]:
            gpu()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
