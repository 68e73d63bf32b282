import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.reading import BrokenSampleError, ShardSet
from tests.data.small_folder import label_file, make_folder

DOMAINS = ("rgb", "normal", "depth_zbuffer", "class_scene", "point_info")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("stream")
    source = make_folder(root / "in", points=6, domains=DOMAINS)
    label_file(source, "ash", 0, 0, "normal").unlink()
    for view in (0, 1):  # class_scene of 63 numbers among those of 365
        np.save(label_file(source, "birch", 2, view, "class_scene"), np.full(63, 1 / 63, np.float32))
    split_of = dict.fromkeys(("ash", "birch", "cedar"), "train")
    PackPlan(source, root / "out", split_of, Packing(shard_size=8)).run(1)
    return source, root / "out"


def test_labels_are_what_the_files_hold(folders: tuple[Path, Path]) -> None:
    source, out = folders
    shards = ShardSet(str(out), "train")
    for sample, key in enumerate(shards.index.keys):
        view = ViewName.from_key(key)
        place = (view.building, view.point, view.view)
        found = shards.read(sample, ["rgb", "depth_zbuffer", "class_scene", "point_info"])
        for domain in ("rgb", "depth_zbuffer"):
            expected = np.asarray(Image.open(label_file(source, *place, domain)))
            assert found[domain].dtype == expected.dtype
            np.testing.assert_array_equal(found[domain], expected)
        np.testing.assert_array_equal(
            found["class_scene"], np.load(label_file(source, *place, "class_scene"))
        )
        assert found["point_info"] == json.loads(label_file(source, *place, "point_info").read_text())


def test_an_absent_label_is_said_by_shard_key_and_domain(folders: tuple[Path, Path]) -> None:
    shards = ShardSet(str(folders[1]), "train")
    sample = list(shards.index.keys).index("ash/point_0_view_0")
    assert set(shards.read(sample, ["rgb"])) == {"rgb"}
    with pytest.raises(BrokenSampleError, match=r"train-00000\d\.tar, ash/point_0_view_0: normal: absent"):
        shards.read(sample, ["rgb", "normal"])
    with pytest.raises(BrokenSampleError, match="reshading: absent"):
        shards.read(sample, ["reshading"])


def test_only_the_files_of_the_domains_asked_for_are_opened(folders: tuple[Path, Path]) -> None:
    shards = ShardSet(str(folders[1]), "train")
    for sample in range(len(shards.index.keys)):
        shards.read(sample, ["rgb"])
    assert {path.parent.name for path in shards._files} == {"rgb"}


def test_a_damaged_member_is_said(folders: tuple[Path, Path], tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "out"
    shutil.copytree(folders[1], root)
    shards = ShardSet(str(root), "train")
    path = shards.index.path(int(shards.index.shard[3]), "rgb")
    content = bytearray(path.read_bytes())
    start = int(shards.index.offset["rgb"][3])
    content[start + 60 : start + 200] = bytes(140)
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(BrokenSampleError, match="rgb: damaged picture"):
        shards.read(3, ["rgb"])
    assert shards.read(4, ["rgb"])["rgb"].shape == (24, 24, 3)


def test_a_shard_set_travels_to_other_processes(folders: tuple[Path, Path]) -> None:
    shards = ShardSet(str(folders[1]), "train")
    first = shards.read(0, ["rgb"])["rgb"]
    again = pickle.loads(pickle.dumps(shards))
    np.testing.assert_array_equal(again.read(0, ["rgb"])["rgb"], first)
    error = pickle.loads(pickle.dumps(BrokenSampleError("shard", "key", "rgb", "absent (really)")))
    assert str(error) == "shard, key: rgb: absent (really)"
    assert error.reason == "rgb: absent"
