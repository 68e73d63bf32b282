"""The parts of one transfer: its name, its fresh weights, its number of epochs."""

import pytest
import torch
from torch import nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import PixelDecoder, VectorDecoder
from lightning_taskonomy.nn.readout import StepDropout
from lightning_taskonomy.tasks import dictionary, task_named
from lightning_taskonomy.training.seeded_steps import seed_of
from lightning_taskonomy.transfers.readout_network import (
    ReadoutSize,
    epochs_for,
    readout_network,
    sources_of,
)

OF = ReadoutSize(32, "standard", 32, 16)


@pytest.mark.parametrize(
    ("samples", "epochs"),
    [(100, 1000), (500, 400), (1000, 200), (2000, 100), (4000, 50), (8000, 50), (16000, 30), (60000, 15)],
)
def test_epochs_are_the_published_ones(samples: int, epochs: int) -> None:
    assert epochs_for(samples) == epochs


def test_epochs_between_the_published_amounts() -> None:
    assert [epochs_for(samples) for samples in (1, 320, 16_384, 30_000)] == [1000, 400, 30, 15]
    with pytest.raises(InputError, match="samples: expected at least 1, found 0"):
        epochs_for(0)


def test_names_of_transfers() -> None:
    assert sources_of("edge_texture") == ("edge_texture",)
    assert sources_of("reshading+edge_texture") == ("reshading", "edge_texture")
    for name in ("", "edge_texture+", "edge_texture+edge_texture"):
        with pytest.raises(InputError, match="expected different sources joined by"):
            sources_of(name)


@pytest.mark.parametrize("task", list(dictionary())[:26])
@torch.no_grad()
def test_every_task_can_be_read_out(task: str) -> None:
    target = task_named(task)
    readout = readout_network(target, 2, OF, 0)
    output = readout(torch.randn(2, 16 * target.views, 2, 2))
    kind = PixelDecoder if output.ndim == 4 else VectorDecoder
    assert isinstance(readout.decoder, kind)
    assert output.shape[:2] == (2, target.output.outputs)


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.state_dict())


def test_contenders_begin_alike_and_seeds_and_targets_do_not() -> None:
    task = task_named("reshading")
    state = torch.get_rng_state()
    one, same, other = (weights(readout_network(task, 1, OF, seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["decoder.conv2.0.weight"], other["decoder.conv2.0.weight"])
    target = weights(readout_network(task_named("depth_zbuffer"), 1, OF, 0))
    assert not torch.equal(one["decoder.conv2.0.weight"], target["decoder.conv2.0.weight"])
    third = weights(readout_network(task, 3, OF, 0))
    for name, value in one.items():
        if name.startswith("decoder."):
            assert torch.equal(third[name], value), name


def test_vectors_drop_out_by_step() -> None:
    readout = readout_network(task_named("class_scene"), 1, OF, 0)
    (dropout,) = [module for module in readout.modules() if isinstance(module, StepDropout)]
    assert dropout.share == 0.5
    assert not [module for module in readout.modules() if isinstance(module, nn.Dropout)]


def test_seeds_depend_on_all_numbers() -> None:
    assert len({seed_of(*numbers) for numbers in ((0, 0), (0, 1), (1, 0), (0, 0, 0))}) >= 3
    assert seed_of(3, 4) == seed_of(3, 4)
