"""Mistakes in a custom reader, met on the way to a network: a one-line error, before anything is trained."""

from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule

READERS = """
import numpy as np
from lightning_taskonomy.tasks import Example, Task, Vector
from lightning_taskonomy.tasks.losses import CrossEntropy, l2
from lightning_taskonomy.tasks.pictures import colour_input

def rgb(views, size):
    return colour_input(views[0]["rgb"], size)

def fault(views, size, random):
    return Example((rgb(views, size)[:, 0],), np.zeros(1, np.float32))

def name(views, size, random):
    return Example((rgb(views, size),), nothing)

def none(views, size, random):
    return None

def scalar(views, size, random):
    return Example((rgb(views, size),), 0.5)

def three(views, size, random):
    return Example((rgb(views, size),), np.zeros(3, np.float32))

def seven(views, size, random):
    return Example((rgb(views, size),), np.array(7))

def rare(views, size, random):
    # Of some samples only, told apart by their pictures.
    return Example((rgb(views, size),), np.array(4 if int(views[0]["rgb"].sum()) % 2 else 255))

def damaged(views, size, random):
    if int(views[0]["rgb"].sum()) % 2:
        raise KeyError("no such label")
    return Example((rgb(views, size),), np.array(0))

FAULT, NAME, NONE, SCALAR, THREE = (
    Task(read.__name__, "", (), Vector(1, hidden=8), l2, read) for read in (fault, name, none, scalar, three)
)
SEVEN, RARE, DAMAGED = (
    Task(read.__name__, "", (), Vector(5, hidden=8), CrossEntropy(), read) for read in (seven, rare, damaged)
)
"""
KEY = r"\S+"
LINES = {
    "FAULT": rf"task fault, image {KEY}: its reader fails, as on the 2 images before: "
    r"TypeError in .*readers\.py, line 11: tuple indices must be integers or slices, not tuple",
    "NAME": rf"task name, image {KEY}: its reader fails, as on the 2 images before: "
    r"NameError in .*readers\.py, line 14: name 'nothing' is not defined",
    "NONE": rf"task none, image {KEY}: its reader should return an Example, found None",
    "SCALAR": rf"task scalar, image {KEY}: its output expects a target of shape \(1,\), float32, "
    r"found a float",
    "THREE": rf"task three, image {KEY}: its output expects a target of shape \(1,\), float32, "
    r"found \(3,\) float32",
    "SEVEN": rf"task seven, image {KEY}: its output expects classes from 0 to 4, found class 7 ",
}


@pytest.fixture
def readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    file = tmp_path / "readers.py"
    file.write_text(READERS)
    return file


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_is_told_by_the_first_batch(packed: Path, readers: Path, name: str, workers: int) -> None:
    data = TaskonomyDataModule(str(packed), [f"{readers}:{name}"], 32, batch_size=4, num_workers=workers)
    loader = data.loader("train", shuffled=False)
    with pytest.raises(InputError, match=LINES[name]) as error:
        next(iter(loader))
    loader.close()
    assert "\n" not in str(error.value)


def test_mistakes_of_some_images_are_broken_samples_with_their_line(packed: Path, readers: Path) -> None:
    reasons = {
        "RARE": r"its output expects classes from 0 to 4, found class 255",
        "DAMAGED": r"KeyError in .*readers\.py, line 34",
    }
    for name, reason in reasons.items():
        data = TaskonomyDataModule(str(packed), [f"{readers}:{name}"], 32, batch_size=4, num_workers=0)
        loader = data.loader("train", shuffled=False)
        with pytest.raises(InputError, match=reason) as error:
            list(loader)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["SCALAR", "NAME"])
def test_the_command_ends_in_one_line(
    packed: Path,
    readers: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(readers.parent)
    words = (
        f"fit --model TaskNetwork --model.task readers.py:{name} --model.size 32 --model.width 8 "
        f"--model.blocks [1,1,1,1] --data.shards {packed} --data.batch_size 4 --data.num_workers 0 "
        "--runs runs --trainer.max_steps 1 --trainer.accelerator cpu --trainer.enable_progress_bar false"
    )
    assert main(words.split()) == 2
    found = capsys.readouterr().err.splitlines()[-1]
    assert found.startswith("error: task ")
    assert "readers.py, line 14" in found or "a target of shape (1,)" in found
