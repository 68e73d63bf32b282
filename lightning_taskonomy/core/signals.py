"""Signals that ask a program to stop, and the exception by which it stops at a safe point."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C; pre-emption and time limits; the warning that `--signal=USR1@SECONDS` asks SLURM for."""
STOPPED = 75
"""Exit status of a run that was stopped by a signal and can be resumed: `EX_TEMPFAIL` of sysexits.h."""
INTERRUPTED = 130
"""Exit status after Ctrl-C where there is nothing to resume from, as in shells."""


class Preempted(BaseException):
    """A signal has stopped the program, and it can be resumed.

    Not an `Exception`: nothing between the work and the command line may take it for a failure.

    Args:
        number: the signal.
        kept: what has been saved to resume from.
    """

    def __init__(self, number: int, kept: str) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; {kept}")
        self.number = number


@contextmanager
def signals_held() -> Iterator[None]:
    """Block `SIGNALS` in this thread; one that arrives meanwhile is delivered at the end.

    Processes started in the block inherit the blocked signals, so there is no moment at which one could kill
    them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def leaving_at_signals(kept: str) -> Iterator[None]:
    """Leave the block as soon as one of `SIGNALS` arrives. Only the main thread can be interrupted like this.

    In other threads, such as those of a notebook server, signals are handled as before.

    Only the first signal counts: further ones are ignored while the block is being left.

    Args:
        kept: what has been saved to resume from.

    Raises:
        Preempted: a signal arrived.
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
