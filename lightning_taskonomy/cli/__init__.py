"""The command line: the first word names a group, and only that group's module is imported.

``taxonomy`` must start without torch, so each group imports its own dependencies.
"""

import importlib
import io
import signal
import sys
from collections.abc import Sequence

from lightning_taskonomy import __version__
from lightning_taskonomy.cli.missing import asks_for_help, needed, print_help_without_options
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import loader_was_killed
from lightning_taskonomy.core.signals import INTERRUPTED, STOPPED, Preempted
from lightning_taskonomy.core.threads import wait_asleep

PROGRAM = "python -m lightning_taskonomy"

_TRAINING = "lightning_taskonomy.cli.training"
_KILLED = (
    "a data-loading process was killed, probably for lack of memory; run the same command again, "
    "with fewer such processes (num_workers) if it happens again"
)
GROUPS = {
    "fit": (_TRAINING, "train a task's network, or a baseline"),
    "validate": (_TRAINING, "evaluate a trained network on the validation split"),
    "test": (_TRAINING, "evaluate it on the test split; writes the loss of every image"),
    "predict": (_TRAINING, "write its predictions as images"),
    "data": ("lightning_taskonomy.cli.data", "rendered rooms and your own scans: images with every label"),
    "task2vec": (
        "lightning_taskonomy.cli.task2vec",
        "tasks as vectors: which are similar, which expert to choose",
    ),
    "taxonomy": ("lightning_taskonomy.cli.taxonomy", "from measured transfers to a taxonomy, with evidence"),
    "explore": ("lightning_taskonomy.cli.explore", "a web page that solves, compares and exports, live"),
    "bank": (
        "lightning_taskonomy.cli.bank",
        "published and custom trained networks; predictions for your own photos",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 after a user error, or 130 after Ctrl-C.

    Status 1 marks failures that may succeed on retry.

    Args:
        arguments: the words after the program's name; by default those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _escape_what_the_terminal_lacks()
    if words == ["--version"]:
        print(f"lightning_taskonomy {__version__}")
        return 0
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0 if words else 2
    wrong = _wrong(words)
    if wrong is not None:
        return _refuse(wrong)
    wait_asleep()
    try:
        group = importlib.import_module(GROUPS[words[0]][0])
        group.run(f"{PROGRAM} {words[0]}", words[1:])
    except InputError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        return _without_package(words, error)
    except Preempted as preempted:
        print(preempted, file=sys.stderr)
        return INTERRUPTED if preempted.number == signal.SIGINT else STOPPED
    except KeyboardInterrupt:
        print("interrupted; finished files are kept", file=sys.stderr)
        return INTERRUPTED
    except RuntimeError as error:
        return _killed(error)
    except BrokenPipeError:  # the reader of our output, such as `head`, has exited
        sys.stderr.close()
        return 0
    return 0


def _escape_what_the_terminal_lacks() -> None:
    """In a plain locale (`LC_ALL=POSIX`), print non-ASCII letters as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _wrong(words: Sequence[str]) -> str | None:
    """What is wrong with the words before any command reads them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:  # bytes that Python could not decode
            encoding = sys.getfilesystemencoding()
            return (
                f"{word!a}: expected UTF-8 (the locale's encoding is {encoding}; PYTHONUTF8=1 makes it UTF-8)"
            )
    return None if words[0] in GROUPS else f"{words[0]}: no such command; expected one of {', '.join(GROUPS)}"


def _without_package(words: Sequence[str], error: ModuleNotFoundError) -> int:
    command = " ".join(word for word in words[:2] if not word.startswith("-"))
    lacking = needed(command, error)
    if not asks_for_help(words[1:]):
        return _refuse(lacking)
    print_help_without_options(f"{PROGRAM} {words[0]}", GROUPS[words[0]][1], lacking)
    return 0


def _help() -> str:
    width = max(map(len, GROUPS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in GROUPS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [OPTIONS]",
            "",
            "Which visual tasks help which, what to label, and what to transfer.",
            "",
            "commands (each answers --help, and so does each command of data, task2vec, taxonomy and bank):",
            *lines,
        ]
    )


def _killed(error: RuntimeError) -> int:
    """The exit status after a data-loading process was killed; any other error is raised again."""
    if not loader_was_killed(error):
        raise error
    print(f"error: {_KILLED}", file=sys.stderr)
    return 1


def _refuse(line: str) -> int:
    print(f"error: {' '.join(line.split())}", file=sys.stderr)
    return 2
