"""The group `data`: pictures with labels, made, checked and packed. Never imports torch on its way in."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import run_command

COMMANDS = {
    name: f"lightning_taskonomy.cli.data_{name}"
    for name in ("rooms", "render", "annotate", "check", "pack", "preview")
}


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
