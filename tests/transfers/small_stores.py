"""Small data with every label, and representations of it by a few sources."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning
import torch

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.representations.writing import StoreWriter
from lightning_taskonomy.data.shards.index import Keys
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.reading import ShardSet
from tests.data.small_folder import make_folder

SIZE, BATCH = 32, 4
SIDE = SIZE // 16
SPLIT_OF = {"ash": "train", "birch": "val", "cedar": "test"}
POINTS, VIEWS = 4, 3
"""Samples of each split: twelve."""
SMALL: dict[str, Any] = {"size": SIZE, "decoder_width": 32, "hidden": 16, "learning_rate": 1e-3}


def pack(root: Path) -> Path:
    source = make_folder(root / "in", points=POINTS, views=VIEWS, size=SIZE)
    PackPlan(source, root / "out", SPLIT_OF, Packing()).run(1)
    return root / "out"


def store(packed: Path, folder: Path, sources: Sequence[str], scale: float = 1.0) -> Path:
    """Random representations by each source, all splits."""
    for number, source in enumerate(sources):
        for split in ("train", "val", "test"):
            keys = ShardSet(str(packed), split, ("rgb",)).index.keys
            random = torch.Generator().manual_seed(hash_of(source, split))
            rows = torch.rand(len(keys), 8, SIDE, SIDE, generator=random) * scale * (1 + number)
            writer = StoreWriter(folder / source / split, source, "weights", "data", SIZE, keys, 0)
            writer.append(rows.half())
            writer.finish()
    return folder


def hash_of(source: str, split: str) -> int:
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(source + split))


def other_keys(keys: Keys) -> Keys:
    """The same samples in another order."""
    return Keys(keys.text.take(list(range(len(keys)))[::-1]))


def data(packed: Path, task: str, **options: Any) -> TaskonomyDataModule:  # noqa: ANN401 - passed on
    standard = {
        "size": SIZE,
        "batch_size": BATCH,
        "num_workers": 0,
        "statistics": "own",
        "train_split": "val",
        "train_samples": 9,
    }
    return TaskonomyDataModule(str(packed), [task], **{**standard, **options})


def trainer(root: Path, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401 - passed on
    standard = {
        "default_root_dir": root,
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
        "max_epochs": 2,
    }
    return pytorch_lightning.Trainer(**{**standard, **options})
