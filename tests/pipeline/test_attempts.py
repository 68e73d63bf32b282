"""Which process runs a job, and how an attempt ended, as other processes see it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import SIGNALS, Preempted, leaving_at_signals
from lightning_taskonomy.pipeline.attempts import Attempts

JOB = "network/normal"
HOLDING = """
import sys, time
from pathlib import Path
from lightning_taskonomy.pipeline.attempts import Attempts
with Attempts(Path(sys.argv[1])).at("network/normal", "17_3"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_seen_until_it_is_killed(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    assert not attempts.is_under_way(JOB)
    words = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert attempts.is_under_way(JOB)
        with pytest.raises(InputError, match=f"another process is running this job .*{process.pid}"):
            attempts.at(JOB, None).__enter__()
        process.send_signal(signal.SIGKILL)
    assert not attempts.is_under_way(JOB)
    left = attempts.read(JOB)
    assert left is not None
    assert (left.process, left.slurm_job, left.ended) == (process.pid, "17_3", None)


def test_how_an_attempt_ends_is_noted(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    for error, ended in ((InputError("two\n lines"), "failed"), (SystemExit(75), "stopped")):
        with pytest.raises(type(error)), attempts.at(JOB, None):
            raise error
        left = attempts.read(JOB)
        assert left is not None
        assert left.ended == ended
        assert left.message == " ".join(str(error).split())
    with attempts.at(JOB, None):
        pass
    assert attempts.read(JOB) is None


@pytest.mark.parametrize("number", SIGNALS)
def test_a_job_that_is_told_to_stop_leaves_to_be_gone_on_with(tmp_path: Path, number: signal.Signals) -> None:
    """Not only fits: a default handler would kill a job, and SLURM would not start it again."""
    attempts = Attempts(tmp_path)
    before = [signal.getsignal(each) for each in SIGNALS]
    with (
        pytest.raises(Preempted, match=f"stopped by {number.name}"),
        attempts.at(JOB, None),
        leaving_at_signals("all"),
    ):
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == before
    left = attempts.read(JOB)
    assert left is not None
    assert left.ended == "stopped"


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path)
    assert attempts.last_lines(JOB) == []
    attempts.logs.mkdir()
    attempts.log(JOB).write_text("\n".join(map(str, range(30))) + "\n\n")
    assert attempts.last_lines(JOB, 3) == ["27", "28", "29"]
