"""Readouts on two ranks: against single transfers under the trainer's own distributed training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet

from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.transfer_network import TransferNetwork
from tests.training.test_loss_table import call
from tests.transfers.small_stores import SMALL, data, pack, store, trainer

TASK = "normal"
TRANSFERS = ["edge_texture", "reshading+edge_texture", "depth_zbuffer"]
SCRIPT = """
import sys
from pathlib import Path
from tests.transfers.test_readouts_on_two_ranks import on_two_ranks
if __name__ == "__main__":
    on_two_ranks(Path(sys.argv[1]))
"""


def on_two_ranks(root: Path) -> None:
    """Run by each of the two processes: fit all together and one alone, test, and save the results."""
    two = {"devices": 2, "strategy": "ddp", "use_distributed_sampler": False}
    together = Readouts(TASK, TRANSFERS, str(root / "stores"), **SMALL)
    tournament, table = LiveTournament(), WriteLossTable(str(root / "losses"))
    run = trainer(root, callbacks=[tournament, table], **two)
    module = {"batch_size": 2, "train_samples": 8}
    run.fit(together, data(root / "out", TASK, **module))
    weights = {name: value.detach().clone() for name, value in together.named_parameters()}
    run.test(together, data(root / "out", TASK, **module), verbose=False)
    alone = TransferNetwork(TASK, ["reshading", "edge_texture"], str(root / "stores"), **SMALL)
    trainer(root, **two).fit(alone, data(root / "out", TASK, **module))
    assert tournament.latest is not None
    found = {
        "together": weights,
        "alone": dict(alone.readout.named_parameters()),
        "win_rates": torch.from_numpy(tournament.latest.win_rates),
        "images": torch.tensor(tournament.latest.images),
    }
    torch.save(found, root / f"rank{run.global_rank}.pt")


@pytest.mark.slow
def test_two_ranks_are_one_run(tmp_path: Path) -> None:
    packed = pack(tmp_path)
    store(packed, tmp_path / "stores", ["edge_texture", "reshading", "depth_zbuffer"])
    script = tmp_path / "two_ranks.py"
    script.write_text(SCRIPT)
    run = call(script, tmp_path)
    assert run.returncode == 0, run.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in first["together"].items():
        assert torch.equal(second["together"][name], value), name
    for name, value in first["alone"].items():
        torch.testing.assert_close(
            first["together"][f"readouts.1.{name}"], value, rtol=1e-4, atol=1e-6, msg=name
        )
    assert torch.equal(first["win_rates"], second["win_rates"])
    assert int(first["images"]) == 4
    table = parquet.read_table(tmp_path / "losses" / f"{TASK}.parquet")
    assert table.column_names == ["image", *TRANSFERS]
    keys = [f"cedar/point_{point}_view_{view}" for point in range(4) for view in range(3)]
    assert table["image"].to_pylist() == keys
    assert all(np.isfinite(table[name].to_numpy()).all() for name in TRANSFERS)
