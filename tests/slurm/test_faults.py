"""What goes wrong on clusters, for real: full disks, damaged or lost files, two runs at once."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.pipeline.records import alone_in
from lightning_taskonomy.training.running_checkpoint import BEFORE, NAME, RunningCheckpoint, Unfinished
from lightning_taskonomy.training.whole_checkpoints import WholeCheckpoints, read_checkpoint
from tests.slurm.small_fits import FOLDER, curve, pack, same, weights, words


def checkpoint(step: int, size: int = 1000) -> dict[str, object]:
    about = {"run": "this", "next_step": step}
    return {"weights": torch.full((size,), float(step)), "callbacks": {RunningCheckpoint.__qualname__: about}}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with a checkpoint of step 7 and the one before it, of step 3."""
    for name, step in ((NAME, 7), (BEFORE, 3)):
        WholeCheckpoints().save_checkpoint(checkpoint(step), tmp_path / name)
    return tmp_path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    two: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = two / NAME
    if damage == "flipped":
        flip(path, path.read_bytes().find(torch.full((9,), 7.0).numpy().tobytes()))
    else:
        os.truncate(path, 0 if damage == "empty" else path.stat().st_size // 2)
    found = Unfinished.in_folder(two)
    assert found is not None
    assert (found.path, found.next_step) == (two / BEFORE, 3)
    assert str(path) in caplog.text


def test_where_all_are_damaged_it_says_so_and_starts_nothing(two: Path) -> None:
    for name in (NAME, BEFORE):
        os.truncate(two / name, 100)
    with pytest.raises(InputError, match="remove it to start again"):
        Unfinished.in_folder(two)


def test_clocks_decide_nothing(two: Path) -> None:
    os.utime(two / NAME, (0, 0))
    os.utime(two / BEFORE, (2e9, 2e9))
    found = Unfinished.in_folder(two)
    assert found is not None
    assert found.next_step == 7


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_the_checkpoint_before(small_disk: Path) -> None:
    path = small_disk / NAME
    WholeCheckpoints().save_checkpoint(checkpoint(7), path)
    with pytest.raises(InputError, match=f"{NAME}: cannot write this file .No space left on device"):
        WholeCheckpoints().save_checkpoint(checkpoint(8, size=100_000), path)
    assert read_checkpoint(path)["callbacks"] == checkpoint(7)["callbacks"]
    assert [found.name for found in small_disk.iterdir()] == [NAME]


def test_a_full_disk_leaves_no_half_store(small_disk: Path) -> None:
    store = small_disk / "store.safetensors"
    with pytest.raises(InputError, match="No space left"), whole_file(store) as temporary:
        temporary.write_bytes(bytes(100_000))
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_became_read_only_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match=str(small_disk)):
        WholeCheckpoints().save_checkpoint(checkpoint(7), small_disk / NAME)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A fit that was told to stop in its second epoch, and its shards."""
    shards, folder = pack(tmp_path_factory.mktemp("shards"), points=4), tmp_path_factory.mktemp("stopped")
    callbacks = [{"class_path": "tests.slurm.signalling.SignalAt", "init_args": {"batch": 4}}]
    with pytest.raises(SystemExit):
        main(words(folder, shards, callbacks=callbacks))
    return folder, shards


@pytest.fixture
def unfinished(stopped: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    for place, name in zip(stopped, ("run", "shards"), strict=True):
        shutil.copytree(place, tmp_path / name)
    return tmp_path / "run", tmp_path / "shards"


def test_another_configuration_does_not_go_on(
    unfinished: tuple[Path, Path], stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = unfinished
    assert main([*words(folder, stopped[1]), "--model.init_args.learning_rate", "0.5"]) == 2
    assert "an unfinished run with another configuration" in capsys.readouterr().err


def hold(folder: str) -> None:
    """What a first run does, in a process of its own."""
    with alone_in(Path(folder)):
        print("held", flush=True)
        time.sleep(600)


def test_a_second_run_in_a_folder_is_refused(
    unfinished: tuple[Path, Path], stopped: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = unfinished
    holding = f"from tests.slurm.test_faults import hold; hold({str(folder / FOLDER)!r})"
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        assert main(words(folder, stopped[1])) == 2
        first.kill()
    assert "another run is writing here" in capsys.readouterr().err


def test_a_shard_that_has_gone_is_named(
    unfinished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, shards = unfinished
    run = folder.parent / "new"
    for gone in (shards / "train" / "rgb").glob("*.tar"):
        gone.unlink()
    assert main(words(run, shards)) == 2
    assert str(shards / "train" / "rgb") in capsys.readouterr().err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fit_that_loses_its_shards_in_the_middle_goes_on_when_they_are_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    shards = pack(tmp_path / "pack", points=14, shard_size=1)  # more than are read ahead
    given = ["--checkpoint_seconds", "0", "--data.num_workers", str(workers)]
    assert main([*words(tmp_path / "whole", shards, max_epochs=1), *given]) == 0
    photos, elsewhere = shards / "train" / "rgb", tmp_path / "elsewhere"
    lost = {"batch": 2, "folder": str(photos), "to": str(elsewhere)}
    callbacks = [{"class_path": "tests.slurm.signalling.LoseShards", "init_args": lost}]
    run = tmp_path / "run"
    capfd.readouterr()
    assert main([*words(run, shards, max_epochs=1, callbacks=callbacks), *given]) == 2
    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("error: "))
    assert "Traceback" not in line
    assert re.search(rf"{photos}/\S+: cannot read this shard \(No such file or directory\)$", line)
    # The lock, and the note of which run has begun: nothing is half-written.
    assert {path.name for path in run.rglob(".*")} == {".running", ".begun"}
    elsewhere.rename(photos)
    assert main([*words(run, shards, max_epochs=1), *given]) == 0
    assert same(weights(run, "last"), weights(tmp_path / "whole", "last"))
    assert curve(run) == curve(tmp_path / "whole")


def test_a_fit_killed_outright_goes_on_from_its_last_checkpoint(
    stopped: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    callbacks = [
        {"class_path": "tests.slurm.signalling.SignalAt", "init_args": {"batch": 3, "name": "SIGKILL"}}
    ]
    program = [sys.executable, "-m", "lightning_taskonomy"]
    killed = subprocess.run(
        [*program, *words(tmp_path, stopped[1], callbacks=callbacks), "--checkpoint_seconds", "0"],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert main(words(tmp_path, stopped[1])) == 0
    assert "resuming at step 2" in capsys.readouterr().out
