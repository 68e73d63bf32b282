"""Exact and drawn Fisher information against closed forms and a loop over samples."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import LabelledTask, Probe, Running, Settings, Targets, embed, embed_tasks
from tests.task2vec.slow_loop import (
    FILTERS,
    categorical_fisher,
    class_pictures,
    filters,
    small_net,
    small_resnet,
    weighted,
)
from tests.task2vec.test_squared_gradients import Twice


def as_it_is(network: nn.Module, pictures: Tensor, method: str = "exact", **settings: Any) -> Tensor:  # noqa: ANN401
    labels = torch.arange(len(pictures)) % 2
    options = {"head_epochs": 0, "balanced": False, **settings}
    found = embed(network, TensorDataset(pictures, labels), method=method, **options)  # type: ignore[arg-type]
    return torch.from_numpy(found.hessian)


class Logistic(nn.Module):
    """Softmax regression as a layer of the body: the classifier passes its logits on."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Linear(inputs, classes)
        self.fc = nn.Linear(classes, classes, bias=False)
        self.fc.weight.data = torch.eye(classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.fc(self.body(pictures.flatten(1)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_regression_has_its_closed_form(classes: int) -> None:
    torch.manual_seed(0)
    network, pictures = Logistic(12, classes), torch.randn(50, 3, 2, 2)
    p = network(pictures).softmax(1)
    # F of weight (k, i) is E[x_i² p_k (1 − p_k)]; a filter is the row of weights of one class.
    closed = torch.einsum("ni,nk->ki", pictures.flatten(1) ** 2, p * (1 - p)).mean(1) / 50
    torch.testing.assert_close(as_it_is(network, pictures).float(), closed, rtol=1e-5, atol=0)


def test_exact_equals_a_loop_over_samples_and_classes() -> None:
    network = small_net()
    pictures, _ = class_pictures(13)
    expected = categorical_fisher(network, list(weighted(network)), pictures)
    assert len(expected) == sum(FILTERS.values())
    found = as_it_is(Probe(network, "last"), pictures, batch=5)
    torch.testing.assert_close(found.float(), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("norms", [False, True])
def test_the_information_of_a_resnet_equals_a_loop(norms: bool) -> None:
    network = small_resnet()
    pictures, _ = class_pictures(5, size=32)
    layers = list(weighted(network, norms))
    expected = torch.zeros(filters(layers))
    for picture in pictures:
        p = network(picture.unsqueeze(0)).softmax(1)[0]
        for log in p.log():
            gradients = torch.autograd.grad(log, [layer.weight for layer in layers], retain_graph=True)  # type: ignore[arg-type]
            squares = [g.square().flatten(1).mean(1) if g.ndim > 1 else g.square() for g in gradients]
            expected += log.exp().detach() * torch.cat(squares) / 5
    found = as_it_is(network, pictures, norms=norms)
    torch.testing.assert_close(found.float(), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("skip", "left"), [(0, 300), (1, 296), (4, 296), (5, 280), (6, 240), (7, 160)])
def test_skipped_layers_leave_the_rest_unchanged(skip: int, left: int) -> None:
    """A sixteenth of the published lengths 4800, 4736, 4736, 4480, 3840, 2560."""
    network = small_resnet()
    pictures, _ = class_pictures(6, size=32)
    whole, part = as_it_is(network, pictures), as_it_is(network, pictures, skip_layers=skip)
    assert len(part) == left
    torch.testing.assert_close(part, whole[-left:], rtol=1e-5, atol=1e-12)


def test_lengths_do_not_depend_on_classes_and_norms_double_them() -> None:
    pictures, _ = class_pictures(20, size=32)
    lengths = set()
    for classes in (2, 10, 20):
        labels = torch.arange(20) % classes
        found = embed(small_resnet(), TensorDataset(pictures, labels), head_epochs=1, epoch_samples=64)
        lengths.add(len(found.hessian))
    assert lengths == {300}
    assert len(as_it_is(small_resnet(), pictures, norms=True)) == 600
    assert len(as_it_is(small_resnet(), pictures, norms=True, skip_layers=1)) == 596


class _Stack:
    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Tensor:
        return self.pictures[place]


def test_drawn_labels_converge_to_the_expectation_at_the_rate_of_one_over_root_n() -> None:
    network = Probe(small_net(), "last")
    pictures, _ = class_pictures(40)
    exact = as_it_is(network, pictures)
    alive = exact > 0

    def error(draws: int) -> float:
        found = [as_it_is(network, pictures, "montecarlo", draws=draws, seed=seed) for seed in range(24)]
        return float((torch.stack(found)[:, alive] / exact[alive] - 1).square().mean().sqrt())

    few, many = error(2), error(32)
    assert many < 0.1
    assert few / many == pytest.approx(4, rel=0.3)


def test_reference_estimate_times_the_batch_is_the_information() -> None:
    network = Probe(small_net(), "last")
    pictures, _ = class_pictures(120)
    exact = as_it_is(network, pictures)
    found = as_it_is(network, pictures, "batch", fit_batch=16, epoch_samples=16 * 500)
    alive = exact > 0
    assert float((16 * found / exact)[alive].mean()) == pytest.approx(1, abs=0.1)
    assert float(torch.corrcoef(torch.stack([found, exact])[:, alive].log())[0, 1]) > 0.98


def test_probe_is_left_as_it_was() -> None:
    network = small_net().train()
    network.second.weight.requires_grad_(False)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    data = TensorDataset(*class_pictures(66))
    for method, preset in [("exact", "improved"), ("batch", "reference"), ("variational", "reference")]:
        embed(Probe(network, "last"), data, method=method, preset=preset, head_epochs=1, epoch_samples=128)  # type: ignore[arg-type]
        for key, value in network.state_dict().items():
            torch.testing.assert_close(value, before[key], rtol=0, atol=0)
        assert [name for name, weight in network.named_parameters() if not weight.requires_grad] == [
            "second.weight"
        ]
        assert all(weight.grad is None for weight in network.parameters())
        assert not any(module._forward_hooks for module in network.modules())


def test_tasks_on_the_same_images_equal_separate_embeddings() -> None:
    pictures, labels = class_pictures(60)
    images = _Stack(pictures)
    coarse, some = (labels > 0).long(), np.arange(5, 47)
    tasks = [
        LabelledTask("all", images, Targets.of("classes", labels), np.arange(60)),
        LabelledTask("coarse", images, Targets.of("classes", coarse), np.arange(60)),
        LabelledTask("some", images, Targets.of("classes", coarse[some]), some),
        LabelledTask("labels", images, Targets.of("labels", np.eye(3)[labels][:30]), np.arange(30)),
        LabelledTask("values", images, Targets.of("values", pictures.mean(3)[:, :, 0]), np.arange(60)),
    ]
    probe, settings = Probe(small_net(), "last"), Settings(head_epochs=2, epoch_samples=640, fit_batch=32)
    together = embed_tasks(probe, tasks, settings)
    for task, found in zip(tasks, together, strict=True):
        alone = embed_tasks(probe, [task], settings)[0]
        np.testing.assert_allclose(found.hessian, alone.hessian, rtol=2e-4)
        np.testing.assert_allclose(found.domain, alone.domain, rtol=1e-5)  # type: ignore[arg-type]


def test_balanced_classes_weigh_the_same() -> None:
    """Repeating a class's images three times changes nothing; the classifier is kept fixed."""
    network = Probe(small_net(), "last")
    pictures, labels = class_pictures(12, classes=2)
    again = torch.cat([torch.arange(12), *[(labels == 1).nonzero().squeeze(1)] * 2])
    once = embed(network, TensorDataset(pictures, labels), head_epochs=0)
    more = embed(network, TensorDataset(pictures[again], labels[again]), head_epochs=0)
    np.testing.assert_allclose(more.hessian, once.hessian, rtol=1e-5)


def test_bfloat16_keeps_the_information_within_its_precision() -> None:
    pictures, _ = class_pictures(16, size=32)
    network = small_resnet()
    exact = as_it_is(network, pictures)
    running = Running({"accelerator": "cpu", "devices": 1, "precision": "bf16-mixed"})
    rough = as_it_is(network, pictures, running=running)
    alive = exact > 0
    assert float((rough / exact - 1)[alive].abs().median()) < 0.03
    assert float(torch.corrcoef(torch.stack([rough, exact])[:, alive].log())[0, 1]) > 0.999


def test_a_filter_that_nothing_depends_on_has_no_information() -> None:
    network = small_net()
    network.one.weight.data[:, 4] = 0  # nothing looks at filter 4 of the layer before
    found = as_it_is(Probe(network, "last"), class_pictures(6)[0])
    assert found[6 + 4] == 0
    assert (found[6:26] > 0).sum() >= 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method: expected one of exact, montecarlo, batch, variational, found 'guess'"),
        ({"skip_layers": 2}, "skip_layers: SmallNet does not declare its `layers`; expected 0, found 2"),
        ({"preset": "reference"}, "the reference has the methods batch and variational; found exact"),
        ({"preset": "old"}, "preset: expected one of improved, reference, found 'old'"),
        ({"head_epoch": 1}, "no 'head_epoch'; expected some of balanced"),
        ({"batch_statistics": True}, "images of a batch would interact; exact does not support it"),
        ({"kind": "labels"}, "task unnamed: labels are 0 or 1; found 2"),
    ],
)
def test_invalid_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        embed(Probe(small_net(), "last"), TensorDataset(*class_pictures(6)), **options)


def test_a_network_that_uses_a_layer_twice_is_embedded_by_the_general_method() -> None:
    torch.manual_seed(0)
    network = Twice().eval()
    pictures, _ = class_pictures(6, size=8)
    expected = categorical_fisher(network, [network.layer], pictures)
    torch.testing.assert_close(as_it_is(network, pictures).float(), expected, rtol=1e-5, atol=1e-9)
