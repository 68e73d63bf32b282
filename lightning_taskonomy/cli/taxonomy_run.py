"""`taxonomy run`: from packed images to a taxonomy."""

from collections.abc import Sequence


def run(program: str, words: Sequence[str]) -> None:
    """The whole pipeline: task networks, transfers, tournaments, the program and the evidence.

    Args:
        program: how the command is called.
        words: that follow it.

    Raises:
        InputError: a bad option, or what cannot be done.
    """
    # Torch takes seconds to import, and no other command of this group needs it.
    from lightning_taskonomy.cli.pipeline import run_pipeline

    run_pipeline(program, words)
