"""The group `taxonomy`: from measured losses to a taxonomy, and the evidence for it. Never imports torch."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import run_command

COMMANDS = {
    name: f"lightning_taskonomy.cli.taxonomy_{name}"
    for name in (
        "tournament",
        "solve",
        "evaluate",
        "significance",
        "novel",
        "tree",
        "sensitivity",
        "sanity",
        "import",
        "run",
        "job",
        "status",
        "report",
    )
}


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
