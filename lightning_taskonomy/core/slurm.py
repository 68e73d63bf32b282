"""SLURM's commands, repeated where its controller is busy."""

import subprocess
import time
from collections.abc import Sequence

_PAUSES = (1.0, 4.0)
"""Seconds before each further try."""
_FINAL = ("Invalid job id", "Access/permission denied")
"""Errors that another try does not change."""


def slurm_command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run one of SLURM's commands and return its result; retried twice where it fails.

    Only for commands that may safely run twice: one that fails may still have taken effect.

    Args:
        words: the command and its arguments.
    """
    answer = _once(words)
    for pause in _PAUSES:
        if answer.returncode == 0 or any(reason in answer.stderr for reason in _FINAL):
            break
        time.sleep(pause)
        answer = _once(words)
    return answer


def _once(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)
