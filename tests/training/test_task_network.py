"""Task networks under Lightning's trainer, at a size that takes a fraction of a second a task."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.nn import functional

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.training.adversarial import AdversarialTerm
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.data.small_folder import make_folder

SIZE = 32
SMALL: dict[str, Any] = {
    "size": SIZE,
    "width": 4,
    "blocks": (1, 1, 1, 1),
    "decoder_width": 32,
    "hidden": 16,
    "discriminator_width": 4,
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("networks")
    source = make_folder(root / "in", points=4, views=3, size=SIZE)
    PackPlan(source, root / "out", {"ash": "train", "birch": "train", "cedar": "val"}, Packing()).run(1)
    return root / "out"


def data(packed: Path, task: str, **options: Any) -> TaskonomyDataModule:  # noqa: ANN401 - passed on
    return TaskonomyDataModule(
        str(packed), [task], size=SIZE, batch_size=4, workers=0, statistics="own", **options
    )


def trainer(root: Path, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401 - passed on
    return pytorch_lightning.Trainer(
        **{
            "default_root_dir": root,
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "enable_checkpointing": False,
            "num_sanity_val_steps": 0,
            "max_epochs": 1,
            **options,
        }
    )


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


@pytest.mark.parametrize("task", list(dictionary())[:26])
def test_every_task_trains_all_of_its_network(packed: Path, tmp_path: Path, task: str) -> None:
    torch.manual_seed(0)
    network = TaskNetwork(task, **SMALL, adversarial_after=1)
    before = weights(network)
    run = trainer(tmp_path, limit_train_batches=3, limit_val_batches=1)
    run.fit(network, data(packed, task))
    unchanged = [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    assert not unchanged
    assert torch.isfinite(run.callback_metrics["train/loss"])
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert (network.adversarial is not None) == (dictionary()[task].norm_share is not None)
    assert network.steps == 3


def test_the_discriminator_joins_when_it_is_told_to(packed: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    early = TaskNetwork("rgb2depth", **SMALL, adversarial_after=6)
    assert early.adversarial is not None
    before = weights(early.adversarial)
    trainer(tmp_path).fit(early, data(packed, "rgb2depth"))
    assert early.steps == 6
    assert all(torch.equal(value, before[name]) for name, value in early.adversarial.named_parameters())
    torch.manual_seed(0)
    without = TaskNetwork("rgb2depth", **SMALL, adversarial_after=None)
    # The same random numbers make the same network, and until it joins the two learn the same.
    without.network.load_state_dict(_fresh("rgb2depth").network.state_dict())
    same = _fresh("rgb2depth")
    for one in (without, same):
        trainer(tmp_path).fit(one, data(packed, "rgb2depth"))
    for name, value in without.network.named_parameters():
        torch.testing.assert_close(value, dict(same.network.named_parameters())[name])


def _fresh(task: str) -> TaskNetwork:
    torch.manual_seed(7)
    return TaskNetwork(task, **SMALL, adversarial_after=1000)


def test_the_adversarial_losses_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    term = AdversarialTerm(3, 1, 0.996, False, 4).eval()
    condition, output, target = torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    judged = torch.sigmoid(term.discriminator(condition, output))
    real = torch.sigmoid(term.discriminator(condition, target))
    fooled = -judged.log().mean()
    found = term.network_loss(condition, output, torch.tensor(0.5))
    torch.testing.assert_close(found, 0.996 * 0.5 + 0.004 * fooled)
    expected = 0.5 * (-(0.9 * real.log() + 0.1 * (1 - real).log()).mean() - (1 - judged).log().mean())
    torch.testing.assert_close(term.discriminator_loss(condition, output, target), expected)
    shares = AdversarialTerm(3, 5, 0.99, True, 4).eval()
    logits = torch.randn(2, 5, 8, 8)
    picture = shares.discriminator(condition, functional.softmax(logits, dim=1))
    expected = functional.softplus(-picture).mean() * 0.01
    torch.testing.assert_close(shares.network_loss(condition, logits, torch.tensor(0.0)), expected)


def test_a_random_encoder_stays_as_it_is(packed: Path, tmp_path: Path) -> None:
    network = TaskNetwork("rgb2sfnorm", **SMALL, adversarial_after=None, encoder_trained=False)
    before = weights(network.network)
    trainer(tmp_path).fit(network, data(packed, "rgb2sfnorm"))
    for name, value in network.network.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith("encoder."), name


def test_the_rate_drops_to_a_tenth(packed: Path, tmp_path: Path) -> None:
    for task in ("class_places", "rgb2depth"):  # trained by Lightning, and by hand
        network = TaskNetwork(task, **SMALL, learning_rate=0.01, drop_after=4, adversarial_after=2)
        run = trainer(tmp_path, limit_train_batches=3)
        run.fit(network, data(packed, task))
        assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)
        run = trainer(tmp_path, limit_train_batches=5)
        run.fit(network, data(packed, task))
        assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.001)


@pytest.mark.parametrize("task", ["class_places", "rgb2depth"])
def test_a_resumed_run_is_the_same_as_an_unbroken_one(packed: Path, tmp_path: Path, task: str) -> None:
    options = {**SMALL, "adversarial_after": 3}
    torch.manual_seed(3)
    whole = TaskNetwork(task, **options)
    start = {name: value.clone() for name, value in whole.state_dict().items()}
    pytorch_lightning.seed_everything(5)
    trainer(tmp_path, max_epochs=2).fit(whole, data(packed, task))
    first = TaskNetwork(task, **options)
    first.load_state_dict(start)
    pytorch_lightning.seed_everything(5)
    saving = pytorch_lightning.callbacks.ModelCheckpoint(tmp_path, "one", save_on_train_epoch_end=True)
    run = trainer(tmp_path, enable_checkpointing=True, callbacks=[saving])
    run.fit(first, data(packed, task))
    torch_state = torch.get_rng_state()
    second = TaskNetwork(task, **options)
    torch.set_rng_state(torch_state)
    trainer(tmp_path, max_epochs=2).fit(second, data(packed, task), ckpt_path=tmp_path / "one.ckpt")
    assert second.steps == whole.steps == 12
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, msg=name)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"task": "reshade"}, "checkpoint: expected one with task reshade, found rgb2depth"),
        ({"size": 64}, "checkpoint: expected one with size 64, found 32"),
        ({"width": 8}, "checkpoint: expected one with width 8, found 4"),
    ],
)
def test_checkpoints_of_other_networks_are_refused(
    packed: Path, tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    options = {**SMALL, "task": "rgb2depth", "adversarial_after": None}
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(TaskNetwork(**options), data(packed, "rgb2depth"))
    run.save_checkpoint(tmp_path / "one.ckpt")
    network = TaskNetwork(**{**options, **other})
    with pytest.raises(InputError, match=message):
        trainer(tmp_path).validate(
            network, data(packed, network.task.name), ckpt_path=tmp_path / "one.ckpt", weights_only=True
        )


def test_what_the_data_set_says_of_vectors_goes_into_the_checkpoint(packed: Path, tmp_path: Path) -> None:
    network = TaskNetwork("room_layout", **SMALL)
    published = network.task.standard
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(network, data(packed, "room_layout"))
    assert network.task.standard != published
    run.save_checkpoint(tmp_path / "one.ckpt")
    other = TaskNetwork("room_layout", **SMALL)
    other.on_load_checkpoint(torch.load(tmp_path / "one.ckpt", weights_only=True))
    assert other.task.standard == network.task.standard


def test_a_few_images_can_be_learned_by_heart(packed: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = {**SMALL, "width": 8, "decoder_width": 64, "learning_rate": 3e-3, "adversarial_after": None}
    network = TaskNetwork("autoencoder", **options)
    losses: list[float] = []
    run = trainer(tmp_path, max_epochs=60, limit_val_batches=0)
    module = data(packed, "autoencoder", train_samples=4)
    for _ in range(2):
        run.fit(network, module)
        losses.append(float(run.callback_metrics["train/loss"]))
        run = trainer(tmp_path, max_epochs=60, limit_val_batches=0)
    assert losses[1] < losses[0] < 0.55  # random pixels from −1 to 1 lie 0.5 from the best constant


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("channels_last", [True, False])
def test_precisions_and_orders_of_memory(
    packed: Path, tmp_path: Path, precision: str, channels_last: bool
) -> None:
    network = TaskNetwork("rgb2sfnorm", **SMALL, adversarial_after=1, channels_last=channels_last)
    run = trainer(tmp_path, precision=precision, limit_train_batches=2)
    run.fit(network, data(packed, "rgb2sfnorm"))
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert all(value.dtype == torch.float32 for value in network.parameters())


def test_sizes_that_networks_cannot_take_are_refused() -> None:
    with pytest.raises(InputError, match="size: expected a multiple of 16 pixels, found 100"):
        TaskNetwork("rgb2depth", size=100)
