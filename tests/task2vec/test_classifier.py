"""Fitted last layers against scikit-learn and against fitting alone."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV

from lightning_taskonomy.task2vec.classifier import Fitting, fit_heads
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.likelihoods import Gaussian
from lightning_taskonomy.task2vec.observations import Observations, observations
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.running import Running
from lightning_taskonomy.task2vec.targets import Kind, Targets


def data(kind: Kind, seed: int = 0, count: int = 400) -> Observations:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(count, 6, 1)).astype(np.float32)
    outputs = features[..., 0] @ generator.normal(size=(6, 3)) + generator.gumbel(size=(count, 3))
    values = outputs.argmax(1) if kind == "classes" else outputs
    targets = Targets.of(kind, (outputs > 0).astype(int) if kind == "labels" else values)
    return observations(torch.from_numpy(features), np.arange(count), targets)


def test_converges_to_scikit_learns_logistic_regression() -> None:
    task = data("classes", count=300)
    decay = 0.01
    fitting = Fitting(epochs=12, draws=20_000, batch=500, rate=2e-2, decay=decay)
    (head,) = fit_heads([task], fitting, Running())
    # Its penalty is ‖w‖²/2 against C times the sum of losses; ours is decay/2 ‖w‖² against their mean.
    reference = LogisticRegression(C=1 / (decay * 300), class_weight="balanced", tol=1e-8)
    reference.fit(task.features.numpy(), task.targets.numpy())
    expected = torch.from_numpy(reference.coef_).float()
    assert float((head.weight - expected).norm() / expected.norm()) < 0.1


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_joint_fits_equal_separate_ones(kind: Kind) -> None:
    tasks = [data(kind, seed, count) for seed, count in ((0, 400), (1, 150))]
    fitting = Fitting(epochs=2, draws=640)
    together = fit_heads(tasks, fitting, Running())
    for task, found in zip(tasks, together, strict=True):
        (alone,) = fit_heads([task], fitting, Running())
        torch.testing.assert_close(found.weight, alone.weight, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.bias, alone.bias, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_many_tasks_on_few_images_equal_separate_fits(kind: Kind) -> None:
    generator = np.random.default_rng(0)
    features = torch.from_numpy(generator.normal(size=(40, 6, 1))).float()
    tasks = []
    for _ in range(5):
        places = np.sort(generator.permutation(40)[:30])
        labels = generator.integers(0, 2, (30, 3) if kind == "labels" else 30)
        tasks.append(observations(features, places, Targets.of(kind, labels)))
    fitting = Fitting(epochs=2, draws=640)
    together = fit_heads(tasks, fitting, Running())
    for task, found in zip(tasks, together, strict=True):
        (alone,) = fit_heads([task], fitting, Running())
        torch.testing.assert_close(found.weight, alone.weight, rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(found.bias, alone.bias, rtol=1e-3, atol=1e-6)


def test_random_start_is_torchs_and_depends_on_the_seed() -> None:
    task = data("classes")

    def started(seed: int) -> Head:
        fitting = Fitting(epochs=1, draws=64, rate=0.0, decay=0.0, from_zero=False, seed=seed)
        return fit_heads([task], fitting, Running())[0]

    torch.manual_seed(5)
    expected = torch.nn.Linear(6, 3).weight.detach()
    torch.testing.assert_close(started(5).weight, expected)
    assert not torch.equal(started(5).weight, started(6).weight)


def test_values_are_fitted_by_ridge_regression_with_leave_one_out_error() -> None:
    task = data("values", count=60)
    (head,) = fit_heads([task], Fitting(), Running())
    x, y = task.features.double().numpy(), task.targets.double().numpy()
    scale = np.square(np.linalg.svd(x - x.mean(0), compute_uv=False)).mean()
    reference = RidgeCV(alphas=[10.0**power * scale for power in range(-6, 5)], store_cv_results=True)
    reference.fit(x, y)
    np.testing.assert_allclose(head.weight, reference.coef_, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(head.bias, reference.intercept_, rtol=1e-3, atol=1e-5)
    assert isinstance(head.likelihood, Gaussian)
    place = list(reference.alphas).index(reference.alpha_)
    errors = reference.cv_results_[:, :, place].mean(0)
    np.testing.assert_allclose(head.likelihood.variance, errors, rtol=0.05)


def test_more_features_than_images_leave_a_variance() -> None:
    generator = np.random.default_rng(0)
    features = torch.from_numpy(generator.normal(size=(30, 200, 1))).float()
    task = observations(features, np.arange(30), Targets.of("values", generator.normal(size=(30, 1))))
    (head,) = fit_heads([task], Fitting(), Running())
    assert isinstance(head.likelihood, Gaussian)
    assert head.likelihood.variance[0] > 0.5


def test_pixels_are_drawn_where_labels_are_known() -> None:
    generator = np.random.default_rng(0)
    features = torch.from_numpy(generator.normal(size=(5, 4, 100))).float()
    classes = generator.integers(-1, 3, (5, 10, 10))
    places = np.array([4, 0, 2])
    found = observations(features, places, Targets.of("pixel_classes", classes[places]))
    assert 3 * 50 < len(found.targets) <= 3 * 64
    lookup = {
        tuple(row): label for row, label in zip(found.features.tolist(), found.targets.tolist(), strict=True)
    }
    known = 0
    for picture in places:
        for place in range(100):
            label = lookup.get(tuple(features[picture, :, place].tolist()))
            if label is not None:
                assert label == classes[picture].flatten()[place] >= 0
                known += 1
    assert known == len(found.targets)


def test_pairs_tell_whether_segments_are_the_same() -> None:
    generator = np.random.default_rng(0)
    segments = generator.integers(0, 3, (4, 5, 5))
    features = torch.from_numpy(generator.normal(size=(4, 2, 25))).float()
    pairs = PixelPairs.drawn(4, 25)
    found = observations(features, np.arange(4), Targets.of("pixel_classes", segments), pairs)
    assert found.targets.shape == (4 * 64, 1)
    flat = segments.reshape(4, 25)
    for row in range(0, 256, 37):
        picture, pair = divmod(row, 64)
        i, j = pairs.places[picture, :, pair].tolist()
        assert i != j
        assert bool(found.targets[row, 0]) == (flat[picture, i] == flat[picture, j])
        expected = (features[picture, :, i] - features[picture, :, j]).abs()
        torch.testing.assert_close(found.features[row], expected)


def test_pulling_back_pairs_is_their_derivative() -> None:
    torch.manual_seed(0)
    features, pictures = torch.randn(3, 4, 36, requires_grad=True), torch.tensor([2, 0, 1])
    pairs = PixelPairs.drawn(3, 36)
    cotangent = torch.randn(3, 4, 64)
    (expected,) = torch.autograd.grad(pairs.read(features, pictures), features, cotangent)
    found = pairs.pulled_back(cotangent, features.detach(), pictures)
    torch.testing.assert_close(found, expected)
