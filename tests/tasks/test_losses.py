import pickle
from collections.abc import Callable
from itertools import combinations
from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.tasks.losses import (
    L2,
    CrossEntropy,
    PerImageLoss,
    PixelPairs,
    PoseNorm,
    SoftCrossEntropy,
    l1,
    l2,
)

B, C, H, W = 3, 4, 5, 6
WEIGHTS = (0.5, 2.0, 1.0, 7.0)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def some_mask(seed: int = 1) -> Tensor:
    """A third of the pixels is valid, and none in the last image."""
    mask = torch.rand((B, H, W), generator=torch.Generator().manual_seed(seed)) < 0.33
    mask[0, 0, 0] = mask[1, 0, 0] = True
    mask[2] = False
    return mask


def shares(*shape: int, seed: int = 2) -> Tensor:
    return normal(*shape, seed=seed).softmax(dim=1)


def classes(seed: int = 3) -> Tensor:
    return torch.randint(0, C, (B, H, W), generator=torch.Generator().manual_seed(seed))


LOSSES: dict[str, tuple[PerImageLoss, Tensor]] = {
    "l1": (l1, normal(B, C, H, W, seed=9)),
    "l2": (l2, normal(B, C, H, W, seed=9)),
    "robust l2": (L2(robust_beyond=0.5), normal(B, C, H, W, seed=9)),
    "soft": (SoftCrossEntropy(), shares(B, C, H, W)),
    "weighted soft": (SoftCrossEntropy(WEIGHTS), shares(B, C, H, W)),
    "classes": (CrossEntropy(), classes()),
    "weighted classes": (CrossEntropy(WEIGHTS), classes()),
    "pairs": (PixelPairs(8, seed=0), classes()),
}
each_loss = pytest.mark.parametrize("name", LOSSES)


@each_loss
def test_masked_images_have_no_loss_and_masked_pixels_no_gradient(name: str) -> None:
    loss, target = LOSSES[name]
    mask = some_mask()
    output = normal(B, C, H, W).requires_grad_()
    values = loss(output, target, mask)
    assert values.shape == (B,)
    assert values[2] == 0
    assert (values[:2] > 0).all()
    (gradient,) = torch.autograd.grad(values.sum(), output)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().sum(dim=1)[~mask] == 0).all()
    assert gradient[:2].abs().sum() > 0


@each_loss
def test_values_at_masked_pixels_do_not_matter(name: str) -> None:
    loss, target = LOSSES[name]
    mask = some_mask()
    changed = target.clone()
    where = ~mask if target.ndim == 3 else ~mask.unsqueeze(1).expand_as(target)
    changed[where] = float("nan") if target.is_floating_point() else 255
    output = normal(B, C, H, W).requires_grad_()
    values = loss(output, changed, mask)
    assert torch.equal(values, loss(output, target, mask))
    assert torch.isfinite(torch.autograd.grad(values.sum(), output)[0]).all()


@each_loss
def test_images_are_independent_and_masks_may_be_numbers(name: str) -> None:
    loss, target = LOSSES[name]
    output, mask = normal(B, C, H, W), some_mask()
    whole = loss(output, target, mask)
    for image in range(B):
        alone = slice(image, image + 1)
        torch.testing.assert_close(whole[alone], loss(output[alone], target[alone], mask[alone].float()))
    everywhere = torch.ones(B, H, W, dtype=torch.bool)
    torch.testing.assert_close(loss(output, target, everywhere), loss(output, target, None))


@each_loss
def test_half_precision_is_computed_in_single(name: str) -> None:
    loss, target = LOSSES[name]
    half = normal(B, C, H, W).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = loss(half, target, some_mask())
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, loss(half.float(), target, some_mask()), rtol=0, atol=0)


@each_loss
def test_losses_pickle_and_wrong_shapes_are_refused(name: str) -> None:
    loss, target = LOSSES[name]
    assert pickle.loads(pickle.dumps(loss)) == loss
    for wrong in (target[:, :1], target[:, None]):
        with pytest.raises(ValueError, match="expected shape"):
            loss(normal(B, C, H, W), wrong, None)
    with pytest.raises(ValueError, match="expected shape"):
        loss(normal(B, C, H, W), target, some_mask()[:, None])


@pytest.mark.parametrize(("loss", "power"), [(l1, 1), (l2, 2)])
def test_differences_against_numpy(loss: PerImageLoss, power: int) -> None:
    output, target, mask = normal(B, C, H, W), normal(B, C, H, W, seed=5), some_mask()
    for image in range(2):
        error = np.abs(output[image].numpy() - target[image].numpy()) ** power
        assert loss(output, target, None)[image].item() == pytest.approx(error.mean(), rel=1e-5)
        inside = error[:, mask[image].numpy()]
        assert loss(output, target, mask)[image].item() == pytest.approx(inside.mean(), rel=1e-5)
    error = np.abs(output[:, :, 0, 0].numpy() - target[:, :, 0, 0].numpy()) ** power
    vectors = loss(output[:, :, 0, 0], target[:, :, 0, 0], None)
    np.testing.assert_allclose(vectors, error.mean(axis=1), rtol=1e-5)


@given(st.floats(0, 30), st.floats(0.25, 4))
def test_robust_l2_bends_at_its_threshold(error: float, threshold: float) -> None:
    output = torch.full((1, 5), error, requires_grad=True)
    value = L2(threshold)(output, torch.zeros(1, 5))
    squared = error**2
    expected = squared if squared <= threshold else threshold * (1 + log(squared / threshold))
    assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-9)
    (gradient,) = torch.autograd.grad(value.sum(), output)
    slope = 2 * error if squared <= threshold else 2 * threshold / error
    # In single precision the threshold itself may fall on either side, where the slopes agree.
    assert gradient.sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_robust_l2_at_one_is_one_plus_the_logarithm() -> None:
    value = L2(1.0)(torch.full((1, 9), 3.0), torch.zeros(1, 9))
    assert value.item() == pytest.approx(1 + log(9.0), rel=1e-6)


def test_class_cross_entropy_is_torchs_own_image_by_image() -> None:
    output, target, mask = normal(B, C, H, W), classes(), some_mask()
    ignored = torch.where(mask, target, -100)
    for weights in (None, WEIGHTS):
        values = CrossEntropy(weights)(output, target, mask)
        table = None if weights is None else torch.tensor(weights)
        for image in range(2):
            one = slice(image, image + 1)
            expected = functional.cross_entropy(output[one], ignored[one], table)
            torch.testing.assert_close(values[image], expected)
    vectors = CrossEntropy(WEIGHTS)(output[:, :, 0, 0], target[:, 0, 0])
    expected = functional.cross_entropy(output[:, :, 0, 0], target[:, 0, 0], reduction="none")
    torch.testing.assert_close(vectors, expected)


def test_classes_of_no_weight_give_no_loss() -> None:
    values = CrossEntropy((0.0, 1.0))(normal(1, 2, H, W), torch.zeros(1, H, W, dtype=torch.int64))
    assert values.item() == 0


def test_soft_cross_entropy_against_loops() -> None:
    output, target, mask = normal(B, C, H, W).double().numpy(), shares(B, C, H, W).numpy(), some_mask()
    for weights in (None, WEIGHTS):
        values = SoftCrossEntropy(weights)(torch.from_numpy(output), torch.from_numpy(target), mask)
        for image in range(2):
            losses = []
            for row, column in np.argwhere(mask[image].numpy()):
                z, y = output[image, :, row, column], target[image, :, row, column]
                weight = 1.0 if weights is None else weights[int(y.argmax())]
                losses.append(-weight * (y * (z - np.log(np.exp(z).sum()))).sum())
            assert values[image].item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_soft_cross_entropy_of_vectors() -> None:
    output, target = normal(B, 20), shares(B, 20)
    values = SoftCrossEntropy()(output, target)
    torch.testing.assert_close(values, functional.cross_entropy(output, target, reduction="none"))
    sure = functional.one_hot(torch.tensor([3, 0, 19]), 20).float()
    torch.testing.assert_close(
        SoftCrossEntropy()(output, sure), CrossEntropy()(output, torch.tensor([3, 0, 19]))
    )


def pairs_by_loop(output: np.ndarray, ids: np.ndarray, places: list[tuple[int, int]]) -> float:
    losses = []
    for (a, b), (c, d) in combinations(places, 2):
        squared = float(((output[:, a, b] - output[:, c, d]) ** 2).sum())
        p = 2 / (1 + exp(squared))
        losses.append(-log(p) if ids[a, b] == ids[c, d] else -log(1 - p))
    return float(np.mean(losses))


def test_pairs_of_all_valid_pixels_against_loops() -> None:
    output, ids, mask = 0.5 * normal(B, C, H, W), classes(), some_mask()
    values = PixelPairs(pixels=300)(output, ids, mask)
    for image in range(2):
        places = [(int(a), int(b)) for a, b in np.argwhere(mask[image].numpy())]
        expected = pairs_by_loop(output[image].double().numpy(), ids[image].numpy(), places)
        assert values[image].item() == pytest.approx(expected, rel=1e-4)


def test_pairs_gradient_against_torchs_own() -> None:
    output = (0.3 * normal(2, 7, 6, 6) + 5).requires_grad_()
    ids = torch.randint(0, 3, (2, 6, 6), generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(PixelPairs()(output, ids).sum(), output)
    exact = output.detach().double().requires_grad_()
    loss = torch.zeros((), dtype=torch.float64)
    for image in range(2):
        vectors, names = exact[image].flatten(1).T, ids[image].flatten()
        upper = torch.ones(36, 36).triu(1).bool()
        squared = (vectors[:, None] - vectors[None]).square().sum(-1)[upper]
        p, same = 2 / (1 + squared.exp()), (names[:, None] == names[None])[upper]
        loss = loss - torch.where(same, p, 1 - p).log().mean()
    (expected,) = torch.autograd.grad(loss, exact)
    torch.testing.assert_close(gradient.double(), expected, rtol=1e-3, atol=1e-6)


def test_fewer_pixels_are_a_sample_of_the_valid_ones() -> None:
    numbers = torch.arange(400.0).reshape(1, 1, 20, 20)
    ids = torch.zeros(1, 20, 20, dtype=torch.int64)
    mask = torch.zeros(1, 20, 20, dtype=torch.bool)
    mask[:, :10] = True

    def drawn(loss: PixelPairs) -> set[int]:
        pairs = loss.pairs(numbers, ids, mask)
        assert pairs.counted.sum() == 50 * 49 / 2
        places, exist = loss.places(ids, mask)
        assert exist.all()
        return set(places[0].tolist())

    torch.manual_seed(0)
    seen = [drawn(PixelPairs(50)) for _ in range(40)]
    assert all(len(places) == 50 and max(places) < 200 for places in seen)
    assert len({frozenset(places) for places in seen}) == 40
    assert set().union(*seen) == set(range(200))
    fixed = PixelPairs(50).pixels_at(4)
    assert drawn(fixed) == drawn(fixed) != drawn(PixelPairs(50).pixels_at(5))


def test_fixed_pixels_depend_only_on_the_image_size_and_the_mask() -> None:
    loss = PixelPairs(40, seed=7)
    ids = torch.zeros(2, 16, 16, dtype=torch.int64)
    mask = torch.ones(2, 16, 16, dtype=torch.bool)
    mask[1, ::2] = False
    before = torch.random.get_rng_state()
    places, _ = loss.places(ids, mask)
    assert torch.equal(before, torch.random.get_rng_state())
    alone, _ = loss.places(ids[1:], mask[1:])
    assert torch.equal(places[1], alone[0])
    # Both images have the same candidates: the second also took those of the first that are valid in it.
    candidates = {place for place in places[0].tolist() if mask[1].flatten()[place]}
    assert candidates <= set(places[1].tolist())
    everything, _ = PixelPairs(256, seed=7).places(ids, None)
    assert sorted(everything[0].tolist()) == list(range(256))
    # The order is part of the loss: contenders evaluated years apart must use the same pixels.
    assert everything[0, :5].tolist() == FIRST_PLACES


def first_places() -> list[int]:
    """PCG64 (XSL-RR, 128 bits) in plain integers, seeded as NumPy's documentation says for seed 7."""
    state = np.random.PCG64(7).state["state"]
    number, step, bits = state["state"], state["inc"], []
    for _ in range(256):
        number = (number * 0x2360ED051FC65DA44385DF649FCCF645 + step) % 2**128
        folded = (number >> 64) ^ (number & (2**64 - 1))
        turn = number >> 122
        bits.append(((folded >> turn) | (folded << (64 - turn))) & (2**64 - 1))
    return sorted(range(256), key=lambda place: -bits[place])[:5]


FIRST_PLACES = first_places()


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e-4, 1.0, 1e3, 1e9])
def test_pairs_stay_finite_at_all_distances(scale: float) -> None:
    output = (scale * normal(1, 2, 1, 2)).requires_grad_()
    points = output.detach().double()
    squared = ((points[0, :, 0, 0] - points[0, :, 0, 1]) ** 2).sum().item()
    for same, ids in ((True, [4, 4]), (False, [4, 5])):
        value = PixelPairs()(output, torch.tensor([[ids]]))
        (gradient,) = torch.autograd.grad(value.sum(), output)
        assert torch.isfinite(value).all()
        assert torch.isfinite(gradient).all()
        if same:
            expected = squared if squared > 50 else log((1 + exp(squared)) / 2)
        else:
            least = max(squared, 1e-6)
            expected = 0.0 if least > 50 else -log(np.tanh(least / 2))
        assert value.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_images_with_one_valid_pixel_have_no_pairs() -> None:
    mask = torch.zeros(1, H, W)
    mask[0, 2, 2] = 1
    assert PixelPairs()(normal(1, C, H, W), classes()[:1], mask).item() == 0


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_pose_norms_against_numpy(poses: int, seed: int) -> None:
    output, target = normal(B, 6 * poses, seed=seed), normal(B, 6 * poses, seed=seed + 1)
    error = (output - target).double().numpy().reshape(B, poses, 6)
    np.testing.assert_allclose(
        PoseNorm(poses)(output, target), np.linalg.norm(error, axis=2).sum(axis=1), rtol=1e-5
    )


@given(st.integers(0, 10**6), st.tuples(*[st.floats(0, 4)] * 3))
def test_norms_of_poses_are_weighted(seed: int, weights: tuple[float, ...]) -> None:
    output, target = normal(B, 18, seed=seed), normal(B, 18, seed=seed + 1)
    norms = [PoseNorm()(output[:, at : at + 6], target[:, at : at + 6]) for at in (0, 6, 12)]
    expected = weights[0] * norms[0] + weights[1] * norms[1] + weights[2] * norms[2]
    torch.testing.assert_close(PoseNorm(3, weights)(output, target), expected, rtol=1e-5, atol=1e-5)


def test_a_correct_pose_has_no_gradient() -> None:
    output = normal(2, 6).requires_grad_()
    value = PoseNorm()(output, output.detach().clone())
    assert (value == 0).all()
    assert (torch.autograd.grad(value.sum(), output)[0] == 0).all()
    assert PoseNorm() == pickle.loads(pickle.dumps(PoseNorm())) != PoseNorm(3)
    with pytest.raises(ValueError, match=r"expected \(B, 18\)"):
        PoseNorm(3)(output, output)


@pytest.mark.parametrize(
    ("loss", "target"),
    [(l1, normal(1, 2, 2, 3)), (l2, normal(1, 2, 2, 3)), (SoftCrossEntropy((1.0, 3.0)), shares(1, 2, 2, 3))],
)
def test_gradients_against_finite_differences(loss: Callable[..., Tensor], target: Tensor) -> None:
    output = normal(1, 2, 2, 3, seed=8).requires_grad_()
    value = loss(output, target)
    (gradient,) = torch.autograd.grad(value.sum(), output)
    for place in np.ndindex(1, 2, 2, 3):
        step = torch.zeros(1, 2, 2, 3)
        step[place] = 1e-2
        with torch.no_grad():
            slope = (loss(output + step, target) - loss(output - step, target)) / 2e-2
        assert gradient[place].item() == pytest.approx(slope.item(), rel=0.02, abs=1e-3)
