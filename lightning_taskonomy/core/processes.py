"""Worker processes that leave signals to their parent, and end with it.

Terminals, `timeout` and schedulers send a signal to every process of a group or a job. Only the parent
decides what to do about it: it may still need its workers in order to save. So workers are started with these
signals blocked, keep them blocked, and obey only their parent.
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

_PARENT_CHECKED_EVERY = 1.0
"""Seconds between two checks that the parent is alive."""
T = TypeVar("T")


def leave_signals_to_parent(*_: Any) -> None:  # noqa: ANN401 - a loader passes the worker's number
    """Make this worker process ignore `SIGNALS`, except its parent's SIGTERM; it ends with its parent.

    Call it first in the worker (`initializer` of a pool, `worker_init_fn` of a loader).
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_watch, args=(os.getppid(),), name="signals", daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        received = signal.sigtimedwait(SIGNALS, _PARENT_CHECKED_EVERY)
        terminated = (
            received is not None and received.si_signo == signal.SIGTERM and received.si_pid == parent
        )
        if terminated or os.getppid() != parent:
            os._exit(0)


def started(batches: Iterable[T]) -> Iterator[T]:
    """The iterator of a loader, whose worker processes are started with signals blocked.

    Args:
        batches: a `DataLoader` whose `worker_init_fn` is `leave_signals_to_parent`.
    """
    with signals_held():
        return iter(batches)


def loader_was_killed(error: RuntimeError) -> bool:
    """Whether an error, raised anywhere in the main thread, means that a loader's worker was killed."""
    return str(error).startswith("DataLoader worker (pid")


@contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, arguments: Sequence[Any] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes. When its block is left by an error or Ctrl-C, its workers end at once.

    They are spawned because Embree, numba and torch keep threads and locks that do not survive a fork.

    Args:
        workers: number of processes.
        initializer: called first in each process.
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
        # Otherwise they would first finish what they are working on.
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise InputError(
                f"one of {workers} worker processes was killed, perhaps because memory ran out; finished "
                "files are kept: run the same command again with fewer --workers"
            ) from error
        raise
    pool.shutdown(wait=True)


def in_processes(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], workers: int) -> Iterator[T]:
    """Call a function for each task's arguments in worker processes; yield results in order of completion.

    Args:
        function: defined at the top level of a module, so that it can be pickled.
        tasks: arguments of each call.
        workers: processes; with one worker or a single task, everything runs in this process.

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
