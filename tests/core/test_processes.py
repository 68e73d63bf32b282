import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import (
    in_processes,
    leave_signals_to_parent,
    loader_was_killed,
    started,
)

_LONG = 120


def _square(number: int) -> int:
    return number * number


def _pid_of_worker(folder: str, number: int) -> int:
    Path(folder, f"{os.getpid()}.worker").touch()
    time.sleep(_LONG)
    return number


def test_every_task_is_done_once_in_processes_and_in_this_one() -> None:
    tasks = [(number,) for number in range(20)]
    expected = sorted(number * number for number in range(20))
    assert sorted(in_processes(_square, tasks, workers=2)) == expected
    assert list(in_processes(_square, tasks, workers=1)) == expected


def _fails(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def test_an_error_of_a_task_reaches_the_caller_and_ends_the_workers() -> None:
    with pytest.raises(ValueError, match="three"):
        list(in_processes(_fails, [(number,) for number in range(50)], workers=2))


def _is_killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # as the system does where memory runs out
    return number


def test_a_worker_that_is_killed_is_told_in_a_line_and_the_others_end() -> None:
    with pytest.raises(
        InputError, match=r"one of 2 worker processes was killed, .* memory .*fewer --workers"
    ):
        list(in_processes(_is_killed, [(number,) for number in range(50)], workers=2))
    assert not multiprocessing.active_children()


class _Killed(Dataset[Tensor]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> Tensor:
        return torch.tensor(_is_killed(number))


def test_a_loader_whose_worker_is_killed_is_known_by_its_error() -> None:
    loader = DataLoader(_Killed(), num_workers=2, worker_init_fn=leave_signals_to_parent)
    with pytest.raises(RuntimeError) as raised:
        list(started(loader))
    assert loader_was_killed(raised.value)
    assert not loader_was_killed(RuntimeError("CUDA out of memory"))


# A program that waits for two workers, in its own process group as under a terminal.
_POOL = """
    import signal, sys
    from lightning_taskonomy.core.processes import in_processes
    from tests.core.test_processes import _pid_of_worker
    if __name__ == "__main__":
        # Tests that run in the background may have been started with it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            list(in_processes(_pid_of_worker, [(sys.argv[1], n) for n in range(8)], workers=2))
        except KeyboardInterrupt:
            sys.exit(130)
"""
# A program with a torch loader that records the signals it receives and continues.
_LOADER = """
    import os, signal, sys, time
    from pathlib import Path
    from torch.utils.data import DataLoader
    from lightning_taskonomy.core.processes import SIGNALS, leave_signals_to_parent, started
    class Slow:
        def __len__(self):
            return 40
        def __getitem__(self, place):
            Path(sys.argv[1], f"{os.getpid()}.worker").touch()
            time.sleep(0.1)
            return place
    if __name__ == "__main__":
        came = []
        for number in SIGNALS:
            signal.signal(number, lambda number, frame: came.append(number))
        loader = DataLoader(Slow(), batch_size=None, num_workers=2, worker_init_fn=leave_signals_to_parent)
        read = [int(place) for place in started(loader)]
        print(read == list(range(40)), sorted(came) == sorted(SIGNALS))
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    def start(text: str) -> subprocess.Popen[str]:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(text))
        process = subprocess.Popen(
            [sys.executable, str(path), str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + _LONG
        while len(_workers(tmp_path)) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "its workers have not started"
            time.sleep(0.05)
        return process

    return start


def _workers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.worker")]


def _alive(number: int) -> bool:
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _gone_within(folder: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(_alive(number) for number in _workers(folder)):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_ctrl_c_in_a_terminal_ends_a_pool_at_once_without_a_word_of_the_workers(
    tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = program(_POOL)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    printed = process.communicate(timeout=_LONG)
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert printed == ("", "")
    assert _gone_within(tmp_path, 2)


def test_workers_end_with_a_parent_that_is_killed(
    tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = program(_POOL)
    process.kill()
    process.communicate(timeout=_LONG)
    assert _gone_within(tmp_path, 5)


def test_signals_to_the_group_reach_the_program_and_leave_its_loader_whole(
    program: Callable[[str], subprocess.Popen[str]],
) -> None:
    process = program(_LOADER)
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        os.killpg(process.pid, number)
        time.sleep(0.1)
    printed, errors = process.communicate(timeout=_LONG)
    assert printed.split() == ["True", "True"], errors
    assert errors == ""
    assert process.returncode == 0
