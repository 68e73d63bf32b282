"""The group `bank`: trained networks, listed, used and converted. Never imports torch on its way in."""

from collections.abc import Sequence

from lightning_taskonomy.cli.commands import run_command

COMMANDS = {
    name: f"lightning_taskonomy.cli.bank_{name}"
    for name in ("list", "fetch", "predict", "convert", "push", "pull")
}


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)
