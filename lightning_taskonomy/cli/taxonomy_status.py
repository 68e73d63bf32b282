"""`taxonomy status`: how far a run is."""

from collections.abc import Sequence


def status(program: str, words: Sequence[str]) -> None:
    """How far a run is: what is done, running and failed, with the last lines that were printed.

    Args:
        program: how the command is called.
        words: that follow it.

    Raises:
        InputError: a bad option, or what cannot be done.
    """
    # Torch takes seconds to import, and few commands of this group need it.
    from lightning_taskonomy.cli.pipeline import print_status

    print_status(program, words)
