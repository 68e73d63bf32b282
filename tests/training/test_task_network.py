"""Task networks under Lightning's trainer, at a size that takes a fraction of a second a task."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.tasks.colours import BINS
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
        str(packed), [task], size=SIZE, batch_size=4, num_workers=0, statistics="own", **options
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
    # The discriminator's learning rate may change a normalisation's 1 by less than float precision.
    assert not [name for name in unchanged if not ("adversarial" in name and (before[name] == 1).all())]
    assert torch.isfinite(run.callback_metrics["train/loss"])
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert (network.adversarial is not None) == (dictionary()[task].norm_share is not None)
    assert network.steps == 3


def test_the_discriminator_joins_when_it_is_told_to(packed: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    early = TaskNetwork("depth_zbuffer", **SMALL, adversarial_after=6)
    assert early.adversarial is not None
    before = weights(early.adversarial)
    trainer(tmp_path).fit(early, data(packed, "depth_zbuffer"))
    assert early.steps == 6
    assert all(torch.equal(value, before[name]) for name, value in early.adversarial.named_parameters())
    torch.manual_seed(0)
    without = TaskNetwork("depth_zbuffer", **SMALL, adversarial_after=None)
    # The same random numbers make the same network, and until it joins the two learn the same.
    without.network.load_state_dict(_fresh("depth_zbuffer").network.state_dict())
    same = _fresh("depth_zbuffer")
    for one in (without, same):
        trainer(tmp_path).fit(one, data(packed, "depth_zbuffer"))
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
    assert not torch.equal(noisy(term, 0, condition, output), noisy(term, 0, condition, output, seed=2))
    shares = AdversarialTerm(3, 5, 0.99, True, 4).eval()
    logits = torch.randn(2, 5, 8, 8)
    picture = shares.discriminator(condition, functional.softmax(logits, dim=1))
    expected = functional.softplus(-picture).mean() * 0.01
    torch.testing.assert_close(shares.network_loss(condition, logits, torch.tensor(0.0)), expected)


def noisy(
    term: AdversarialTerm, step: int, condition: torch.Tensor, output: torch.Tensor, seed: int = 1
) -> torch.Tensor:
    """The inputs of the discriminator at a step."""
    seen: list[torch.Tensor] = []
    hook = term.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    term.set_noise(step, seed)
    term.network_loss(condition, output, torch.tensor(0.0))
    hook.remove()
    return seen[0]


@pytest.mark.parametrize(("step", "deviation"), [(0, 0.1), (5_000, 0.05), (25_000, 0.1 / 6)])
def test_labels_and_outputs_are_judged_under_noise_that_fades(step: int, deviation: float) -> None:
    term = AdversarialTerm(1, 2, 0.996, False, 4)
    condition, output = torch.zeros(4, 1, 64, 64), torch.full((4, 2, 64, 64), 0.5)
    noise = noisy(term, step, condition, output) - output
    few = deviation / noise.numel() ** 0.5
    assert abs(noise.mean()) < 4 * few
    assert abs(noise.std() - deviation) < 4 * few
    assert torch.equal(noisy(term, step, condition, output) - output, noise)
    seen: list[torch.Tensor] = []
    term.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    term.discriminator_loss(condition, output, torch.zeros_like(output))
    real, fake = seen
    assert torch.equal(fake - output, noise), "both losses see the same output"
    assert not torch.equal(real, noise)
    assert abs(real.std() - deviation) < 4 * few


def test_depths_are_judged_under_less_noise() -> None:
    sigma = {name: task.training.instance_noise for name, task in dictionary().items() if task.norm_share}
    assert {name: value for name, value in sigma.items() if value != 0.1} == {
        "depth_zbuffer": 0.03,
        "depth_euclidean": 0.03,
    }


def test_of_colours_the_mean_of_the_sharpened_shares_is_judged_at_the_inputs_size() -> None:
    """Restated in numpy: softmax of 2.606 times the logits, times the bins, each number repeated 4 times."""
    torch.manual_seed(0)
    network = TaskNetwork("colorization", **{**SMALL, "size": 32}, adversarial_after=1)
    assert network.adversarial is not None
    term = network.adversarial
    logits, target = torch.randn(2, 313, 8, 8), torch.rand(2, 313, 8, 8).softmax(dim=1)
    seen: list[torch.Tensor] = []
    term.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    term.discriminator_loss(torch.zeros(2, 1, 32, 32), logits, target)
    sharp = np.exp(2.606 * logits.double().numpy())
    sharp /= sharp.sum(axis=1, keepdims=True)
    for shares, found in ((target.double().numpy(), seen[0]), (sharp, seen[1])):
        mean = np.stack([(shares * BINS[None, :, channel, None, None]).sum(1) for channel in (0, 1)], axis=1)
        expected = mean.repeat(4, axis=2).repeat(4, axis=3)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-3)


def test_weights_decay_and_biases_and_normalisations_do_not() -> None:
    """Where a loss has no gradient, the first step of Adam depends on the sign of the decay alone."""
    torch.manual_seed(0)
    network = TaskNetwork("class_scene", **SMALL, learning_rate=1e-3)
    for weight in network.parameters():
        torch.nn.init.uniform_(weight, 0.5, 1.5)
        weight.grad = torch.zeros_like(weight)
    before = weights(network.network)
    optimizer = network.configure_optimizers()["optimizer"]
    optimizer.step()
    layers = {
        f"{name}.weight"
        for name, module in network.network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    for name, value in network.network.named_parameters():
        if name in layers:
            torch.testing.assert_close(value, before[name] - 1e-3, rtol=0, atol=1e-5)
        else:
            assert torch.equal(value, before[name]), name


def test_the_published_constants_of_each_task() -> None:
    decays = {name: TaskNetwork(name, **SMALL).weight_decay for name in list(dictionary())[:26]}
    assert {name: value for name, value in decays.items() if value != 2e-6} == {
        "curvature": 1e-6,
        "class_scene": 1e-5,
    }
    never = {name for name in decays if TaskNetwork(name, **SMALL).drop_after is None}
    assert never == {"curvature"}
    bounded = {name for name in decays if dictionary()[name].training.gradient_norm is not None}
    assert bounded == {"room_layout", "vanishing_point"}
    given = TaskNetwork("curvature", **SMALL, weight_decay=0.5, drop_after=7)
    assert (given.weight_decay, given.drop_after) == (0.5, 7)


def test_the_discriminator_decays_ten_times_as_fast() -> None:
    network = TaskNetwork("curvature", **SMALL)
    (generator, judge), _ = network.configure_optimizers()
    assert [group["weight_decay"] for group in generator.param_groups] == [1e-6, 0.0]
    assert [group["weight_decay"] for group in judge.param_groups] == [pytest.approx(1e-5), 0.0]


def test_gradients_of_layout_and_vanishing_points_are_bounded_one_by_one(
    packed: Path, tmp_path: Path
) -> None:
    class Lengths(pytorch_lightning.Callback):
        """Records gradients before they are clipped: callbacks run first."""

        def __init__(self) -> None:
            self.before: dict[str, torch.Tensor] = {}

        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:  # noqa: ANN401
            self.before = {name: value.grad.clone() for name, value in pl_module.named_parameters()}

    torch.manual_seed(0)
    lengths = Lengths()
    network = TaskNetwork("room_layout", **SMALL)
    trainer(tmp_path, limit_train_batches=1, limit_val_batches=0, callbacks=[lengths]).fit(
        network, data(packed, "room_layout")
    )
    scaled = 0
    for name, value in network.named_parameters():
        length = float(lengths.before[name].norm())
        expected = lengths.before[name] / max(1.0, length)
        assert value.grad is not None
        torch.testing.assert_close(value.grad, expected, rtol=1e-5, atol=1e-7)
        scaled += length > 1
    assert 0 < scaled < len(lengths.before), "some are longer, some are not"


def test_a_random_encoder_stays_as_it_is(packed: Path, tmp_path: Path) -> None:
    network = TaskNetwork("normal", **SMALL, adversarial_after=None, encoder_trained=False)
    before = weights(network.network)
    trainer(tmp_path).fit(network, data(packed, "normal"))
    for name, value in network.network.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith("encoder."), name


def test_the_rate_drops_to_a_tenth(packed: Path, tmp_path: Path) -> None:
    for task in ("class_scene", "depth_zbuffer"):  # optimised by Lightning, and manually
        network = TaskNetwork(task, **SMALL, learning_rate=0.01, drop_after=4, adversarial_after=2)
        run = trainer(tmp_path, limit_train_batches=3)
        run.fit(network, data(packed, task))
        assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)
        run = trainer(tmp_path, limit_train_batches=5)
        run.fit(network, data(packed, task))
        assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.001)


@pytest.mark.parametrize("task", ["class_scene", "depth_zbuffer"])
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
        ({"task": "reshading"}, "checkpoint: expected one with task reshading, found depth_zbuffer"),
        ({"size": 64}, "checkpoint: expected one with size 64, found 32"),
        ({"width": 8}, "checkpoint: expected one with width 8, found 4"),
    ],
)
def test_checkpoints_of_other_networks_are_refused(
    packed: Path, tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    options = {**SMALL, "task": "depth_zbuffer", "adversarial_after": None}
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(TaskNetwork(**options), data(packed, "depth_zbuffer"))
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
    network = TaskNetwork("autoencoding", **options)
    losses: list[float] = []
    run = trainer(tmp_path, max_epochs=60, limit_val_batches=0)
    module = data(packed, "autoencoding", train_samples=4)
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
    network = TaskNetwork("normal", **SMALL, adversarial_after=1, channels_last=channels_last)
    run = trainer(tmp_path, precision=precision, limit_train_batches=2)
    run.fit(network, data(packed, "normal"))
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert all(value.dtype == torch.float32 for value in network.parameters())


def test_sizes_that_networks_cannot_take_are_refused() -> None:
    with pytest.raises(InputError, match="size: expected a multiple of 16 pixels, found 100"):
        TaskNetwork("depth_zbuffer", size=100)
