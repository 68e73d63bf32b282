from itertools import combinations
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2lab
from torch import Tensor

from lightning_taskonomy.pictures.drawing import draw, draw_colorization
from lightning_taskonomy.tasks.colours import BINS
from lightning_taskonomy.tasks.task import Kind


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def depth_code(metres: float) -> float:
    return float(np.log1p(metres * 512) / np.log(2**16))


EXAMPLES: dict[Kind, Tensor] = {
    "picture": normal(3, 6, 9),
    "normals": normal(3, 6, 9),
    "depth": normal(1, 6, 9).sigmoid(),
    "classes": normal(17, 6, 9),
    "segments": torch.arange(54).reshape(6, 9),
    "embeddings": normal(64, 6, 9),
    "shares": normal(63),
    "vector": normal(18),
}


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - {"colours"}))
def test_every_kind_is_drawn_from_any_precision(kind: Kind) -> None:
    values = EXAMPLES[kind]
    drawn = draw(kind, values)
    assert drawn.dtype == np.uint8
    assert drawn.shape[2] == 3
    if kind not in ("shares", "vector"):
        assert drawn.shape == (6, 9, 3)
    assert len(np.unique(drawn)) > 2
    if values.is_floating_point():
        learned = values.bfloat16().requires_grad_()
        assert np.array_equal(draw(kind, learned), draw(kind, values.bfloat16().float()))


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - {"colours"}))
def test_other_shapes_are_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"expected .* found shape \(1, 2, 3, 4\)"):
        draw(kind, torch.zeros(1, 2, 3, 4))


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of picture, normals"):
        draw("photo", torch.zeros(3, 2, 2))  # type: ignore[arg-type]


def test_pictures_are_the_bytes_they_came_from() -> None:
    stored = torch.arange(256).reshape(1, 16, 16)
    grey = draw("picture", stored / 127.5 - 1)
    assert np.array_equal(grey, stored[0].unsqueeze(-1).expand(16, 16, 3).numpy())
    beyond = draw("picture", torch.tensor([-7.0, 7.0, float("nan")]).reshape(1, 1, 3))
    assert beyond[0, :, 0].tolist() == [0, 255, 0]


def test_curvatures_are_red_and_green() -> None:
    drawn = draw("picture", torch.tensor([[[-3.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]]))
    assert drawn[0, :, 0].tolist() == [0, 128, 255]
    assert set(drawn[0, :, 1].tolist()) == {128}
    assert set(drawn[0, :, 2].tolist()) == {0}


def test_normals_are_the_bytes_of_the_files_at_any_length() -> None:
    # A wall across the view, one on the left, the floor, the ceiling.
    directions = torch.tensor([[0.0, 0, -1], [1, 0, 0], [0, -1, 0], [0, 1, 0]]).T.reshape(3, 1, 4)
    stored = [[127, 127, 0], [254, 127, 127], [127, 0, 127], [127, 254, 127]]
    assert draw("normals", directions * 0.2)[0].tolist() == stored
    assert draw("normals", torch.full((3, 1, 1), 127 * 2 / 255 - 1)).ravel().tolist() == [127, 127, 127]
    assert draw("normals", torch.zeros(3, 1, 1)).ravel().tolist() == [127, 127, 127]


def test_nearer_is_lighter_and_nothing_is_black() -> None:
    metres = np.geomspace(0.5, 10, 60)
    codes = torch.tensor([depth_code(value) for value in metres])
    lightness = rgb2lab(draw("depth", codes.reshape(1, 1, 60)))[0, :, 0]
    steps = np.diff(lightness)
    assert (steps < 0).all()
    # A perceptual colour map: even steps.
    assert steps.min() / steps.max() < 2
    units = torch.tensor([0.0, 100.0, 64_499.0, 64_500.0, 65_535.0])
    ends = draw("depth", (torch.log1p(units) / np.log(2**16)).reshape(1, 1, 5))[0]
    assert ends.any(axis=1).tolist() == [True, True, True, False, False]
    assert np.array_equal(ends[0], ends[1])


def test_classes_have_distinct_colours_and_logits_their_largest() -> None:
    numbers = torch.arange(17).reshape(1, 17)
    drawn = draw("classes", numbers)
    for one, other in combinations(rgb2lab(drawn)[0], 2):
        assert np.linalg.norm(one - other) > 20
    logits = torch.nn.functional.one_hot(numbers, 17).permute(2, 0, 1).float() * 3 - 5
    assert np.array_equal(draw("classes", logits), drawn)
    assert draw("classes", torch.arange(300).reshape(15, 20).to(torch.uint16)).shape == (15, 20, 3)


@given(st.lists(st.integers(0, 255), min_size=2, max_size=50))
def test_segments_look_alike_only_if_they_are_the_same(ids: list[int]) -> None:
    drawn = draw("segments", torch.tensor([ids], dtype=torch.uint8))[0]
    assert len(np.unique(drawn, axis=0)) == len(set(ids))


def test_embeddings_that_are_close_have_close_colours() -> None:
    centres = torch.tensor([[3.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 3.0]])
    ids = torch.arange(4).repeat_interleave(25)
    vectors = (centres[ids] + 0.01 * normal(100, 4)).T.reshape(4, 10, 10)
    drawn = draw("embeddings", vectors).reshape(100, 3).astype(int)
    for number in range(4):
        inside, outside = drawn[ids == number], drawn[ids != number]
        assert np.ptp(inside, axis=0).max() < 6
        assert np.abs(outside - inside.mean(axis=0)).max(axis=1).min() > 40
    assert (draw("embeddings", torch.ones(8, 3, 3)) == 128).all()


@pytest.mark.parametrize("channel", range(5))
def test_embeddings_are_drawn_by_their_strongest_components(channel: int) -> None:
    values = normal(5, 20, 20)
    values[channel] *= 9
    drawn = draw("embeddings", values).reshape(-1, 3).astype(float)
    # The sign of a component is fixed: its largest entry points up.
    assert np.corrcoef(drawn[:, 0], values[channel].flatten())[0, 1] > 0.95
    assert drawn[:, 0].std() > 4 * drawn[:, 1].std()


def dark_by_column(drawn: np.ndarray) -> np.ndarray:
    return np.asarray((drawn.max(axis=2) < 128).sum(axis=0))


@pytest.mark.parametrize("classes", [5, 63, 1000])
def test_shares_are_columns_at_their_place(classes: int) -> None:
    shares = torch.zeros(classes)
    shares[classes - 2], shares[1] = 0.75, 0.25
    heights = dark_by_column(draw("shares", shares))
    assert sorted(set(heights.tolist())) == [0, 24, 72]
    place = (classes - 1.5) / classes * len(heights)
    assert np.nonzero(heights == 72)[0].mean() == pytest.approx(place, abs=1)
    logits = torch.where(shares > 0, (shares + 1e-30).log() - 4, -60.0)
    assert np.array_equal(dark_by_column(draw("shares", logits)), heights)


def test_vectors_go_up_and_down_from_the_middle() -> None:
    drawn = draw("vector", torch.tensor([3.0, -1.5, 0.0, 99.0]))
    height, width = drawn.shape[:2]
    coloured = np.ptp(drawn.astype(int), axis=2) > 60
    rows = [coloured[:, int((n + 0.5) * width / 4)].nonzero()[0] for n in range(4)]
    assert (rows[0].min(), rows[0].max()) == (0, height // 2 - 1)
    assert (rows[1].min(), rows[1].max()) == (height // 2, height * 3 // 4 - 1)
    assert len(rows[2]) == 0
    assert np.array_equal(rows[3], rows[0])
    positive, negative = drawn[5, width // 8], drawn[height // 2 + 5, width * 3 // 8]
    assert positive[0] > positive[2]
    assert negative[2] > negative[0]


@pytest.mark.parametrize(("a", "b"), [(40, 30), (-40, 20), (10, -40)])
def test_sure_colours_are_the_lab_colours_of_their_bins(a: int, b: int) -> None:
    lightness = torch.full((1, 8, 8), 0.2)
    bins = torch.from_numpy(BINS)
    place = BINS.tolist().index([a, b])
    shares = torch.zeros(len(bins), 2, 2)
    shares[place] = 1
    drawn = draw_colorization(lightness, shares, bins)
    assert drawn.shape == (8, 8, 3)
    np.testing.assert_allclose(rgb2lab(drawn)[3, 3], [60, a, b], atol=1.5)
    logits = torch.full_like(shares, -50.0)
    logits[place] = 9.0
    assert np.array_equal(draw_colorization(lightness, logits, bins), drawn)


def test_undecided_colours_are_the_annealed_mean() -> None:
    bins = torch.tensor([[40.0, 0.0], [-40.0, 0.0]])
    shares = torch.tensor([0.7, 0.3]).reshape(2, 1, 1)
    drawn = draw_colorization(torch.zeros(1, 4, 4), shares, bins)
    first, second = 0.7 ** (1 / 0.38), 0.3 ** (1 / 0.38)
    expected = 40 * (first - second) / (first + second)
    np.testing.assert_allclose(rgb2lab(drawn)[0, 0], [50, expected, 0], atol=1)
    with pytest.raises(ValueError, match="expected shares per pixel"):
        draw_colorization(torch.zeros(1, 4, 4), shares, bins[:1])
