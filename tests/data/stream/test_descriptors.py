"""Open descriptors do not grow with the loaders, fits and jobs that have come and gone in a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm.small_fits import pack

ROOT = Path(__file__).parents[3]
_FEW = """
import gc, os, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
def count():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
"""
LOADERS = (
    _FEW
    + """
from lightning_taskonomy.data import TaskonomyDataModule
if __name__ == "__main__":
    counts = []
    for number in range(30):
        data = TaskonomyDataModule(
            sys.argv[1], ["normal", "depth_zbuffer"], size=32, batch_size=4, num_workers=2 * (number % 3 == 0)
        )
        data.setup("test")
        for _ in data.test_dataloader():
            pass
        del data
        counts.append(count())
    assert max(counts[-3:]) <= max(counts[:3]) + 2, counts  # ended workers are noticed a little later
"""
)
JOBS = (
    _FEW
    + """
import yaml
from lightning_taskonomy.cli import main
from tests.slurm.test_sweep import settings
if __name__ == "__main__":
    counts = []
    for number in range(3):  # of fifteen jobs each
        folder = Path(sys.argv[2]) / str(number)
        folder.mkdir()
        chosen = settings(Path(sys.argv[1]), folder / "out")
        chosen["machine"]["num_workers"] = 2 * (number == 1)
        (folder / "run.yaml").write_text(yaml.safe_dump(chosen))
        assert main(["taxonomy", "run", "--config", str(folder / "run.yaml")]) == 0
        counts.append(count())
    assert counts[-1] <= counts[0] + 2, counts
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("script", [pytest.param(LOADERS, id="loaders"), pytest.param(JOBS, id="jobs")])
def test_descriptors_stay_few(tmp_path: Path, script: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, path, pack(tmp_path / "shards", points=6), tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
