"""The group `task2vec`: tasks as vectors, compared, and experts chosen by them."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import run_command

COMMANDS = dict.fromkeys(("embed", "compare", "select"), f"{__name__}_commands")


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
