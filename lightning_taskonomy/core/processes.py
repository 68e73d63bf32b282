"""Worker processes that leave signals to their parent, and end with it.

Terminals, `timeout` and schedulers send a signal to every process of a group or a job. It is the parent that
decides what it means: a worker that dies of it takes away what the parent still needs in order to save. So
workers are started while these signals are held back, keep them held back, and answer only to their parent.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import SIGNALS, signals_held

_LOOKED_EVERY = 1.0
"""Seconds between two looks for the parent."""
T = TypeVar("T")


def leave_signals_to_parent(*_: Any) -> None:  # noqa: ANN401 - a loader passes the worker's number
    """Make this worker process deaf to `SIGNALS`, except to its parent's SIGTERM; it ends with its parent.

    To be called first in the worker (`initializer` of a pool, `worker_init_fn` of a loader).
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_watch, args=(os.getppid(),), name="signals", daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        found = signal.sigtimedwait(SIGNALS, _LOOKED_EVERY)
        told = found is not None and found.si_signo == signal.SIGTERM and found.si_pid == parent
        if told or os.getppid() != parent:
            os._exit(0)


def started(batches: Iterable[T]) -> Iterator[T]:
    """The iterator of a loader, whose worker processes are started with signals held back.

    Args:
        batches: a `DataLoader` whose `worker_init_fn` is `leave_signals_to_parent`.
    """
    with signals_held():
        return iter(batches)


def loader_was_killed(error: RuntimeError) -> bool:
    """Whether an error, which may come up anywhere in the main thread, tells of a loader's worker's end."""
    return str(error).startswith("DataLoader worker (pid")


@contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, arguments: Sequence[Any] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh interpreters. When its block is left by an error or Ctrl-C, its workers end at once.

    Fresh, as Embree, numba and torch keep threads and locks that do not survive a fork.

    Args:
        workers: how many processes.
        initializer: called in each of them first.
        arguments: of the initializer.

    Raises:
        InputError: a worker was killed.
    """
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, _begin, (initializer, tuple(arguments)))
    try:
        yield pool
    except BaseException as error:
        # Left to themselves, they would do what is under way to its end first.
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise InputError(
                f"one of {workers} worker processes was killed, as happens where memory runs out; what is "
                "whole is kept: start the same command again with fewer --workers"
            ) from error
        raise
    pool.shutdown(wait=True)


def in_processes(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], workers: int) -> Iterator[T]:
    """What a function makes of each task's arguments, each as soon as it is there.

    Args:
        function: of a module, so that it can travel.
        tasks: arguments of each call.
        workers: processes; with one of them, or a single task, all is done in this one.

    Raises:
        InputError: a worker was killed.
    """
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield function(*task)
        return
    with worker_pool(min(workers, len(tasks))) as pool:
        with signals_held():  # submitting starts the workers
            waiting = [pool.submit(function, *task) for task in tasks]
        for done in as_completed(waiting):
            yield done.result()


def _begin(initializer: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    leave_signals_to_parent()
    if initializer is not None:
        initializer(*arguments)
