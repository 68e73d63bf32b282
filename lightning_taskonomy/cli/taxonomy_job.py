"""`taxonomy job`: do one job of a run by its name, in a process of its own."""

from collections.abc import Sequence


def job(program: str, words: Sequence[str]) -> None:
    """Do one job of a run, by its name in `plan.csv`; what launchers start, and what one can start by hand.

    Args:
        program: how the command is called.
        words: that follow it.

    Raises:
        InputError: a bad option, or what cannot be done.
    """
    # Torch takes seconds to import, and few commands of this group need it.
    from lightning_taskonomy.cli.pipeline import do_one_job

    do_one_job(program, words)
