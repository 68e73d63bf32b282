"""How a run reads SLURM's answers: a failed query is not an empty queue."""

import os
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.slurm_queue import Submission, SubmittedArray

SUBMISSION = Submission((SubmittedArray("7", {"0": "network/a", "1": "network/b"}),))


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name; the test decides what it does."""
    path = tmp_path / "squeue"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("lightning_taskonomy.core.slurm._PAUSES", (0.0, 0.0))
    return path


def answers(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)


def test_a_queue_that_cannot_be_asked_is_not_empty(squeue: Path) -> None:
    answers(squeue, "exit 1")
    with pytest.raises(InputError, match=r"cannot be read .squeue exited with status 1"):
        SUBMISSION.states()
    answers(squeue, "echo 'Socket timed out' >&2", "exit 1")
    with pytest.raises(InputError, match=r"cannot be read .Socket timed out"):
        SUBMISSION.states()


def test_a_controller_that_is_busy_once_is_asked_again(squeue: Path) -> None:
    asked = squeue.with_name("asked")
    answers(
        squeue, f"if [ ! -e {asked} ]; then touch {asked}; exit 1; fi", "echo 7 1 PENDING; echo 8 1 RUNNING"
    )
    assert SUBMISSION.states() == {"network/b": "PENDING"}


def test_jobs_that_slurm_has_forgotten_are_done_with(squeue: Path) -> None:
    answers(squeue, "echo 'slurm_load_jobs error: Invalid job id specified' >&2", "exit 1")
    assert SUBMISSION.states() == {}


def test_where_nothing_was_submitted_nothing_is_asked(squeue: Path) -> None:
    answers(squeue, "exit 1")
    assert Submission().states() == {}
