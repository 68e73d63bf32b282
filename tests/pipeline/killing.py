"""Runs in their own processes, to be killed; they start fast, forked from one that has imported
everything."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context, set_start_method
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["lightning_taskonomy.cli.pipeline", "tests.pipeline.killing"])


def started(words: Sequence[str], log: Path) -> ForkServerProcess:
    """The command line in a process group of its own."""
    process = _CONTEXT.Process(target=_run, args=(list(words), str(log)))
    process.start()
    assert process.pid is not None
    while process.is_alive() and os.getpgid(process.pid) != process.pid:
        time.sleep(0.01)  # until it has a group that can be killed
    return process


def _run(words: list[str], log: str) -> None:
    from lightning_taskonomy.cli import main

    os.setsid()
    set_start_method("fork", force=True)  # of the workers, as in a process that nobody forked
    with Path(log).open("a") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(main(words))


def kill_group(process: ForkServerProcess) -> bool:
    """`kill -9` a run and all its workers; false if it had already ended."""
    assert process.pid is not None
    killed = process.is_alive()
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return killed and process.exitcode == -signal.SIGKILL


def wait_for(path: Path, process: ForkServerProcess, seconds: float = 120) -> None:
    """Wait until a running process has made a file."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.is_alive(), f"ended with status {process.exitcode} before {path} was there"
        assert time.monotonic() < end, f"{path} has not been made"
        time.sleep(0.02)
