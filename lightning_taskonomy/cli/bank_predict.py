"""`bank predict`: what trained networks say of one's own pictures and videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_taskonomy.cli.commands import OneLineParser

_DESCRIPTION = """Draw every task's prediction for pictures and videos.

Writes PICTURE_TASK.png and PICTURE_sheet.png, for videos .mp4. Pictures are cut to their central square.
Tasks of several views see a picture with those given before it. What cannot be read is named and left out.
"""
_OPTIONS: dict[str, dict[str, Any]] = {
    "--weights": {"type": Path, "help": "folder of weights; by default LIGHTNING_TASKONOMY_BANK (path)"},
    "--task": {
        "nargs": "+",
        "default": [],
        "help": "names of tasks; by default all of the folder that have a decoder (text, one or more)",
    },
    "--out": {"type": Path, "required": True, "help": "folder to write to (path; required)"},
    "--names": {
        "nargs": "+",
        "default": [],
        "help": "TASK=FILE: names of a task's classes, one a line (text, one or more)",
    },
    "--field-of-view": {
        "type": float,
        "default": 60.0,
        "help": "degrees across the square picture, for what is drawn into it (number; default: 60)",
    },
    "--raw": {"action": "store_true", "help": "write the networks' outputs as .npy (flag)"},
    "--representations": {"action": "store_true", "help": "write what the encoders give as .npy (flag)"},
    "--batch-size": {"type": int, "default": 8, "help": "pictures at a time (whole number; default: 8)"},
    "--device": {
        "default": "auto",
        "help": "cpu, cuda, mps or another as torch names it (text; default: auto)",
    },
}


def predict(program: str, words: Sequence[str]) -> None:
    """What trained networks say of pictures and videos, drawn as labels are.

    Args:
        program: how the command is called.
        words: that follow it.

    Raises:
        InputError: a bad option, weights that cannot be used, or no picture or video that can be read.
    """
    parser = OneLineParser(prog=program, description=_DESCRIPTION)
    parser.add_argument("--config", action="config", help="a YAML file with any of the options below")
    parser.add_argument(
        "images", nargs="+", type=Path, help="pictures, videos, or folders of pictures (paths)"
    )
    for option, settings in _OPTIONS.items():
        if "action" not in settings:
            settings = {**settings, "metavar": option.strip("-").upper().replace("-", "_")}
        parser.add_argument(option, **settings)
    chosen = parser.parse_args(list(words)).as_dict()
    chosen.pop("config")
    # Torch takes seconds to import: after bad options have been refused, and not for --help.
    from lightning_taskonomy.cli.bank_prediction import PredictionOptions, run_prediction

    run_prediction(PredictionOptions(**chosen))
