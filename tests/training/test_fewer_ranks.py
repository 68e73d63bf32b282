"""A fit of two ranks, stopped within an epoch, resumes with one: no image twice, none left out."""

import json
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.data.small_folder import make_folder
from tests.training.test_loss_table import call
from tests.transfers.small_stores import SIZE, SPLIT_OF, trainer

TASK = "depth_zbuffer"
IMAGES, BATCH = 24, 4
SCRIPT = """
import sys
from pathlib import Path
from tests.training.test_fewer_ranks import fit
if __name__ == "__main__":
    fit(Path(sys.argv[1]), devices=2, strategy="ddp", use_distributed_sampler=False, max_steps=1)
"""


class NoteKeys(pytorch_lightning.Callback):
    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, list[str]()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        self.keys += batch["key"]

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:  # noqa: ANN401
        if trainer.world_size == 2:  # in the middle of the epoch, as a fit stopped by a signal does
            trainer.save_checkpoint(self.folder / "stopped.ckpt")


def fit(root: Path, checkpoint: Path | None = None, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401
    """Train, and save the keys seen."""
    torch.manual_seed(3)
    network = TaskNetwork(
        TASK, SIZE, width=4, blocks=(1, 1, 1, 1), decoder_width=32, hidden=16, adversarial_after=None
    )
    data = TaskonomyDataModule(str(root / "out"), [TASK], SIZE, batch_size=BATCH, num_workers=0)
    noted = NoteKeys(root)
    run = trainer(root, max_epochs=1, limit_val_batches=0, callbacks=[noted], **options)
    run.fit(network, data, ckpt_path=checkpoint)
    (root / f"{run.global_rank}of{run.world_size}.json").write_text(json.dumps(noted.keys))
    return run


@pytest.mark.slow
def test_the_rest_of_an_epoch_of_two_ranks_is_seen_by_one(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=IMAGES, views=1, size=SIZE)
    PackPlan(source, tmp_path / "out", SPLIT_OF, Packing()).run(1)
    script = tmp_path / "two_ranks.py"
    script.write_text(SCRIPT)
    run = call(script, tmp_path)
    assert run.returncode == 0, run.stderr
    alone = fit(tmp_path, tmp_path / "stopped.ckpt")
    keys = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("0of2", "1of2", "0of1")}
    assert [len(seen) for seen in keys.values()] == [BATCH, BATCH, IMAGES - 2 * BATCH]
    assert len(set().union(*keys.values())) == IMAGES
    assert alone.global_step == 1 + (IMAGES - 2 * BATCH) // BATCH
