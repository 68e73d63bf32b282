"""Signals that ask a program to stop, and how it stops: at a moment of its own choice, in one line."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C, pre-emption and time limits, and what `--signal=USR1@SECONDS` announces."""
STOPPED = 75
"""Exit status of a run that was told to stop and can go on: `EX_TEMPFAIL` of sysexits.h."""
INTERRUPTED = 130
"""Exit status after Ctrl-C where there is nothing to go on from, as shells have it."""


class Preempted(BaseException):
    """A program that was told to stop has stopped, and can go on.

    Not an `Exception`: nothing between the work and the command line may take it for a failure.

    Args:
        number: the signal.
        kept: what there is to go on from.
    """

    def __init__(self, number: int, kept: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; {kept}")
        self.number = number


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold `SIGNALS` back in this thread; one that comes meanwhile is delivered at the end.

    Processes that are started meanwhile begin with the signals held back: there is no moment at which one
    could kill them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def leaving_at_signals(kept: str) -> Iterator[None]:
    """Leave the block as soon as one of `SIGNALS` comes. Only the main thread can be interrupted so.

    In others, such as those of a notebook's server, signals keep their meaning.

    The first signal counts; the block is not disturbed by further ones while it is left.

    Args:
        kept: what there is to go on from.

    Raises:
        Preempted: a signal has come.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)  # one is enough
        raise Preempted(number, kept)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
