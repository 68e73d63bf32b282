"""Racing against full training on real representations: what it stops, saves and changes."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning
import torch
from pytorch_lightning import Callback

from lightning_taskonomy.data import RepresentationStore, TaskonomyDataModule
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins
from lightning_taskonomy.transfers.live_tournament import EvaluatedTogether, LiveTournament
from lightning_taskonomy.transfers.racing import Racing
from lightning_taskonomy.transfers.readouts import Readouts

SIZE, BATCH, EPOCHS = 64, 16, 30
SMALL: dict[str, Any] = {"size": SIZE, "decoder_width": 128, "hidden": 256, "learning_rate": 1e-3}
LEARNED_SHARE = 0.3
BEST = 5


class Raced(NamedTuple):
    """The result of one training.

    Attributes:
        tournament: on the test split.
        readout_steps: training steps of all readouts in total.
        stopped: the step at which a readout was stopped, by name.
        seconds: of the fit.
    """

    tournament: Tournament
    readout_steps: int
    stopped: dict[str, int]
    seconds: float


class TestLosses(Callback):
    """Keeps the test losses."""

    def __init__(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.contenders: list[str] = []

    def on_test_batch_end(self, trainer: Any, module: Any, outputs: EvaluatedTogether, *_: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Keep the losses of a batch."""
        self.contenders = outputs["contenders"]
        self.losses.append(outputs["losses"])


def trained(shards: str, stores: Path, target: str, sources: list[str], racing: bool) -> Raced:
    """Train all first-order transfers, with or without racing."""
    module = Readouts(target, sources, str(stores), **SMALL, drop_after=10**6)
    samples = int(LEARNED_SHARE * len(RepresentationStore(stores / sources[0] / "val")))
    data = TaskonomyDataModule(
        shards,
        [target],
        SIZE,
        BATCH,
        num_workers=1,
        train_split="val",
        train_samples=samples,
        statistics="own",
    )
    tournament, judged = LiveTournament(), TestLosses()
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu", max_epochs=EPOCHS, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, check_val_every_n_epoch=3,
        callbacks=[tournament, judged, *([Racing(tournament, BEST)] if racing else [])],
    )  # fmt: skip
    start = time.perf_counter()
    trainer.fit(module, data)
    seconds = time.perf_counter() - start
    trainer.test(module, data, verbose=False)
    losses = torch.cat(judged.losses).double().numpy()
    halves = np.zeros((losses.shape[1],) * 2, np.int64)
    count_half_wins(losses, halves)
    held = Tournament.from_counts(target, judged.contenders, halves, losses.sum(axis=0), len(losses))
    steps = sum(module.stopped.get(name, module.steps) for name in sources)
    return Raced(held, steps, dict(module.stopped), seconds)


def race(shards: str, stores: Path, target: str) -> None:
    """Print what racing changes for a target."""
    sources = sorted(
        path.name for path in stores.iterdir() if (path / "val").is_dir() and path.name != target
    )
    full, raced = (trained(shards, stores, target, sources, racing) for racing in (False, True))
    before, after = (
        dict(zip(run.tournament.contenders, run.tournament.affinities(), strict=True))
        for run in (full, raced)
    )
    ranked = [sorted(those, key=lambda name: -those[name])[:BEST] for those in (before, after)]
    print(f"{target} from {len(sources)} sources, {full.tournament.images} test images")
    print(f"  stopped: {len(raced.stopped)}, at steps {sorted(raced.stopped.values())}")
    share = raced.readout_steps / full.readout_steps
    print(
        f"  readout steps: {share:.2f} of full training; seconds: {raced.seconds:.0f} of {full.seconds:.0f}"
    )
    for title, names, those in zip(("full ", "raced"), ranked, (before, after), strict=True):
        print(f"  best by {title} training:", ", ".join(f"{name} {those[name]:.3f}" for name in names))
    change = max(abs(before[name] - after[name]) for name in ranked[0])
    print(
        f"  affinities of the best change by {change:.3f} at most; of the best, wrongly stopped: "
        f"{sorted(set(ranked[0]) & set(raced.stopped)) or 'none'}",
        flush=True,
    )
