"""One thread that does jobs one at a time, the urgent ones first.

Solving takes the interpreter's lock most of the time, so that a second thread would gain little; in turns, a
slider waits for one program at most, however many others are solved ahead.
"""

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any


class Urgency(IntEnum):
    """Who goes first."""

    NOW = 0
    """Someone waits for one answer."""
    SOON = 1
    """Someone waits for a curve of many."""
    LATER = 2
    """Someone waits for many that each take long."""
    AHEAD = 3
    """Nobody waits yet."""


class Turns:
    """A queue of jobs and the thread that does them."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()
        threading.Thread(target=self._work, name="solving", daemon=True).start()

    def add(self, future: "Future[Any]", job: Callable[[], Any], urgency: Urgency) -> None:
        """Have `job` done and its result, or what it raises, put into `future`.

        The same future may be added once more, to become more urgent: it is done once.
        """
        number = next(self._number)
        # Those who wait are served in the order they came; of what is done ahead the latest matters most.
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
