"""A single thread that runs jobs by priority.

Solving holds the interpreter's lock most of the time, so a second thread would gain little. With one job at a
time, a slider waits for at most one program, however many others are solved ahead.
"""

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any


class Urgency(IntEnum):
    """Priority of a job."""

    NOW = 0
    """A visitor waits for a single answer."""
    SOON = 1
    """A visitor waits for a curve of many answers."""
    LATER = 2
    """A visitor waits for many slow answers."""
    AHEAD = 3
    """No visitor waits yet."""


class Turns:
    """A queue of jobs and the thread that runs them."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()
        threading.Thread(target=self._work, name="solving", daemon=True).start()

    def add(self, future: "Future[Any]", job: Callable[[], Any], urgency: Urgency) -> None:
        """Queue `job`; its result, or the exception it raises, goes into `future`.

        The same future may be added again with a higher priority; its job runs only once.
        """
        number = next(self._number)
        # Waiting visitors are served in order of arrival; otherwise the latest job matters most.
        place = number if urgency == Urgency.NOW else -number
        self._jobs.put((urgency, place, future, job))

    def _work(self) -> None:
        while True:
            _, _, future, job = self._jobs.get()
            if future.done():
                continue
            try:
                result = job()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
