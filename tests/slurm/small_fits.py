"""`fit` with networks of seconds, as a user runs it."""

from pathlib import Path
from typing import Any

import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from tests.data.small_folder import make_folder

CONFIG = Path(__file__).parents[2] / "configs" / "task" / "denoising.yaml"
FOLDER = Path("runs") / "denoising" / "self"
SIZE = 32
SMALL: dict[str, Any] = {
    "model": {
        "class_path": "TaskNetwork",
        "init_args": {
            "size": SIZE,
            "width": 4,
            "blocks": [1, 1, 1, 1],
            "decoder_width": 32,
            "hidden": 16,
            "learning_rate": 0.003,
            "adversarial_after": None,
        },
    },
    "data": {"batch_size": 4, "num_workers": 0},
    "trainer": {
        "max_epochs": 3,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
        "log_every_n_steps": 1,
    },
}


def pack(root: Path, points: int = 6, shard_size: int | None = None) -> Path:
    """Shards of rooms that are noise: 3 `points` pictures to learn from."""
    source = make_folder(root / "in", points=points, views=3, size=SIZE)
    split_of = {"ash": "train", "birch": "val", "cedar": "test"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=shard_size)).run(1)
    return root / "out"


def words(folder: Path, shards: Path, subcommand: str = "fit", **trainer: object) -> list[str]:
    """The command's words; the configuration is written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "trainer": {**SMALL["trainer"], **trainer}}))
    configs = ["--config", str(CONFIG), "--config", str(path)]
    return [subcommand, *configs, "--data.shards", str(shards), "--runs", str(folder / "runs")]


def weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    path = folder / FOLDER / "checkpoints" / f"{name}.ckpt"
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def curve(folder: Path, tag: str = "train/loss") -> list[tuple[int, float]]:
    """Steps and values of TensorBoard's curve, as its own reader shows them."""
    events = EventAccumulator(str(folder / FOLDER), purge_orphaned_data=True)
    events.Reload()
    return [(point.step, point.value) for point in events.Scalars(tag)]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
