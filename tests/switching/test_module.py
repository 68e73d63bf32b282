"""Multi-task networks under Lightning's trainer, at a size that takes a fraction of a second."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.switching.data.switched_loader import SwitchedLoader, Switching
from lightning_taskonomy.switching.data.taskonomy import SwitchingTaskonomy
from lightning_taskonomy.switching.loss_weights import PULL, RATE, LossWeights
from lightning_taskonomy.switching.methods import TITLES, NetworkOptions
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.switching.networks import SwitchedTasks
from lightning_taskonomy.switching.results import Results
from lightning_taskonomy.tasks import dictionary
from tests.data.small_folder import make_folder

SIZE = 48
TASKS = ["segment_semantic", "normal", "depth_zbuffer"]
SMALL = NetworkOptions(code=12, width=4, decoder_width=32)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("switching")
    source = make_folder(root / "in", points=2, views=3, size=SIZE)
    PackPlan(source, root / "out", {"ash": "train", "birch": "val", "cedar": "test"}, Packing()).run(1)
    return root / "out"


def data(
    packed: Path, switching: Switching = "all", tasks: Sequence[str] = TASKS, batch_size: int = 3
) -> SwitchingTaskonomy:
    return SwitchingTaskonomy(
        str(packed), list(tasks), size=SIZE, batch_size=batch_size, num_workers=0, switching=switching
    )


def network(**options: Any) -> SwitchingNetwork:  # noqa: ANN401 - passed on
    torch.manual_seed(0)
    return SwitchingNetwork(**{"tasks": TASKS, "size": SIZE, "network": SMALL, **options})


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


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


@pytest.mark.parametrize("method", list(TITLES))
def test_every_method_trains_all_of_its_network(packed: Path, tmp_path: Path, method: str) -> None:
    module = network(method=method, learning_rate=0.01)
    before = weights(module)
    run = trainer(tmp_path)
    run.fit(module, data(packed, "mixed"))
    unchanged = {name for name, value in module.named_parameters() if torch.equal(value, before[name])}
    frozen = {name for name, value in module.named_parameters() if not value.requires_grad}
    assert unchanged == frozen
    assert bool(frozen) == (method == "rcm")
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert 0 <= float(run.callback_metrics["val/segment_semantic/miou"]) <= 1
    assert 0 < float(run.callback_metrics["val/normal/mean"]) < 180


@pytest.mark.parametrize("switching", ["epoch", "batch", "mixed", "all"])
def test_every_way_of_taking_turns_trains(packed: Path, tmp_path: Path, switching: Switching) -> None:
    module = network(learning_rate=0.01)
    run = trainer(tmp_path, max_epochs=2)
    run.fit(module, data(packed, switching))
    steps = {"epoch": 12, "batch": 12, "mixed": 12, "all": 4}[switching]
    assert run.global_step == steps
    assert torch.isfinite(run.callback_metrics["val/loss"])


def test_turns_are_blocks_under_the_trainer(packed: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    class Note(pytorch_lightning.Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
            (task,) = batch.keys() - {"key"}
            seen.append(task)

    part = data(packed, "epoch")
    trainer(tmp_path, max_epochs=3, callbacks=[Note()], limit_val_batches=0).fit(network(), part)
    loader = part.train_dataloader()
    assert isinstance(loader, SwitchedLoader)
    orders = [[name for (name,) in loader.turns(epoch)] for epoch in range(3)]
    assert seen == [name for order in orders for name in order]
    assert len({tuple(order) for order in orders}) > 1
    assert len(seen) == 18
    for start in range(0, 18, 6):
        blocks = seen[start : start + 6]
        assert blocks[0::2] == blocks[1::2]
        assert sorted(blocks[0::2]) == sorted(TASKS)


@torch.no_grad()
def test_the_loss_is_the_weighted_sum_of_the_tasks(packed: Path) -> None:
    module = network(weights={"depth_zbuffer": 20.0, "segment_semantic": 0.5}).eval()
    both: tuple[Switching, Switching] = ("all", "mixed")
    for switching in both:
        part = data(packed, switching)
        part.setup("fit")
        batch = next(iter(part.train_dataloader()))
        expected = torch.tensor(0.0)
        for name, weight in zip(TASKS, (0.5, 1.0, 20.0), strict=True):
            parts = batch[name]
            output = module(parts["input"][:, 0], [name])[name]
            expected += weight * dictionary()[name].loss(output, parts["target"], parts.get("mask")).mean()
        losses = module.losses(batch)
        torch.testing.assert_close(module.weighting(losses), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_inputs_are_standardised_as_imagenets() -> None:
    module = network().eval()
    pictures = torch.rand(2, 3, SIZE, SIZE)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    standard = (pictures - mean[:, None, None]) / deviation[:, None, None]
    expected = module.network(standard, [(1, 2)])[0]
    torch.testing.assert_close(module(2 * pictures - 1, ["normal"])["normal"], expected, rtol=1e-4, atol=1e-4)


def test_two_rates_and_a_schedule(packed: Path, tmp_path: Path) -> None:
    backbone = network().network.encoders()[0]
    torch.save(backbone.state_dict(), tmp_path / "backbone.pt")
    module = network(
        encoder_weights=str(tmp_path / "backbone.pt"), encoder_rate=1e-6, learning_rate=1e-4, patience=1
    )
    found = module.network.encoders()[0].state_dict()
    assert all(torch.equal(value, found[name]) for name, value in backbone.state_dict().items())
    run = trainer(tmp_path, max_epochs=1)
    run.fit(module, data(packed))
    groups = run.optimizers[0].param_groups
    assert [group["lr"] for group in groups] == [1e-6, 1e-4]
    assert len(groups[0]["params"]) == len(list(backbone.parameters()))
    assert sum(len(group["params"]) for group in groups) == len(list(module.parameters()))
    schedule = run.lr_scheduler_configs[0].scheduler
    for _ in range(3):
        schedule.step(1e9)  # type: ignore[arg-type]
    assert [group["lr"] for group in groups] == [5e-7, 5e-5]


def test_bfloat16_trains_like_single_precision(packed: Path, tmp_path: Path) -> None:
    last = []
    for precision in ("32-true", "bf16-mixed"):
        run = trainer(tmp_path, precision=precision, max_epochs=3)
        run.fit(network(learning_rate=0.003), data(packed))
        last.append(float(run.callback_metrics["val/loss"]))
    assert last[1] == pytest.approx(last[0], rel=0.05)


def test_the_network_can_learn(packed: Path, tmp_path: Path) -> None:
    module = network(learning_rate=0.01)
    part = data(packed, "all", batch_size=6)
    losses: list[float] = []

    class Note(pytorch_lightning.Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: object) -> None:  # noqa: ANN401
            losses.append(float(outputs["loss"].detach()))

    torch.manual_seed(0)
    trainer(tmp_path, max_epochs=40, callbacks=[Note()], limit_val_batches=0).fit(module, part)
    assert losses[-1] < 0.85 * losses[0]


def test_weighting_by_uncertainty() -> None:
    weighting = LossWeights([1.0, 2.0, 3.0], "uncertainty")
    with torch.no_grad():
        weighting.log_variances.copy_(torch.tensor([0.1, 0.7, -0.3]))
    losses = {0: torch.tensor(0.5), 2: torch.tensor(0.25)}
    expected = math.exp(-0.1) * 0.5 + 0.1 + math.exp(0.3) * 3 * 0.25 - 0.3
    assert float(weighting(losses).detach()) == pytest.approx(expected)


def test_gradnorm_moves_weights_down_the_slope_of_its_loss() -> None:
    """Against differentiating |w·g − wanted| through the graph."""
    torch.manual_seed(0)
    layer = torch.randn(6, requires_grad=True)
    weighting = LossWeights([1.0, 4.0, 1.0], "gradnorm")
    given = [torch.randn(6) for _ in range(3)]
    learned = torch.ones(3)
    first: Tensor | None = None
    for _ in range(5):
        losses = {task: (layer @ its).square() + 0.1 for task, its in enumerate(given)}
        fixed = torch.tensor([1.0, 4.0, 1.0])
        w = learned.clone().requires_grad_()
        sizes = [
            torch.autograd.grad(w[task] * fixed[task] * loss, layer, create_graph=True)[0].norm()
            for task, loss in losses.items()
        ]
        now = torch.stack(list(losses.values())).detach()
        first = now if first is None else first
        left = now / first
        wanted = (torch.stack(sizes).mean() * (left / left.mean()) ** PULL).detach()
        (slope,) = torch.autograd.grad((torch.stack(sizes) - wanted).abs().sum(), w)
        plain = torch.stack(
            [
                torch.autograd.grad(fixed[task] * loss, layer, retain_graph=True)[0].norm()
                for task, loss in losses.items()
            ]
        )
        weighting.balance(losses, dict(enumerate(plain)))
        moved = (learned - RATE * slope / plain.mean()).clamp(min=1e-3)
        learned = moved * learned.sum() / moved.sum()
        torch.testing.assert_close(weighting.learned, learned)
        (step,) = torch.autograd.grad(weighting(losses), layer, retain_graph=True)
        with torch.no_grad():
            layer -= 0.02 * step
    assert float(weighting.learned.sum()) == pytest.approx(3)
    assert not torch.equal(weighting.learned, torch.ones(3))


@pytest.mark.parametrize("weighting", ["uncertainty", "gradnorm"])
@pytest.mark.parametrize("method", ["switching", "multi_decoder"])
def test_weights_are_learned_in_training(packed: Path, tmp_path: Path, weighting: Any, method: str) -> None:  # noqa: ANN401
    module = network(method=method, weighting=weighting, learning_rate=0.01)
    trainer(tmp_path).fit(module, data(packed, "all"))
    found = module.weighting.log_variances if weighting == "uncertainty" else module.weighting.learned
    assert not torch.allclose(found, found[:1].expand(3))


def test_gradnorm_needs_several_tasks_and_a_shared_layer(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compares the tasks of a batch"):
        trainer(tmp_path).fit(network(weighting="gradnorm"), data(packed, "batch"))
    with pytest.raises(InputError, match="rcm has none"):
        trainer(tmp_path).fit(network(weighting="gradnorm", method="rcm"), data(packed, "all"))


@pytest.fixture(scope="module")
def trained(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    run = trainer(root, max_epochs=2)
    run.fit(network(learning_rate=0.01), data(packed, "mixed"))
    run.save_checkpoint(root / "trained.ckpt", weights_only=True)
    return root / "trained.ckpt"


def outputs_of(module: SwitchingNetwork) -> list[Tensor]:
    torch.manual_seed(5)
    pictures = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        return list(module.eval()(pictures).values())


def grown(start: Path, learning: str = "code") -> SwitchingNetwork:
    return network(
        tasks=[*TASKS, "edge_texture"], start_from=str(start), added=1, learning_rate=0.01, trained=learning
    )


@pytest.mark.parametrize("learning", ["code", "embedding", "all"])
def test_an_added_task_leaves_the_others_as_they_are_if_only_its_code_learns(
    packed: Path, tmp_path: Path, trained: Path, learning: str
) -> None:
    module = grown(trained, learning)
    before, known = outputs_of(module), network(start_from=str(trained))
    for found, expected in zip(before, outputs_of(known), strict=False):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    were = weights(module)
    trainer(tmp_path).fit(module, data(packed, "all", tasks=["edge_texture"]))
    after = outputs_of(module)
    assert not torch.equal(after[3], before[3])
    kept = [torch.equal(now, then) for now, then in zip(after[:3], before[:3], strict=True)]
    assert all(kept) == (learning == "code")
    changed = {name for name, value in module.named_parameters() if not torch.equal(value, were[name])}
    starts = {
        "code": "network.codes.",
        "embedding": ("network.codes.", "network.network.embedding."),
        "all": "",
    }
    assert changed
    assert all(name.startswith(starts[learning]) for name in changed)  # type: ignore[arg-type]


def test_a_second_task_is_added_without_moving_the_first(packed: Path, tmp_path: Path, trained: Path) -> None:
    first = grown(trained)
    run = trainer(tmp_path)
    run.fit(first, data(packed, "all", tasks=["edge_texture"]))
    run.save_checkpoint(tmp_path / "first.ckpt", weights_only=True)
    second = network(
        tasks=[*TASKS, "edge_texture", "reshading"],
        start_from=str(tmp_path / "first.ckpt"),
        added=2,
        learning_rate=0.01,
    )
    trainer(tmp_path).fit(second, data(packed, "mixed", tasks=["edge_texture", "reshading"]))
    for found, expected in zip(outputs_of(second), outputs_of(first), strict=False):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert isinstance(second.network, SwitchedTasks)
    assert second.network.codes().shape == (5, 12)


def test_checkpoints_of_other_networks_are_refused(packed: Path, tmp_path: Path, trained: Path) -> None:
    with pytest.raises(InputError, match="expected one with method multi_decoder, found switching"):
        trainer(tmp_path).validate(
            network(method="multi_decoder"), data(packed), str(trained), weights_only=True
        )
    with pytest.raises(InputError, match=r"expected one with tasks .*edge_texture"):
        network(tasks=["edge_texture", *TASKS], start_from=str(trained), added=1)
    with pytest.raises(InputError, match="no such checkpoint"):
        network(start_from="nowhere.ckpt")
    old = torch.load(trained, weights_only=True)
    del old["switching"]["conventions"]
    torch.save(old, tmp_path / "old.ckpt")
    message = r"old.ckpt: made by label conventions 1, expected 2 .*; train again$"
    with pytest.raises(InputError, match=message):
        network(tasks=[*TASKS, "edge_texture"], start_from=str(tmp_path / "old.ckpt"), added=1)
    with pytest.raises(InputError, match="made by label conventions 1"):
        trainer(tmp_path).validate(network(), data(packed), str(tmp_path / "old.ckpt"), weights_only=True)
    with pytest.raises(InputError, match="expected one with code 8, found 12"):
        network(start_from=str(trained), network=NetworkOptions(code=8, width=4, decoder_width=32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["depth_zbuffer", "class_scene"]}, "output per pixel of the input, found class_scene"),
        ({"tasks": ["colorization"]}, "output per pixel"),
        ({"tasks": ["fixated_pose"]}, "output per pixel"),
        ({"tasks": ["depth_zbuffer", "depth_zbuffer"]}, "each task once"),
        ({"weights": {"edge_texture": 1.0}}, "weights: expected some of .* found 'edge_texture'"),
        ({"predicted": ["edge_texture"]}, "predicted: expected some of"),
        ({"added": 1}, "added"),
        ({"method": "two"}, "method: expected one of"),
        ({"network": NetworkOptions(outputs=3)}, "outputs: expected at least 17"),
        ({"encoder_weights": "nowhere.pt"}, "nowhere.pt: cannot read these weights"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(**options)


def test_testing_writes_a_table_and_predicting_pictures(packed: Path, tmp_path: Path) -> None:
    calls: list[int] = []
    for method in ("single", "switching"):
        module = network(method=method)
        folder = tmp_path / "runs" / method
        run = trainer(folder)
        run.test(module, data(packed), verbose=False)
        found = Results.load(folder)
        assert found.parameters == sum(weight.numel() for weight in module.network.parameters())
        assert [score.measure for score in found.scores] == ["miou", "mean", "rmse"]
        miou = float(run.callback_metrics["test/segment_semantic/miou"])
        assert found.scores[0].value == pytest.approx(miou)
    table = (tmp_path / "runs" / "results.md").read_text().splitlines()
    assert table[0].startswith("| Network | Semantic segm. (miou ↑) | Normals (mean ↓) | Z-depth (rmse ↓)")
    assert [line.split("|")[1].strip() for line in table[2:]] == ["Single-task", "Task switching"]
    assert len((tmp_path / "runs" / "results.csv").read_text().splitlines()) == 3
    module.predicted = ["normal", "depth_zbuffer"]
    module.network.encoders()[0].conv1.register_forward_hook(lambda *_: calls.append(1))
    trainer(tmp_path / "runs" / "switching").predict(module, data(packed, batch_size=6))
    pictures = sorted(
        path.name for path in (tmp_path / "runs" / "switching" / "predictions" / "cedar").glob("*.png")
    )
    assert len(pictures) == 12
    assert pictures[0] == "point_0_view_0_depth_zbuffer.png"
    assert len(calls) == 1
    assert (tmp_path / "runs" / "switching" / "predictions" / "sheet.png").exists()
