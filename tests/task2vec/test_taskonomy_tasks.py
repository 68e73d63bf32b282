"""The dictionary's tasks from packed rooms: every one of them is embedded."""

from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.task2vec import Settings, embed_tasks, norm
from lightning_taskonomy.task2vec.sources import read_tasks
from lightning_taskonomy.tasks import dictionary
from tests.task2vec.slow_loop import small_resnet


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    rooms = ["--buildings", "3", "--points", "6", "--views", "3", "--size", "64"]
    assert main(["data", "rooms", "--out", str(folder / "rooms"), *rooms]) == 0
    packing = ["--source", str(folder / "rooms"), "--out", str(folder / "shards"), "--size", "64"]
    assert main(["data", "pack", *packing]) == 0
    return folder / "shards"


@pytest.mark.slow
def test_every_task_is_embedded(shards: Path) -> None:
    tasks = read_tasks("taskonomy", shards, 64)
    assert {task.name for task in tasks} == set(dictionary())
    kinds = {task.name: task.targets.kind for task in tasks}
    assert kinds["depth_zbuffer"] == kinds["autoencoding"] == "pixel_values"
    assert kinds["segment_semantic"] == kinds["segment_unsup2d"] == "pixel_classes"
    assert kinds["class_scene"] == kinds["jigsaw"] == "classes"
    assert kinds["fixated_pose"] == kinds["room_layout"] == "values"
    assert [task.name for task in tasks if task.pairs] == ["segment_unsup2d", "segment_unsup25d"]
    by_name = {task.name: task for task in tasks}
    assert by_name["depth_zbuffer"].images is by_name["normal"].images
    assert by_name["egomotion"].images[0].shape == (3, 3, 64, 64)
    depth = by_name["depth_zbuffer"].targets
    assert np.isnan(depth.values).any(axis=(1, 2, 3)).sum() == (~depth.counted()).any(dim=1).sum()
    settings = Settings("montecarlo", head_epochs=1, epoch_samples=128, side=8)
    found = embed_tasks(small_resnet(), tasks, settings)
    assert len({len(embedding.hessian) for embedding in found}) == 1
    assert all(norm(embedding) > 0 for embedding in found)


@pytest.mark.slow
def test_only_requested_tasks_are_read(shards: Path) -> None:
    (normals,) = read_tasks("taskonomy", shards, 64, ("normal",))
    assert normals.targets.values.shape[1:] == (3, 64, 64)
