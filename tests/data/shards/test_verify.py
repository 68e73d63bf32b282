import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.index import SplitIndex
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.shards.verify import planned_checks, verify_shards
from tests.data.small_folder import make_folder

TAR = "train/rgb/train-000001.tar"
LABELS = "train/labels/train-000001.parquet"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    source = make_folder(tmp_path / "in", points=4, domains=("rgb", "normal", "class_scene", "point_info"))
    splits = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, tmp_path / "out", splits, Packing(shard_size=6)).run(1)
    return tmp_path / "out"


def problems(shards: Path, workers: int = 1) -> list[tuple[str, str]]:
    indices = [SplitIndex.read(shards / split) for split in ("train", "val")]
    checks = [check for index in indices for check in planned_checks(index)]
    return [(problem.kind, problem.path) for problem in verify_shards(checks, workers)]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def reverse_members(path: Path) -> None:
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member)) for member in tar]
        held = [(member, file.read()) for member, file in members if file is not None]
    with tarfile.open(path, "w") as tar:
        for member, content in reversed(held):
            tar.addfile(member, io.BytesIO(content))


def swap_shards(path: Path) -> None:
    other = path.with_name(path.name.replace("000001", "000000"))
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize("workers", [1, 2])
def test_whole_shards_have_no_problems(shards: Path, workers: int) -> None:
    assert problems(shards, workers) == []


@pytest.mark.parametrize(
    ("damage", "name", "kinds"),
    [
        (Path.unlink, TAR, {"missing shard"}),
        (Path.unlink, LABELS, {"missing shard"}),
        (flip_a_byte, TAR, {"wrong checksum"}),
        (flip_a_byte, LABELS, {"wrong checksum"}),
        (reverse_members, TAR, {"wrong checksum", "shard and index disagree"}),
        (swap_shards, TAR, {"wrong checksum", "shard and index disagree"}),
        (swap_shards, LABELS, {"wrong checksum", "shard and index disagree"}),
        (lambda path: path.write_bytes(b"no tar"), TAR, {"wrong checksum", "shard and index disagree"}),
        (lambda path: path.write_bytes(b"no table"), LABELS, {"wrong checksum", "shard and index disagree"}),
    ],
)
def test_damage_to_a_file_is_found(
    shards: Path, damage: Callable[[Path], object], name: str, kinds: set[str]
) -> None:
    damage(shards / name)
    found = problems(shards)
    assert kinds <= {kind for kind, path in found if path == name}


def test_the_command_tells_shards_from_folders(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "check", str(shards), "--workers", "1", "--json", str(tmp_path / "report.json")]
    assert main(words) == 0
    assert "train: 16 views in 3 shards\nval: 8 views in 2 shards\nno problems\n" in capsys.readouterr().out
    (shards / TAR).unlink()
    assert main(words) == 2
    assert capsys.readouterr().err == f"error: {shards}: 1 problem, see above\n"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["splits"]["train"]["labels"] == dict.fromkeys(
        ("rgb", "normal", "class_scene", "point_info"), 16
    )
    assert [problem["path"] for problem in report["problems"]] == [TAR]


def test_a_split_that_was_not_packed_to_its_end_is_named(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = sorted(path.parent for path in shards.glob("*/index.json"))
    assert len(whole) > 1
    (whole[0] / "index.json").unlink()
    assert main(["data", "check", str(shards)]) == 2
    printed = capsys.readouterr()
    assert f"{whole[0].name}: no index.json: pack again to finish it" in printed.out
    assert "no problems" not in printed.out
