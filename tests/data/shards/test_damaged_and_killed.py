import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.index import SplitIndex
from tests.data.small_folder import SIZE, label_file, make_folder

DOMAINS = ("rgb", "depth_zbuffer", "class_scene", "point_info")


def source_folder(root: Path, points: int = 3, size: int = SIZE, original: bool = False) -> Path:
    source = make_folder(root, points=points, domains=DOMAINS, size=size, original=original)
    (source / "splits.csv").write_bytes(b"id,train,val,test\rash,1,0,0\rbirch,1,0,0\rcedar,0,1,0\r")
    return source


def pack(source: Path, out: Path, *words: str) -> int:
    fixed = ["--source", str(source), "--out", str(out), "--workers", "1", "--shard-size", "4"]
    return main(["data", "pack", *fixed, *words])


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def damage(source: Path) -> set[tuple[str, str]]:
    """Damage a label of each form, and return key and domain of each."""
    rgb = label_file(source, "ash", 0, 0, "rgb")
    rgb.write_bytes(rgb.read_bytes()[:200])
    Image.new("L", (SIZE, SIZE)).save(label_file(source, "ash", 1, 1, "depth_zbuffer"))
    np.save(label_file(source, "birch", 2, 0, "class_scene"), np.ones(62, np.float32))
    label_file(source, "birch", 0, 1, "point_info").write_text("{")
    return {
        ("ash/point_0_view_0", "rgb"),
        ("ash/point_1_view_1", "depth_zbuffer"),
        ("birch/point_2_view_0", "class_scene"),
        ("birch/point_0_view_1", "point_info"),
    }


def test_damaged_labels_are_left_out_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = source_folder(tmp_path / "in")
    damaged = damage(source)
    assert pack(source, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--skip-damaged packs without" in error
    # What was written before is still used.
    assert pack(source, tmp_path / "out", "--skip-damaged") == 0
    error = capsys.readouterr().err
    assert "left out: 4 damaged labels in all, listed in the index\n" in error
    scene = label_file(source, "birch", 2, 0, "class_scene")
    assert f"{scene}: expected 365 or 63 floating-point numbers, found float32 (62,)" in error
    index = SplitIndex.read(tmp_path / "out" / "train")
    absent = {
        (key, domain)
        for domain in DOMAINS
        for key, held in zip(index.keys, index.present[domain], strict=True)
        if not held
    }
    assert absent == damaged
    head = json.loads((tmp_path / "out" / "train" / "index.json").read_text())
    assert {(entry["key"], entry["domain"]) for entry in head["left_out"]} == damaged


@pytest.mark.parametrize("option", [[], ["--size", "12"]])
def test_a_depth_of_8_bits_is_no_depth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    source = source_folder(tmp_path / "in")
    Image.new("L", (SIZE, SIZE)).save(label_file(source, "cedar", 1, 1, "depth_zbuffer"))
    assert pack(source, tmp_path / "out", *option) == 2
    assert "expected 1 x 16 bits, found mode L" in capsys.readouterr().err


def test_both_layouts_give_the_same_shards(tmp_path: Path) -> None:
    assert pack(source_folder(tmp_path / "a"), tmp_path / "out_a") == 0
    assert pack(source_folder(tmp_path / "b", original=True), tmp_path / "out_b") == 0
    assert files(tmp_path / "out_a") == files(tmp_path / "out_b")
    assert len(files(tmp_path / "out_a")) > 8


@pytest.mark.parametrize("name", ["ash.old", "a" * 130])
def test_a_building_that_no_key_can_hold_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    source = make_folder(tmp_path / "in", (name,), 1, 1, ("rgb",))
    (source / "splits.csv").write_text(f"id,train,val,test\n{name},1,0,0\n")
    assert pack(source, tmp_path / "out") == 2
    assert "expected a name without dots, of up to 120 bytes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def killed_after(words: list[str], records: Path, finished: int) -> None:
    """Start packing and kill it as soon as so many shards are finished."""
    process = subprocess.Popen([sys.executable, "-m", "lightning_taskonomy", *words], start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(records.glob("0*.json"))) >= finished:
            break
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_two_kills_leave_what_one_run_writes(tmp_path: Path) -> None:
    source, out, whole = source_folder(tmp_path / "in", 20, 48), tmp_path / "out", tmp_path / "whole"
    words = [
        "data",
        "pack",
        "--source",
        str(source),
        "--out",
        str(out),
        "--workers",
        "2",
        "--shard-size",
        "4",
    ]
    written: dict[str, int] = {}
    for finished in (3, 9):
        killed_after(words, out / "train" / ".packed", finished)
        tars = {
            str(path): path.stat().st_mtime_ns
            for record in (out / "train" / ".packed").glob("0*.json")
            for path in out.glob(f"train/*/train-{record.stem}.*")
        }
        assert len(tars) >= finished * 3
        # What was finished before the earlier kill has not been written again.
        assert written.items() <= tars.items()
        written = tars
    # What a kill leaves under a temporary name must not stay.
    (out / "train" / "rgb" / ".train-000001-abc.tar").write_bytes(b"half")
    (out / "train" / ".packed" / ".000007-abc.json").write_bytes(b"half")
    assert main(words) == 0
    assert written.items() <= {str(path): path.stat().st_mtime_ns for path in out.rglob("*")}.items()
    assert pack(source, whole) == 0
    assert files(out) == files(whole)


def test_a_kill_after_the_index_is_tidied_up(tmp_path: Path) -> None:
    source = source_folder(tmp_path / "in")
    assert pack(source, tmp_path / "out") == 0
    before = files(tmp_path / "out")
    records = tmp_path / "out" / "train" / ".packed"
    records.mkdir()
    settings = json.loads((tmp_path / "out" / "train" / "index.json").read_text())["settings"]
    (records / "plan.json").write_text(json.dumps(settings))
    assert pack(source, tmp_path / "out") == 0
    assert files(tmp_path / "out") == before


def test_a_damaged_record_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = source_folder(tmp_path / "in")
    assert pack(source, tmp_path / "out") == 0
    head = json.loads((tmp_path / "out" / "train" / "index.json").read_text())
    shutil.rmtree(tmp_path / "out" / "val")
    (tmp_path / "out" / "train" / "index.json").unlink()
    records = tmp_path / "out" / "train" / ".packed"
    records.mkdir()
    (records / "plan.json").write_text(json.dumps(head["settings"]))
    (records / "000000.json").write_text("{}")
    capsys.readouterr()
    assert pack(source, tmp_path / "out") == 2
    assert "000000.json: not a record of a shard" in capsys.readouterr().err
