"""Multi-task networks on two ranks: against a plain loop that averages the gradients of both."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.switching.data.switched_loader import Switching
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.switching.results import Results
from tests.data.small_folder import make_folder
from tests.switching.test_module import SIZE, data, network, trainer
from tests.training.test_loss_table import call

RATE = 0.003
RUNS: tuple[tuple[str, Switching], ...] = (
    ("switching", "epoch"),
    ("switching", "mixed"),
    ("multi_decoder", "batch"),  # whose steps leave decoders unused
)
SCRIPT = """
import sys
from pathlib import Path
from tests.switching.test_on_two_ranks import on_two_ranks
if __name__ == "__main__":
    on_two_ranks(Path(sys.argv[1]))
"""


def on_two_ranks(root: Path) -> None:
    """Run by each of the two processes: fit each network, test the last, and save the results."""
    for method, switching in RUNS:
        module = network(method=method, learning_rate=RATE)
        strategy = DDPStrategy(process_group_backend="gloo", find_unused_parameters=method == "multi_decoder")
        run = trainer(root / method, devices=2, max_epochs=2, limit_val_batches=0, strategy=strategy)
        run.fit(module, data(root / "out", switching))
        torch.save(module.state_dict(), root / f"{method}-{switching}-{run.global_rank}.pt")
    run.test(module, data(root / "out"), verbose=False)


def in_one_loop(packed: Path, method: str, switching: Switching) -> SwitchingNetwork:
    """The same training without Lightning: the loss of a step is the mean of both ranks' losses."""
    module = network(method=method, learning_rate=RATE).train()
    streams = []
    for rank in (0, 1):
        part = data(packed, switching)
        processor = SimpleNamespace(root_device=torch.device("cpu"))
        part.trainer = SimpleNamespace(  # type: ignore[assignment]
            global_rank=rank, world_size=2, strategy=processor
        )
        part.setup("fit")
        streams.append(part.train_dataloader())
    optimizer = torch.optim.Adam(module.parameters(), RATE)
    for _ in range(2):
        for batches in zip(*streams, strict=True):
            losses: list[Tensor] = [module.weighting(module.losses(batch)) for batch in batches]
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
    return module


@pytest.mark.slow
def test_two_ranks_learn_as_one_loop_over_both(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=4, views=3, size=SIZE)
    split_of = {"ash": "train", "birch": "val", "cedar": "test"}
    PackPlan(source, tmp_path / "out", split_of, Packing()).run(1)
    script = tmp_path / "two_ranks.py"
    script.write_text(SCRIPT)
    run = call(script, tmp_path)
    assert run.returncode == 0, run.stderr
    for method, switching in RUNS:
        first, second = (
            torch.load(tmp_path / f"{method}-{switching}-{rank}.pt", weights_only=True) for rank in (0, 1)
        )
        start = dict(network(method=method, learning_rate=RATE).named_parameters())
        for name, expected in in_one_loop(tmp_path / "out", method, switching).named_parameters():
            assert torch.equal(first[name], second[name]), name
            moved = (expected - start[name]).norm()
            assert (first[name] - expected).norm() <= 0.02 * moved + 1e-6, (method, switching, name)
    # Both ranks together give the metrics of one process.
    module = network(method=method)
    module.load_state_dict(first)
    trainer(tmp_path / "alone").test(module, data(tmp_path / "out"), verbose=False)
    together, alone = (Results.load(tmp_path / folder).scores for folder in (method, "alone"))
    assert [score.task for score in together] == ["segment_semantic", "normal", "depth_zbuffer"]
    for score, expected_score in zip(together, alone, strict=True):
        assert score.value == pytest.approx(expected_score.value, rel=1e-4)
