"""The group `taxonomy`: from measured losses to a taxonomy, and the evidence for it. Never imports torch."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import run_command
from lightning_taskonomy.cli.taxonomy_solve import solve
from lightning_taskonomy.cli.taxonomy_tournament import tournament

COMMANDS = {
    "tournament": tournament,
    "solve": solve,
}


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
