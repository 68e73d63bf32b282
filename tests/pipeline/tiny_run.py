"""A run of the whole pipeline in seconds: twelve samples of a split, networks of a few channels."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pyarrow import parquet

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.pipeline.settings import (
    MachineSettings,
    NetworkSettings,
    PipelineSettings,
    ProgramSettings,
    TransferSettings,
)
from tests.data.small_folder import make_folder

TASKS = ["autoencoding", "class_scene", "inpainting", "fixated_pose", "edge_texture"]
"""Pixels, classes, a source that is no target, a task of two views, pixels."""
TARGETS = ["autoencoding", "class_scene", "fixated_pose", "edge_texture"]
BEST, COMBINED_UP_TO, MAX_ORDER = 3, 2, 4
TINY: Mapping[str, Any] = {
    "tasks": TASKS,
    "size": 32,
    "statistics": "own",
    "network": {
        "width": 4,
        "blocks": [1, 1, 1, 1],
        "decoder_width": 32,
        "hidden": 16,
        "learning_rate": 3e-3,
        "adversarial_after": None,
        "batch_size": 4,
        "epochs": 2,
    },
    "transfer": {
        "samples": 8,
        "watched": 4,
        "epochs": 2,
        "batch_size": 4,
        "best": BEST,
        "combined_up_to": COMBINED_UP_TO,
        "max_order": MAX_ORDER,
    },
    "program": {"draws": 10, "max_orders": [1, 2]},
    "machine": {"accelerator": "cpu", "num_workers": 0, "checkpoint_seconds": 1},
}


def pack(root: Path, points: int = 4) -> Path:
    """Shards with every label, three views of each point."""
    source = make_folder(root / "in", points=points, views=3, size=TINY["size"])
    PackPlan(source, root / "out", {"ash": "train", "birch": "val", "cedar": "test"}, Packing()).run(1)
    return root / "out"


def merged(given: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with some changes; those of a section leave the rest of it."""
    result = dict(given)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = {**old, **value} if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def config(folder: Path, packed: Path, **changes: Any) -> Path:  # noqa: ANN401 - of any type
    """The YAML of a tiny run into `folder`, beside it."""
    content = merged({**TINY, "shards": str(packed), "out": str(folder)}, changes)
    path = folder.with_name(f"{folder.name}.yaml")
    path.write_text(yaml.safe_dump(content))
    return path


def taxonomy_run(path: Path, *words: str) -> int:
    """What a user types."""
    return main(["taxonomy", "run", "--config", str(path), *words])


def settings(folder: Path, packed: Path, **changes: Any) -> PipelineSettings:  # noqa: ANN401 - of any type
    """The same as objects."""
    content = merged({**TINY, "shards": str(packed), "out": str(folder)}, changes)
    sections = {
        "network": NetworkSettings,
        "transfer": TransferSettings,
        "program": ProgramSettings,
        "machine": MachineSettings,
    }
    for name, kind in sections.items():
        given = {key: tuple(value) if key == "blocks" else value for key, value in content[name].items()}
        content[name] = kind(**given)
    return PipelineSettings(**content)


def copy(run: Path, to: Path) -> Path:
    """A run to be changed by a test."""
    return Path(shutil.copytree(run, to))


State = dict[str, tuple[int, int]]


def files(run: Path) -> State:
    """What shows that a file was written again: its inode and its time, by path."""
    return {
        str(path.relative_to(run)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


def written(before: State, after: State) -> set[str]:
    """The files that are new, or that have been written again."""
    return {name for name, state in after.items() if before.get(name) != state}


def table(path: Path) -> "pa.Table":
    """As one file: folders' names are no columns."""
    with parquet.ParquetFile(path) as file:
        return file.read()


def require_same_results(run: Path, reference: Path) -> None:
    """Loss tables by value, everything that follows from them by bytes."""
    names = sorted(path.name for path in (reference / "losses").iterdir())
    assert sorted(path.name for path in (run / "losses").iterdir()) == names
    for name in names:
        assert table(run / "losses" / name).equals(table(reference / "losses" / name)), name
    drawn = [str(path.relative_to(reference)) for path in sorted(reference.glob("pictures/*/*"))]
    for name in ("transfers.csv", "taxonomy/taxonomy.json", "taxonomy/gains.csv", "summary.md", *drawn):
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
