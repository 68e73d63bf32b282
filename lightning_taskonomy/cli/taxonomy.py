"""The group `taxonomy`: from measured losses to a taxonomy, and the evidence for it. Never imports torch."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import Command, run_command
from lightning_taskonomy.cli.taxonomy_evaluate import evaluate
from lightning_taskonomy.cli.taxonomy_novel import novel
from lightning_taskonomy.cli.taxonomy_sensitivity import sensitivity
from lightning_taskonomy.cli.taxonomy_significance import significance
from lightning_taskonomy.cli.taxonomy_solve import solve
from lightning_taskonomy.cli.taxonomy_tournament import tournament
from lightning_taskonomy.cli.taxonomy_tree import tree

COMMANDS: dict[str, Command] = {
    "tournament": tournament,
    "solve": solve,
    "evaluate": evaluate,
    "significance": significance,
    "novel": novel,
    "tree": tree,
    "sensitivity": sensitivity,
}


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
