"""The same plan here, in parallel processes and on the cluster: one result, to the last bit."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from lightning_taskonomy.cli import main
from tests.slurm.cluster import Cluster
from tests.slurm.small_fits import pack

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
COMPARED = ("losses/*.parquet", "networks/*/weights.safetensors", "transfers.csv", "taxonomy/taxonomy.json")
FILES = 2 + 2 + 1 + 1


def settings(shards: Path, out: Path) -> dict[str, Any]:
    """Fifteen jobs of nine kinds; each takes some seconds to import torch."""
    return {
        "shards": str(shards),
        "out": str(out),
        "tasks": ["denoising", "edge_texture"],
        "size": 32,
        "network": {
            "width": 4,
            "blocks": [1, 1, 1, 1],
            "decoder_width": 32,
            "hidden": 16,
            "adversarial_after": None,
            "batch_size": 8,
            "epochs": 3,
        },
        "transfer": {
            "samples": 12,
            "watched": 0,
            "epochs": 2,
            "batch_size": 4,
            "max_order": 2,
            "keep_weights": False,
        },
        "program": {"draws": 10},
        "machine": {"accelerator": "cpu", "num_workers": 2},
    }


class Runs:
    """Runs of one plan by several launchers."""

    def __init__(self, root: Path) -> None:
        self.root, self.shards = root, pack(root / "shards", points=6)

    def words(self, name: str, *more: str, command: str = "run") -> list[str]:
        path = self.root / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings(self.shards, self.root / name)))
        return ["taxonomy", command, "--config", str(path), *more]

    def numbers(self, name: str, array: str) -> dict[str, str]:
        """The jobs of a submitted array, and their numbers in it."""
        submitted = json.loads((self.root / name / "slurm" / "submitted.json").read_text())
        (names,) = (one["names"] for one in submitted if one["job_id"] == array)
        return {job: number for number, job in names.items()}

    def results(self, name: str) -> dict[str, bytes]:
        root = self.root / name
        paths = [path for pattern in COMPARED for path in root.glob(pattern)]
        return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    made = Runs(tmp_path_factory.mktemp("runs"))
    assert main(made.words("here")) == 0
    yield made
    shutil.rmtree(made.root)


def test_parallel_processes_leave_the_same_files_after_one_was_killed(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of the jobs: stores, baselines and higher orders were done before, by another."""
    local = Path(shutil.copytree(runs.root / "here", runs.root / "local"))
    for folder in ("networks", "transfers", "losses", "taxonomy"):
        shutil.rmtree(local / folder)
    for kind in ("network", "first_order", "losses", "results"):
        for record in (local / "jobs").glob(f"{kind}.*json"):
            record.unlink()
    words = runs.words("local", "--launcher", "local", "--jobs", "2")
    program = [sys.executable, "-m", "lightning_taskonomy", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as launcher:
        attempt = runs.root / "local" / "jobs" / "network.denoising.attempt"
        Cluster.wait_for(attempt.exists, 240)
        os.kill(yaml.safe_load(attempt.read_text())["process"], signal.SIGKILL)
        printed, _ = launcher.communicate()
    assert launcher.returncode == 0
    assert "network/denoising: killed by SIGKILL (attempt 1 of 2)" in printed
    assert len(re.findall(r"^\[[ \d]+/\d+\] ", printed, re.MULTILINE)) == 7
    assert len(runs.results("local")) == FILES
    assert runs.results("local") == runs.results("here")
    capsys.readouterr()
    assert main(runs.words("local", command="status")) == 0
    assert re.fullmatch(r"(\d+) jobs: \1 done", capsys.readouterr().out.strip())


def test_the_cluster_leaves_the_same_files_after_a_job_was_requeued(
    cluster: Cluster, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    words = runs.words("slurm", "--launcher", "slurm")
    words += ["--slurm.setup", f"['cd {ROOT}']", "--slurm.options", "{all: [--time=10]}"]
    assert main(words) == 0
    assert main(words) == 2
    assert "in the queue already" in capsys.readouterr().err
    attempt = runs.root / "slurm" / "jobs" / "network.denoising.attempt"
    cluster.wait_for(attempt.exists)
    told = str(yaml.safe_load(attempt.read_text())["slurm_job"])
    cluster.asked("scancel", "--signal=USR1", told)
    cluster.wait_for(lambda: not cluster.asked("squeue", "--noheader").strip(), 400)
    assert cluster.about(told, "Restarts") == "1"
    assert "stopped by SIGUSR1" in (runs.root / "slurm" / "logs" / "network.denoising.log").read_text()
    assert len(runs.results("slurm")) == FILES
    assert runs.results("slurm") == runs.results("here")


def test_kinds_in_turn_wait_for_each_other(
    cluster: Cluster,
    runs: Runs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = runs.words("turn", "--launcher", "slurm", "--jobs", "1", "--slurm.in_turn", "true")
    assert main([*words, "--slurm.options", "{all: [--hold]}"]) == 0
    arrays = re.findall(r"^job array (\d+)", capsys.readouterr().out, re.MULTILINE)
    for before, after in pairwise(arrays):
        assert f"afterany:{before}_" in cluster.about(after, "Dependency")
        assert cluster.about(after, "ArrayTaskThrottle") == "1"
    # A controller that is too busy to answer has not emptied its queue.
    squeue = tmp_path / "squeue"
    squeue.write_text(
        "#!/bin/sh\necho 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2\nexit 1\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setattr("lightning_taskonomy.core.slurm._PAUSES", (0.0,))
    jobs = ("squeue", "--noheader", "--array", "--format=%F_%K")
    queued = sorted(cluster.asked(*jobs).split())
    with monkeypatch.context() as shadowed:
        shadowed.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        assert main([*words, "--slurm.options", "{all: [--hold]}"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "the queue cannot be read (slurm_load_jobs error: Socket timed out" in line
        assert main(runs.words("turn", command="status")) == 0
        assert "the queue cannot be read" in capsys.readouterr().out
    assert sorted(cluster.asked(*jobs).split()) == queued
    # What a person takes out of the queue is not waited for.
    (name, number), *_ = runs.numbers("turn", arrays[0]).items()
    element = f"{arrays[0]}_{number}"
    cluster.asked("scancel", element)
    cluster.wait_for(lambda: element not in cluster.asked(*jobs).split())  # SLURM keeps no record of it
    assert main(runs.words("turn", command="status")) == 0
    printed = capsys.readouterr().out
    assert ", 1 cancelled" in printed or " 1 cancelled," in printed
    assert f"cancelled  {name}" in printed
