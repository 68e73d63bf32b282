"""Threads that sleep while waiting: the settings that OpenMP reports."""

import os
import re
import subprocess
import sys

import pytest

from lightning_taskonomy.core.threads import POLICY, wait_asleep


def test_a_users_own_choice_is_kept() -> None:
    for given, expected in (({}, "passive"), ({POLICY: "active"}, "active")):
        variables: dict[str, str] = dict(given)
        wait_asleep(variables)
        assert variables == {POLICY: expected}


@pytest.mark.slow
def test_commands_set_it_before_torch_is_there() -> None:
    kept = {name: value for name, value in os.environ.items() if name != POLICY}
    run = subprocess.run(
        [sys.executable, "-m", "lightning_taskonomy", "fit", "--help"],
        env={**kept, "OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(rf"{POLICY} *= *'?PASSIVE", run.stderr, re.IGNORECASE), run.stderr
