"""Mean losses of a split that two ranks share unevenly: the mean over its images, one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.task_module import TaskModule
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.data.small_folder import make_folder
from tests.training.test_loss_table import call
from tests.transfers.small_stores import SIZE, SPLIT_OF, trainer

TASK = "depth_zbuffer"
POINTS = 11
"""Images of each split; of batches of four, one rank has two whole ones and the other a whole and a part."""
SCRIPT = """
import sys
from pathlib import Path
from tests.training.test_mean_losses_on_two_ranks import on_two_ranks
if __name__ == "__main__":
    on_two_ranks(Path(sys.argv[1]))
"""


def contenders() -> dict[str, TaskModule]:
    torch.manual_seed(3)
    small: dict[str, Any] = {"width": 4, "blocks": [1, 1, 1, 1], "decoder_width": 32, "hidden": 16}
    network = TaskNetwork(TASK, SIZE, **small, adversarial_after=None)
    guess = ConstantGuess(TASK, SIZE)
    with torch.no_grad():
        guess.guess.fill_(0.3)
    return {"network": network, "guess": guess}


def data(packed: Path) -> TaskonomyDataModule:
    return TaskonomyDataModule(str(packed), [TASK], SIZE, batch_size=4, num_workers=0)


def on_two_ranks(root: Path) -> None:
    """Run by each of the two processes: validate and test, and save the losses."""
    found = {}
    for name, module in contenders().items():
        run = trainer(root / name, devices=2, strategy="ddp", use_distributed_sampler=False)
        run.validate(module, data(root / "out"), verbose=False)
        found[f"{name} val"] = run.callback_metrics["val/loss"].item()
        run.test(module, data(root / "out"), verbose=False)
        found[f"{name} test"] = run.callback_metrics["test/loss"].item()
    torch.save(found, root / f"rank{run.global_rank}.pt")


@pytest.mark.slow
def test_two_ranks_have_the_mean_over_all_images(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=POINTS, views=1, size=SIZE)
    PackPlan(source, tmp_path / "out", SPLIT_OF, Packing()).run(1)
    script = tmp_path / "two_ranks.py"
    script.write_text(SCRIPT)
    run = call(script, tmp_path)
    assert run.returncode == 0, run.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first == second
    for name, module in contenders().items():
        module.eval()
        for split in ("val", "test"):
            losses = []
            for batch in data(tmp_path / "out").loader(split, shuffled=False, rank=0, world_size=1):
                parts = batch[TASK]
                with torch.no_grad():
                    output = module(parts["input"])
                for row in range(len(output)):
                    one = slice(row, row + 1)
                    mask = parts["mask"][one] if "mask" in parts else None
                    losses.append(module.evaluation_loss(output[one], parts["target"][one], mask).item())
            assert len(losses) == POINTS
            assert first[f"{name} {split}"] == pytest.approx(np.mean(losses), rel=2e-6)
