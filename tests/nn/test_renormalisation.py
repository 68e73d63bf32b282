"""Batch renormalisation against Ioffe's algorithm, restated in numpy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lightning_taskonomy.nn.renormalisation import BatchRenorm2d

Floats = npt.NDArray[np.float64]
CHANNELS = 3
_EPS = 1e-5
INFINITE = (float("inf"),) * 9


class Restated:
    """The averages as they are defined: weighted sums over all batches so far, not one from another."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        self.weight, self.bias = weight[:, None, None], bias[:, None, None]
        self.means: list[Floats] = []
        self.deviations: list[Floats] = []
        self.running_mean, self.running_var = np.zeros(CHANNELS), np.ones(CHANNELS)

    def average(self, values: list[Floats], standing_in: Floats | None) -> Floats:
        """Each batch weighs 0.1 · 0.9^(batches since); the rest is the current batch's, or omitted."""
        weights = [0.1 * 0.9**since for since in range(len(values))][::-1]
        known = sum((w * v for w, v in zip(weights, values, strict=True)), start=np.zeros(CHANNELS))
        if standing_in is None:
            return np.asarray(known / sum(weights))
        return np.asarray(known + (1 - sum(weights)) * standing_in)

    def train(self, x: Floats, largest_ratio: float, largest_shift: float) -> Floats:
        mean = x.mean(axis=(0, 2, 3))
        deviation = np.sqrt(((x - mean[:, None, None]) ** 2).mean(axis=(0, 2, 3)) + _EPS)
        average_mean = self.average(self.means, mean)
        average_deviation = self.average(self.deviations, deviation)
        ratio = np.clip(deviation / average_deviation, 1 / largest_ratio, largest_ratio)
        shift = np.clip((mean - average_mean) / average_deviation, -largest_shift, largest_shift)
        self.means.append(mean)
        self.deviations.append(deviation)
        self.running_mean = 0.8 * self.running_mean + 0.2 * self.average(self.means, None)
        variance = self.average(self.deviations, None) ** 2 - _EPS
        self.running_var = 0.8 * self.running_var + 0.2 * variance
        normal = (x - mean[:, None, None]) / deviation[:, None, None]
        corrected: Floats = normal * ratio[:, None, None] + shift[:, None, None]
        return self.weight * corrected + self.bias

    def evaluate(self, x: Floats) -> Floats:
        normal = (x - self.running_mean[:, None, None]) / np.sqrt(self.running_var + _EPS)[:, None, None]
        return self.weight * normal + self.bias


def limits(batch: int) -> tuple[float, float]:
    """The published table: of the ratio and of the shift, by how many batches have been seen."""
    ratio, shift = 3.0, 5.0
    for until, largest in ((2_500, 2.5), (2_000, 2.0), (1_500, 1.5), (0, 1.0)):
        ratio = largest if batch <= until else ratio
    for until, largest in (
        (4_500, 3.5),
        (4_000, 3.0),
        (3_500, 2.5),
        (3_000, 2.0),
        (2_500, 1.5),
        (2_000, 1.0),
        (1_500, 0.5),
        (0, 0.0),
    ):
        shift = largest if batch <= until else shift
    return ratio, shift


def layer(**options: Any) -> BatchRenorm2d:  # noqa: ANN401 - passed on
    made = BatchRenorm2d(CHANNELS, **options)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([1.5, 0.5, 2.0]))
        made.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    return made


def restated(made: BatchRenorm2d) -> Restated:
    return Restated(made.weight.detach().double().numpy(), made.bias.detach().double().numpy())


def batches(number: int) -> list[Floats]:
    """Batches with drifting scale and mean, so that corrections are needed."""
    random = np.random.default_rng(0)
    scale = np.exp(random.normal(0, 0.7, (number, CHANNELS)))
    place = random.normal(0, 2, (number, CHANNELS))
    normal = random.normal(0, 1, (number, 4, CHANNELS, 3, 5))
    return list(normal * scale[:, None, :, None, None] + place[:, None, :, None, None])


@pytest.mark.parametrize("limited", [True, False])
@torch.no_grad()
def test_training_and_evaluation_match_the_restatement(limited: bool) -> None:
    made = layer() if limited else layer(ratios=INFINITE, shifts=INFINITE)
    by_hand = restated(made)
    corrected = 0
    for number, batch in enumerate(batches(12)):
        largest = limits(number) if limited else (np.inf, np.inf)
        expected = by_hand.train(batch, *largest)
        found = made.train()(torch.from_numpy(batch).float())
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)
        evaluated = made.eval()(torch.from_numpy(batch).float())
        np.testing.assert_allclose(evaluated.numpy(), by_hand.evaluate(batch), rtol=1e-3, atol=1e-4)
        plain = torch.nn.functional.batch_norm(
            torch.from_numpy(batch).float(), None, None, made.weight, made.bias, training=True
        )
        corrected += not torch.allclose(found, plain, atol=1e-3)
    assert corrected == 11, "the first batch stands for itself"


@pytest.mark.parametrize("seen", [1500, 1501, 2000, 2300, 2501, 3001, 3600, 4001, 4500, 4501, 10**6])
@torch.no_grad()
def test_limits_widen_as_published(seen: int) -> None:
    """Averages far from the batch, in both directions, show the limits."""
    made = BatchRenorm2d(CHANNELS)
    made.num_batches_tracked.fill_(seen)
    made.average_deviation.copy_(torch.tensor([1e-3, 1e3, 1e-3]))
    made.average_mean.copy_(torch.tensor([-1e4, 0.0, 1e4]))
    x = torch.from_numpy(batches(1)[0]).float()
    normal = torch.nn.functional.batch_norm(x, None, None, training=True)
    ratio, shift = limits(seen)
    found = made(x)
    torch.testing.assert_close(found[:, 0], normal[:, 0] * ratio + shift, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[:, 1], normal[:, 1] / ratio, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(found[:, 2], normal[:, 2] * ratio - shift, rtol=1e-4, atol=1e-4)


def test_no_gradient_passes_the_correction() -> None:
    made = layer(ratios=INFINITE, shifts=INFINITE)
    first, second = (torch.from_numpy(batch).float() for batch in batches(2))
    made(first)
    given = second.clone().requires_grad_()
    factor = torch.randn_like(second)
    ratio, shift = _correction(made, second)
    (made(given) * factor).sum().backward()
    other = second.clone().requires_grad_()
    normal = torch.nn.functional.batch_norm(other, None, None, training=True)
    weight, bias = made.weight.detach()[:, None, None], made.bias.detach()[:, None, None]
    ((normal * ratio + shift) * weight + bias).mul(factor).sum().backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    assert other.grad is not None
    torch.testing.assert_close(given.grad, other.grad, rtol=1e-3, atol=1e-5)
    assert made.weight.grad is not None
    expected = ((normal * ratio + shift) * factor).sum(dim=(0, 2, 3)).detach()
    torch.testing.assert_close(made.weight.grad, expected, rtol=1e-3, atol=1e-4)


def _correction(made: BatchRenorm2d, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """After one batch."""
    mean, deviation = batch.mean((0, 2, 3)), (batch.var((0, 2, 3), correction=0) + _EPS).sqrt()
    average_mean = made.average_mean + 0.9 * mean
    average_deviation = made.average_deviation + 0.9 * deviation
    ratio, shift = deviation / average_deviation, (mean - average_mean) / average_deviation
    return ratio[:, None, None], shift[:, None, None]


@torch.no_grad()
def test_a_restored_layer_continues_identically() -> None:
    whole = layer()
    given = [torch.from_numpy(batch).float() for batch in batches(6)]
    for batch in given[:3]:
        whole(batch)
    resumed = BatchRenorm2d(CHANNELS)
    resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    for batch in given[3:]:
        assert torch.equal(resumed(batch), whole(batch))
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
