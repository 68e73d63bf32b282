"""Every module of this project is loaded from its checkpoint without further arguments."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.methods import NetworkOptions
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.contender import Contender
from lightning_taskonomy.training.task_network import TaskNetwork
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.transfer_network import TransferNetwork

TASKS = ["normal", "depth_zbuffer"]
SMALL: dict[str, Any] = {"size": 32, "width": 4, "blocks": (1, 1, 1, 1), "decoder_width": 32}
READOUT: dict[str, Any] = {"size": 32, "decoder_width": 32}
OWN = """
from dataclasses import replace
from lightning_taskonomy.tasks import task_named
MINE = replace(task_named("normal"), name="mine")
"""


def saved(module: Contender, path: Path) -> Path:
    """The trainer's checkpoint, which holds only plain values and tensors."""
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False, max_epochs=1
    )
    trainer.strategy.connect(module)
    module.trainer = trainer
    checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only=True)
    torch.save(checkpoint, path)
    return path


def modules(folder: Path) -> dict[str, Contender]:
    shape = NetworkOptions(code=12, width=4, decoder_width=32)
    before = SwitchingNetwork(TASKS, size=48, network=shape)
    start = saved(before, folder / "before.ckpt")
    (folder / "mine.py").write_text(OWN)
    return {
        "network": TaskNetwork("normal", **SMALL, adversarial_after=3, discriminator_width=4),
        "begun": TaskNetwork("edge_texture", **SMALL, weight_decay=0.5, drop_after=7),
        "guess": ConstantGuess("normal", 32, 5),
        "transfer": TransferNetwork("normal", ["reshading", "edge_texture"], "nowhere", **READOUT),
        "readouts": Readouts("normal", ["reshading", "reshading+edge_texture"], "nowhere", **READOUT),
        "switching": before,
        "several": SwitchingNetwork(TASKS, size=48, network=shape, method="multi_decoder"),
        "added": SwitchingNetwork(
            [*TASKS, "edge_texture"], size=48, network=shape, start_from=str(start), added=1
        ),
    }


@pytest.mark.parametrize(
    "name", ["network", "begun", "guess", "transfer", "readouts", "switching", "several", "added"]
)
def test_a_checkpoint_holds_all_that_makes_its_module(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = modules(tmp_path)[name]
    path = saved(module, tmp_path / "best.ckpt")
    (tmp_path / "before.ckpt").unlink()  # the checkpoint that it started from is no longer needed
    made = type(module).load_from_checkpoint(path)
    assert type(made) is type(module)
    assert made.description() == module.description()
    weights = made.state_dict()
    assert list(weights) == list(module.state_dict())
    assert all(torch.equal(values, weights[key]) for key, values in module.state_dict().items())
    for option in ("learning_rate", "weight_decay", "drop_after", "adversarial_after", "images", "seed"):
        assert getattr(made, option, None) == getattr(module, option, None), option


def test_arguments_that_are_given_win(tmp_path: Path) -> None:
    path = saved(modules(tmp_path)["network"], tmp_path / "best.ckpt")
    assert TaskNetwork.load_from_checkpoint(path, learning_rate=0.5).learning_rate == 0.5


def test_a_custom_task_is_named_again(tmp_path: Path) -> None:
    modules(tmp_path)
    own = f"{tmp_path / 'mine.py'}:MINE"
    path = saved(TaskNetwork(own, **SMALL, adversarial_after=None), tmp_path / "best.ckpt")
    with pytest.raises(InputError, match="name the task's file again"):
        TaskNetwork.load_from_checkpoint(path)
    assert TaskNetwork.load_from_checkpoint(path, task=own).task.name == "mine"


def test_the_networks_shape_is_plain_in_a_checkpoint(tmp_path: Path) -> None:
    module = modules(tmp_path)["several"]
    content = torch.load(saved(module, tmp_path / "best.ckpt"), weights_only=True)
    assert content["hyper_parameters"]["network"] == asdict(
        NetworkOptions(code=12, width=4, decoder_width=32)
    )
