import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import webdataset
from PIL import Image
from pyarrow import parquet

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.index import SplitIndex
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from tests.data.small_folder import label_file, make_folder

SPLIT_OF = {"ash": "train", "birch": "train", "cedar": "test"}
DOMAINS = ("rgb", "depth_zbuffer", "class_scene", "point_info")
FACING_WALL_FLOOR_CEILING = (127, 127, 0), (127, 0, 127), (127, 254, 127)


def packed(source: Path, out: Path, workers: int = 1, **options: object) -> None:
    PackPlan(source, out, SPLIT_OF, Packing(**{"shard_size": 6, **options})).run(workers)  # type: ignore[arg-type]


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_every_label_can_be_read_back_by_its_place(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=5, domains=DOMAINS)
    label_file(source, "ash", 2, 1, "depth_zbuffer").unlink()
    label_file(source, "birch", 0, 0, "class_scene").unlink()
    packed(source, tmp_path / "out")
    index = SplitIndex.read(tmp_path / "out" / "train")
    assert sorted(index.keys) == sorted(
        ViewName(building, point, view).key
        for building in ("ash", "birch")
        for point in range(5)
        for view in range(2)
    )
    assert index.samples.sum() == 20
    for number, key in enumerate(index.keys):
        view = ViewName.from_key(key)
        for domain in ("rgb", "depth_zbuffer"):
            path = label_file(source, view.building, view.point, view.view, domain)
            assert index.present[domain][number] == path.exists()
            if path.exists():
                content = index.path(int(index.shard[number]), domain).read_bytes()
                start, size = int(index.offset[domain][number]), int(index.size[domain][number])
                assert content[start : start + size] == path.read_bytes()
        assert index.present["class_scene"][number] == (key != "birch/point_0_view_0")


def test_low_dimensional_labels_are_one_file_per_shard(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=DOMAINS)
    packed(source, tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "test" / "labels" / "test-000000.parquet").to_pylist()
    for row in table:
        view = ViewName.from_key(row["key"])
        place = ("cedar", view.point, view.view)
        np.testing.assert_array_equal(
            np.array(row["class_scene"], np.float32), np.load(label_file(source, *place, "class_scene"))
        )
        assert json.loads(row["point_info"]) == json.loads(
            label_file(source, *place, "point_info").read_text()
        )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_each_folder_is_a_webdataset_of_its_own_with_the_same_keys(tmp_path: Path) -> None:
    packed(make_folder(tmp_path / "in", points=4, domains=DOMAINS), tmp_path / "out")
    keys = {}
    for domain in ("rgb", "depth_zbuffer"):
        shards = sorted(map(str, (tmp_path / "out" / "train" / domain).glob("*.tar")))
        samples = webdataset.WebDataset(shards, shardshuffle=False)
        keys[domain] = [sample["__key__"] for sample in samples]
    gc.collect()
    assert keys["rgb"] == keys["depth_zbuffer"] == list(SplitIndex.read(tmp_path / "out" / "train").keys)


def test_checksums_and_bytes_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=4, domains=DOMAINS)
    packed(source, tmp_path / "one", workers=1)
    packed(source, tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    index = SplitIndex.read(tmp_path / "one" / "train")
    for shard, sums in enumerate(index.sha256):
        for folder, expected in sums.items():
            (path,) = (tmp_path / "one" / "train" / folder).glob(f"train-{shard:06d}.*")
            assert hashlib.sha256(path.read_bytes()).hexdigest() == expected


def test_a_kill_half_way_costs_no_finished_shard(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=40, domains=DOMAINS, size=64)
    split = tmp_path / "splits.csv"
    split.write_text("id,train,val,test\nash,1,0,0\nbirch,1,0,0\ncedar,0,0,1\n")
    out = tmp_path / "out"
    words = ["data", "pack", "--source", str(source), "--out", str(out), "--split", str(split)]
    words += ["--shard-size", "4", "--workers", "1", "--size", "48"]
    process = subprocess.Popen([sys.executable, "-m", "lightning_taskonomy", *words], start_new_session=True)
    records = out / "train" / ".packed"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(records.glob("0*.json"))) < 3:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.stem: path.stat().st_mtime_ns for path in records.glob("0*.json")}
    shards = {stem: (out / "train" / "rgb" / f"train-{stem}.tar").stat().st_mtime_ns for stem in finished}
    assert len(finished) >= 3
    assert not (out / "train" / "index.json").exists()
    assert main(words) == 0
    again = {stem: (out / "train" / "rgb" / f"train-{stem}.tar").stat().st_mtime_ns for stem in finished}
    assert again == shards
    assert main([*words[:5], str(tmp_path / "whole"), *words[6:]]) == 0
    assert files(tmp_path / "whole") == files(out)


def test_packing_again_changes_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=DOMAINS)
    packed(source, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files(tmp_path / "out")}
    packed(source, tmp_path / "out")
    assert before == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files(tmp_path / "out")}
    with pytest.raises(InputError, match="holds shards of other views or settings"):
        packed(source, tmp_path / "out", seed=1)
    make_folder(source, points=3, domains=DOMAINS)
    with pytest.raises(InputError, match="holds shards of other views or settings"):
        packed(source, tmp_path / "out")


def test_a_damaged_label_is_named_and_no_index_is_written(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=DOMAINS)
    label_file(source, "ash", 1, 1, "class_scene").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match=r"point_1_view_1_domain_class_scene\.npy: cannot read this label"):
        packed(source, tmp_path / "out")
    assert not (tmp_path / "out" / "train" / "index.json").exists()


def test_unpacked_splits_and_other_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a packed split"):
        SplitIndex.read(tmp_path)
    packed(make_folder(tmp_path / "in", domains=DOMAINS), tmp_path / "out")
    head = tmp_path / "out" / "train" / "index.json"
    whole = json.loads(head.read_text())
    head.write_text(json.dumps({**whole, "version": 9}))
    with pytest.raises(InputError, match="expected version 3, found 9; pack again"):
        SplitIndex.read(tmp_path / "out" / "train")
    head.write_text(json.dumps({**whole, "conventions": 3}))
    with pytest.raises(
        InputError, match=r"index.json: made by label conventions 3, expected 2 .* pack again$"
    ):
        SplitIndex.read(tmp_path / "out" / "train")


def test_sets_packed_when_normals_pointed_to_the_camera_are_refused_and_not_kept(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=DOMAINS)
    packed(source, tmp_path / "out")
    head = tmp_path / "out" / "train" / "index.json"
    old = json.loads(head.read_text())
    del old["conventions"], old["settings"]["conventions"]
    head.write_text(json.dumps({**old, "version": 2}))
    with pytest.raises(
        InputError,
        match=r"index.json: made by label conventions 1, expected 2 \(normals point into the scene, as in "
        r"Taskonomy's files\); render rooms again, and pack again$",
    ):
        SplitIndex.read(tmp_path / "out" / "train")
    with pytest.raises(
        InputError, match=r"out/train: made by label conventions 1, .*; choose another folder$"
    ):
        packed(source, tmp_path / "out")


def repaint(source: Path, picture: npt.NDArray[np.uint8]) -> None:
    for path in (source / "normal").rglob("*.png"):
        Image.fromarray(picture).save(path)


def test_rooms_with_normals_towards_the_camera_are_not_packed(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=("rgb", "normal"))
    wall, floor, ceiling = (np.full((8, 24, 3), colour, np.uint8) for colour in FACING_WALL_FLOOR_CEILING)
    repaint(source, np.concatenate([ceiling, wall, floor]))
    packed(source, tmp_path / "right")
    wall[..., 2] = 254
    repaint(source, np.concatenate([ceiling, wall, floor]))
    with pytest.raises(InputError, match=r"in: 12 of 12 normal pictures point towards the camera, .* render"):
        packed(source, tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()
    packed(source, tmp_path / "photos", domains=("rgb",))


def test_records_with_cameras_outside_their_rooms_are_not_packed(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", domains=("rgb", "point_info"))
    paths = sorted((source / "point_info").rglob("*.json"))
    for number, path in enumerate(paths):
        info = json.loads(path.read_text())
        # The camera stands at x = 1, y = 2; an older record has the ranges as they are named.
        info["bounding_box_ranges"] = {"x": [0.0, 1.5], "y": [1.5, 4.0], "z": [0.0, 2.5]}
        if number % 4 == 0:
            del info["bounding_box_ranges"]
        path.write_text(json.dumps(info))
    with pytest.raises(InputError, match=r"in: 9 of 9 cameras stand outside their room's box; .* render"):
        packed(source, tmp_path / "wrong")


def test_members_are_in_order_and_plain(tmp_path: Path) -> None:
    packed(make_folder(tmp_path / "in", domains=DOMAINS), tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "test" / "rgb" / "test-000000.tar") as tar:
        members = tar.getmembers()
    index = SplitIndex.read(tmp_path / "out" / "test")
    assert [member.name for member in members] == [f"{key}.png" for key in index.keys[: len(members)]]
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(0, 0, "")}
