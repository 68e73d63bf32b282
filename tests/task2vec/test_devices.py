"""Two processes give the same result as one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import TensorDataset

from lightning_taskonomy.task2vec import Embedding, embed
from tests.task2vec.slow_loop import class_pictures, small_resnet

SCRIPT = """
import os
import sys
from pathlib import Path
from torch.utils.data import TensorDataset
from lightning_taskonomy.task2vec import Running, embed
from tests.task2vec.slow_loop import class_pictures, small_resnet

running = Running({"accelerator": "cpu", "devices": 2, "strategy": "ddp"})
data = TensorDataset(*class_pictures(37, size=32))
options = {"method": sys.argv[2], "head_epochs": 1, "epoch_samples": 256, "skip_layers": 6}
found = embed(small_resnet(), data, running=running, **options)
if os.environ.get("LOCAL_RANK", "0") == "0":
    found.save(Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exact", "montecarlo", "batch"])
def test_two_processes_give_the_same_as_one(method: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path), method]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = Embedding.load(tmp_path / "unnamed.safetensors")
    data = TensorDataset(*class_pictures(37, size=32))
    options = {"method": method, "head_epochs": 1, "epoch_samples": 256, "skip_layers": 6}
    alone = embed(small_resnet(), data, **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.hessian, alone.hessian, rtol=1e-5)
    assert found.domain is not None
    assert alone.domain is not None
    np.testing.assert_allclose(found.domain, alone.domain, rtol=1e-6)
