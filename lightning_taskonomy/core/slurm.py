"""Asking SLURM's controller, which is busy at times."""

import subprocess
import time
from collections.abc import Sequence

_PAUSES = (1.0, 4.0)
"""Seconds before it is asked once more."""
_FINAL = ("Invalid job id", "Access/permission denied")
"""Answers that another try does not change."""


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    """What one of SLURM's commands answers; asked again, twice, where it fails.

    Only for commands that may be given twice: one that fails may have been obeyed.

    Args:
        words: of the command.
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
