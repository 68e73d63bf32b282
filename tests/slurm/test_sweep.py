"""The same plan here, in parallel processes and on the cluster: one result, to the last bit."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lightning_taskonomy.cli import main
from tests.slurm.conftest import Cluster
from tests.slurm.small_fits import pack

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
COMPARED = ("losses/*.parquet", "networks/*/weights.safetensors", "transfers.csv", "taxonomy/taxonomy.json")
FILES = 3 + 3 + 1 + 1


def settings(shards: Path, out: Path) -> dict[str, object]:
    return {
        "shards": str(shards),
        "out": str(out),
        "tasks": ["denoise", "edge2d", "autoencoder"],
        "size": 32,
        "network": {
            "width": 4,
            "blocks": [1, 1, 1, 1],
            "decoder_width": 32,
            "hidden": 16,
            "adversarial_after": None,
            "batch_size": 8,
            "epochs": 1,
        },
        "transfer": {"samples": 12, "watched": 0, "epochs": 2, "batch_size": 4, "max_order": 1},
        "program": {"draws": 10},
        "machine": {"accelerator": "cpu", "workers": 0},
    }


class Runs:
    """Runs of one plan by several launchers."""

    def __init__(self, root: Path) -> None:
        self.root, self.shards = root, pack(root / "shards", points=6)

    def words(self, name: str, *more: str, command: str = "run") -> list[str]:
        path = self.root / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings(self.shards, self.root / name)))
        return ["taxonomy", command, "--config", str(path), *more]

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
    words = runs.words("local", "--launcher", "local", "--jobs", "2")
    program = [sys.executable, "-m", "lightning_taskonomy", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as launcher:
        attempt = runs.root / "local" / "jobs" / "network.denoise.attempt"
        Cluster.wait_for(attempt.exists, 240)
        os.kill(yaml.safe_load(attempt.read_text())["process"], signal.SIGKILL)
        printed, _ = launcher.communicate()
    assert launcher.returncode == 0
    assert "network/denoise: killed by SIGKILL (attempt 1 of 2)" in printed
    assert len(runs.results("local")) == FILES
    assert runs.results("local") == runs.results("here")
    capsys.readouterr()
    assert main(runs.words("local", command="status")) == 0
    assert capsys.readouterr().out.strip() == "23 jobs: 23 done"


def test_the_cluster_leaves_the_same_files(
    cluster: Cluster, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    words = runs.words("slurm", "--launcher", "slurm")
    words += ["--slurm.setup", f"['cd {ROOT}']", "--slurm.options", "{all: [--time=10]}"]
    assert main(words) == 0
    assert main(words) == 2  # they are in the queue
    assert "in the queue already" in capsys.readouterr().err
    cluster.wait_for(lambda: not cluster.asked("squeue", "--noheader").strip(), 400)
    assert len(runs.results("slurm")) == FILES
    assert runs.results("slurm") == runs.results("here")
