"""Custom tasks named by where they are defined: the named file is the one that runs."""

import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks import register, task_named

ROOT = Path(__file__).parents[2]
FILE = """
import numpy as np
from lightning_taskonomy.tasks import Example, Task, Vector
from lightning_taskonomy.tasks.losses import l2

def read(views, size, random):
    return Example((np.zeros((3, size, size), np.float32),), np.full(1, {number}, np.float32))

TASK = Task("{name}", "Title", (), Vector(1, hidden=8), l2, read)
"""


@pytest.fixture(autouse=True)
def _path_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.chdir(tmp_path)


def written(path: str, name: str, number: float = 0.0) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(FILE.format(name=name, number=number))
    return f"{path}:TASK"


def read(name: str) -> float:
    """The target returned by the task's reader."""
    return float(np.asarray(task_named(name).read([], 4, np.random.default_rng(0)).target).item())


PLACES = [
    "depth/task.py",
    "edges/task.py",
    "own/random.py",
    "own/types.py",
    "own/string.py",
    "own/json.py",
    "own/queue.py",
    "own/numpy.py",
    "own/my.task.py",
    "own/ein Task – é.py",
    "own/class.py",
    "own/1.py",
    "own/100%2E.py",
    "a.b/task.py",
    "lightning_taskonomy/tasks.py",
]


def test_the_file_named_is_the_file_that_is_run() -> None:
    names = [written(place, f"task_{number}", number) for number, place in enumerate(PLACES)]
    for number, name in enumerate(names):
        assert task_named(name).name == f"task_{number}"
        assert read(name) == number
        assert task_named(name) is task_named(str(Path(name).resolve()))
    assert sys.modules["random"] is random
    assert sys.modules["types"] is types
    assert sys.modules["numpy"] is np
    code = "import queue, string, json; print(queue.Queue, string.digits, json.loads('1'))"
    exec(code, {})


def _target(task: object) -> float:
    return float(task.read([], 4, np.random.default_rng(0)).target[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_find_the_file(method: str) -> None:
    tasks = [task_named(written(f"{folder}/task.py", folder, number)) for number, folder in enumerate("ab")]
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        assert pool.map(_target, tasks) == [0, 1]


def test_a_fresh_process_finds_a_reader() -> None:
    sent = pickle.dumps(task_named(written("own/random.py", "mine", 7)).read)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)([], 4, None).target[0])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, env=environment)
    assert run.stdout.decode().strip() == "7.0", run.stderr.decode()


def test_a_file_that_has_changed_is_run_again() -> None:
    """As in a notebook; even within the same second and with the same size, which bytecode would hide."""
    name = written("task.py", "mine", 1)
    first = task_named(name)
    assert read(name) == 1
    stat = Path("task.py").stat()
    written("task.py", "mine", 2)
    os.utime("task.py", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert read(name) == 2
    assert task_named(name) is not first
    assert task_named(name) is task_named(name)
    assert not Path("__pycache__").exists()


def test_a_module_is_the_file_where_both_are_named() -> None:
    found = task_named(written("lines_of_mine.py", "mine"))
    assert task_named("lines_of_mine.TASK") is found


def test_sibling_modules_are_found_after_all_others() -> None:
    name = written("one/task.py", "one")
    Path("one/beside_one.py").write_text("NUMBER = 3.0\n")
    Path("one/queue.py").write_text("raise SystemExit('shadows the standard library')\n")
    with Path("one/task.py").open("a") as file:
        file.write(
            "import queue, beside_one\nTASK = Task(str(beside_one.NUMBER), '', (), TASK.output, l2, read)\n"
        )
    assert task_named(name).name == "3.0"


def test_two_folders_with_a_module_of_one_name_are_kept_apart() -> None:
    for folder in ("one", "two"):
        written(f"{folder}/task.py", folder)
        Path(folder, "shared_by_two.py").write_text(f"NUMBER = '{folder}'\n")
        with Path(folder, "task.py").open("a") as file:
            file.write(
                "from shared_by_two import NUMBER\nTASK = Task(NUMBER, '', (), TASK.output, l2, read)\n"
            )
    assert task_named("one/task.py:TASK").name == "one"
    with pytest.raises(
        InputError, match=r"imports shared_by_two, but .*one/shared_by_two\.py is already imported"
    ) as error:
        task_named("two/task.py:TASK")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ny = nothing\n", r"NameError in own\.py, line 2: name 'nothing' is not defined"),
        (
            "import no_such_module",
            r"ModuleNotFoundError in own\.py, line 1: No module named 'no_such_module'",
        ),
        ("x = (\n", r"SyntaxError in own\.py, line 1: '\(' was never closed"),
        ("import sys\nsys.exit(3)\n", r"SystemExit in own\.py, line 2: 3"),
        ("import numpy\nnumpy.zeros(-1)\n", r"ValueError in own\.py, line 2: negative dimensions"),
        ("x = '\0'", r"(SyntaxError|ValueError).*null bytes"),
        ("OTHER = 3\n", r"expected a Task called 'TASK' in own\.py; it has none"),
    ],
)
def test_an_error_in_a_file_is_reported_with_its_line(text: str, line: str) -> None:
    Path("own.py").write_text(text)
    for _ in range(2):
        with pytest.raises(InputError, match=f"task own.py:TASK: .*{line}"):
            task_named("own.py:TASK")


def test_a_corrected_file_runs() -> None:
    Path("own.py").write_text("nothing\n")
    with pytest.raises(InputError, match="NameError"):
        task_named("own.py:TASK")
    assert read(written("own.py", "mine", 5)) == 5


def test_other_objects_are_refused() -> None:
    name = written("own.py", "mine")
    with pytest.raises(InputError, match=r"expected a Task called 'OTHER' in own\.py; it has TASK"):
        task_named("own.py:OTHER")
    for short in ("own.py", "own.py:"):
        with pytest.raises(
            InputError, match=r"expected a Task called as in FILE\.py:NAME in own\.py; it has TASK"
        ):
            task_named(short)
    with pytest.raises(InputError, match=r"no file .*/absent\.py"):
        task_named("absent.py:TASK")
    with pytest.raises(InputError, match="no file"):
        task_named("own.py/own.py:TASK")
    for module in ("..own.TASK", ".own.TASK", "no_such_module.TASK", "own..TASK"):
        with pytest.raises(InputError, match="cannot import"):
            task_named(module)
    assert task_named(name).name == "mine"


NAMES = [
    "a/b",
    "../up",
    "/root",
    "a\\\\b",
    "x:y",
    "..",
    "",
    " a",
    "a ",
    "a+b",
    "random",
    "pixels",
    "average",
    "normal@1000",
    "self",
]


@pytest.mark.parametrize("name", [*NAMES, "n" * 201])
def test_names_that_are_paths_baselines_or_joins_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"own\.py:TASK: the name '.*' cannot be used: ") as error:
        task_named(written("own.py", name))
    assert len(str(error.value)) < 250
    with pytest.raises(InputError, match="cannot be used"):
        register(replace(task_named("autoencoder"), name=name))


@pytest.fixture
def _registered_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning_taskonomy.tasks import entries

    monkeypatch.setattr(entries, "_registered", dict(entries._registered))


@pytest.mark.usefixtures("_registered_are_forgotten")
def test_a_file_that_registers_its_task_may_be_edited_and_run_again() -> None:
    text = FILE + "from lightning_taskonomy.tasks import register\nregister(TASK)\n"
    for number in (1, 2):
        Path("own.py").write_text(text.format(name="edited", number=number) + "\n" * number)
        assert read("own.py:TASK") == number
        assert read("edited") == number
    Path("other.py").write_text(text.format(name="edited", number=3))
    with pytest.raises(InputError, match="there is already a task 'edited'"):
        task_named("other.py:TASK")
