"""Embeddings of labels per image and per pixel against gradients written out; properties of embeddings."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import (
    Embedding,
    LabelledTask,
    Probe,
    Settings,
    Targets,
    embed,
    embed_tasks,
    norm,
)
from lightning_taskonomy.task2vec.distances import distance, domain_distances, trivial
from lightning_taskonomy.task2vec.features import Features, Numbered, View
from lightning_taskonomy.task2vec.fisher import Expectation, Share, fisher
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.likelihoods import Bernoulli, Categorical, Gaussian, Likelihood
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.probe_training import untrained_probe
from lightning_taskonomy.task2vec.running import Running
from tests.task2vec.slow_loop import class_pictures, small_resnet


class MapNet(nn.Module):
    """Features are maps; its classifier is a layer per pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3, padding=1)
        self.fc = nn.Conv2d(5, 2, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        outputs: Tensor = self.fc(self.body(pictures).tanh())
        return outputs


LIKELIHOODS: dict[int, Likelihood] = {2: Bernoulli(2), 3: Categorical(3), 1: Gaussian((0.7,))}


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("paired", [False, True])
def test_dense_information_is_the_mean_over_known_places(outputs: int, paired: bool) -> None:
    """Of the squared gradient of a log-probability at one place, by a loop over places and roots."""
    torch.manual_seed(0)
    network, likelihood = MapNet(), LIKELIHOODS[outputs]
    pictures = torch.randn(3, 3, 4, 4)
    reading = PixelPairs(PixelPairs.drawn(3, 16).places[..., :6]) if paired else None
    head = Head(torch.randn(outputs, 5), torch.randn(outputs), likelihood, reading)
    counted = torch.rand(3, 6 if paired else 16) < 0.6
    weights = torch.tensor([0.5, 0.2, 0.3])
    found = _estimated(network, pictures, head, weights, counted, Expectation())
    expected = torch.zeros(5)
    for number in range(3):
        features = network.body(pictures[number : number + 1]).tanh().flatten(2)
        outputs_of = head.outputs(features, torch.tensor([number]))
        for place in counted[number].nonzero().flatten().tolist():
            for root in likelihood.roots(outputs_of.detach()):
                product = (outputs_of[0, :, place] * root[0, :, place]).sum()
                (gradient,) = torch.autograd.grad(product, network.body.weight, retain_graph=True)
                share = weights[number] / counted[number].sum()
                expected += share * gradient.square().flatten(1).mean(1)
    torch.testing.assert_close(found.float()[0], expected, rtol=1e-4, atol=1e-8)
    drawn = _estimated(network, pictures, head, weights, counted, Expectation("montecarlo", draws=3000))
    torch.testing.assert_close(drawn.float()[0], expected, rtol=0.15, atol=1e-5)


def _estimated(
    network: nn.Module,
    pictures: Tensor,
    head: Head,
    weights: Tensor,
    counted: Tensor,
    expectation: Expectation,
) -> Tensor:
    features = Features(Probe(network), View("maps", side=4))
    share = Share("t", head, weights, counted)
    return fisher(features, Numbered(list(pictures), range(3)), [share], expectation, Running())


@pytest.mark.parametrize("network", [small_resnet(), MapNet()], ids=["stages", "maps"])
def test_every_kind_is_embedded(network: nn.Module) -> None:
    pictures, labels = class_pictures(24, size=32)
    classes = (pictures[:, 0] > 0).long() + (pictures[:, 1] > 1).long()
    classes[:, :4] = -1
    values = pictures[:, :2].clone()
    values[:, :, :, 5] = torch.nan
    images = [pictures[place] for place in range(24)]
    targets = {
        "classes": Targets.of("classes", labels),
        "shares": Targets.of("classes", np.eye(3)[labels] * 0.8 + 0.2 / 3),
        "labels": Targets.of("labels", np.stack([labels > 0, labels > 1], axis=1).astype(int)),
        "values": Targets.of("values", pictures.mean((2, 3))),
        "pixel classes": Targets.of("pixel_classes", classes),
        "pixel values": Targets.of("pixel_values", values),
        "segments": Targets.of("pixel_classes", classes),
    }
    tasks = [
        LabelledTask(name, images, kind, np.arange(24), pairs=name == "segments")
        for name, kind in targets.items()
    ]
    for method in ("montecarlo", "batch", "variational"):
        settings = Settings(method, head_epochs=1, epoch_samples=128, side=8)
        found = embed_tasks(network, tasks, settings)
        assert len({len(embedding.hessian) for embedding in found}) == 1
        assert all(norm(embedding) > 0 for embedding in found)
        assert [embedding.name for embedding in found] == list(targets)
        # All on the same pictures, whatever is asked of them.
        np.testing.assert_allclose(domain_distances(found), 0, atol=1e-6)


def test_exact_information_of_many_pixels_is_refused() -> None:
    pictures, _ = class_pictures(4, size=32)
    data = TensorDataset(pictures, (pictures > 0)[:, 0].long())
    with pytest.raises(
        InputError, match=r"exact would take 4225 backward passes .* task rain; expected montecarlo"
    ):
        embed(small_resnet(), data, name="rain", side=65, head_epochs=1, epoch_samples=64)


def test_pooled_networks_have_no_feature_maps() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    data = TensorDataset(torch.randn(4, 3, 8, 8), torch.randn(4, 1, 8, 8))
    with pytest.raises(InputError, match="needs a network with feature maps"):
        embed(network, data, method="montecarlo")


@pytest.fixture(scope="module")
def digits() -> tuple[ImageArrays, np.ndarray]:
    loaded = load_digits()
    return ImageArrays(loaded.images / 16, 32), loaded.target


@pytest.fixture(scope="module")
def digit_tasks(digits: tuple[ImageArrays, np.ndarray]) -> dict[str, Embedding]:
    """Two halves of tasks on digits by pairs of classes, and one task with true and with shuffled labels."""
    images, digit = digits
    generator = np.random.default_rng(0)
    tasks = []
    for a, b in ((3, 8), (1, 7), (4, 9), (0, 6)):
        rows = generator.permutation(np.flatnonzero(np.isin(digit, (a, b))))
        for half in (0, 1):
            mine = rows[half::2]
            targets = Targets.of("classes", (digit[mine] == b).astype(int))
            tasks.append(LabelledTask(f"{a}{b}/{half}", images, targets, mine))
    shuffled = generator.permutation(digit[:400])
    rows = np.arange(400)
    tasks.append(LabelledTask("true", images, Targets.of("classes", digit[:400] % 2), rows))
    tasks.append(LabelledTask("shuffled", images, Targets.of("classes", shuffled % 2), rows))
    found = embed_tasks(untrained_probe("resnet18", 8), tasks, Settings(epoch_samples=2000))
    return {embedding.name: embedding for embedding in found}


def test_halves_of_a_task_are_nearer_than_other_tasks(digit_tasks: dict[str, Embedding]) -> None:
    halves = [name for name in digit_tasks if "/" in name]
    for name in halves:
        others = [other for other in halves if other != name]
        nearest = min(others, key=lambda other: distance(digit_tasks[name], digit_tasks[other]))
        assert nearest[:2] == name[:2]


@pytest.mark.parametrize("seed", [0, 1])
def test_nested_tasks_have_smaller_norms(digits: tuple[ImageArrays, np.ndarray], seed: int) -> None:
    """With classifiers fitted by default: an unsure classifier says little about a task."""
    images, digit = digits
    rows = np.arange(400)
    tasks = [
        LabelledTask(str(count), images, Targets.of("classes", np.minimum(digit[rows], count - 1)), rows)
        for count in (10, 5, 3, 2)
    ]
    norms = [norm(found) for found in embed_tasks(untrained_probe("resnet18", 8, seed), tasks)]
    assert norms == sorted(norms, reverse=True)


def test_the_broader_task_is_preferred_as_an_expert(digits: tuple[ImageArrays, np.ndarray]) -> None:
    """It is further from the trivial task, so its asymmetric distance is smaller than the symmetric one."""
    images, digit = digits
    rows = np.arange(600)
    tasks = [LabelledTask("ten", images, Targets.of("classes", digit[rows]), rows)]
    for a, b in ((3, 8), (1, 7), (4, 9), (0, 6)):
        mine = np.flatnonzero(np.isin(digit[:600], (a, b)))
        tasks.append(LabelledTask(f"{a}{b}", images, Targets.of("classes", (digit[mine] == b) * 1), mine))
    settings = Settings(prior=1e-4)
    broad, *pairs = embed_tasks(untrained_probe("resnet18", 8), tasks, settings)
    for pair in pairs:
        assert distance(broad, trivial(broad)) > distance(pair, trivial(pair))
        for new in pairs:
            undirected = distance(broad, new) - distance(pair, new)
            assert distance(broad, new, "asymmetric") - distance(pair, new, "asymmetric") < undirected


def test_the_same_images_with_other_labels_differ_only_as_tasks(digit_tasks: dict[str, Embedding]) -> None:
    pair = [digit_tasks["true"], digit_tasks["shuffled"]]
    assert domain_distances(pair)[0, 1] == pytest.approx(0, abs=1e-9)
    assert distance(pair[0], pair[1]) > 0.01


def test_the_norm_grows_with_label_noise(digits: tuple[ImageArrays, np.ndarray]) -> None:
    """For an easy task whose classifier is fitted until it is as certain as possible."""
    images, digit = digits
    rows = np.flatnonzero(digit < 2)
    tasks = []
    for share in (0, 0.05, 0.1, 0.2, 0.4):
        wrong = np.random.default_rng(0).random(len(rows)) < share
        tasks.append(LabelledTask(str(share), images, Targets.of("classes", digit[rows] ^ wrong), rows))
    found = embed_tasks(untrained_probe("resnet18", 16), tasks, Settings(head_epochs=60))
    norms = [norm(embedding) for embedding in found]
    assert norms == sorted(norms)
    assert norms[-1] > 2 * norms[0]
