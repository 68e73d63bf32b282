from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.tasks import dictionary
from lightning_taskonomy.tasks.colours import read_colorization
from lightning_taskonomy.tasks.task import Stored, Task
from lightning_taskonomy.tasks.tiles import permutations
from tests.training.one_convolution import SIZE, OneConvolution, data, pack_every_label

TASKS = tuple(dictionary())
each_task = pytest.mark.parametrize("name", TASKS)
Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    packed = pack_every_label(tmp_path_factory.mktemp("drawn"))
    (first,) = [next(iter(data(packed, TASKS).loader("train", shuffled=True)))]
    return dict(first)


@cache
def module(name: str) -> OneConvolution:
    torch.manual_seed(0)
    return OneConvolution(name).eval()


def example(batch: dict[str, Any], name: str, number: int = 1) -> dict[str, Tensor]:
    return {part: values[number] for part, values in batch[name].items()}


@each_task
def test_every_task_is_drawn(batch: dict[str, Any], name: str) -> None:
    task, its = module(name).task, example(batch, name)
    output = module(name)(its["input"][None])[0].detach()
    mask = its.get("mask")
    given = drawn_input(task, its["input"])
    target = drawn_target(task, its["input"], its["target"], mask)
    answer = drawn_output(task, its["input"], output, mask)
    for picture in (given, target, answer):
        assert picture.dtype == np.uint8
    assert target.shape == answer.shape
    # Random labels may all lie beyond the end of a scale, and 1,000 classes may be equally likely.
    if name not in ("edge_occlusion", "keypoints2d", "class_object", "class_selected"):
        assert not np.array_equal(target, answer)
    if task.output.per_pixel:
        assert target.shape == given.shape == (SIZE, SIZE, 3)


@each_task
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_drawn_too(batch: dict[str, Any], name: str, wrong: float) -> None:
    task, its = module(name).task, example(batch, name)
    output = module(name)(its["input"][None])[0].detach().clone()
    output[..., :1] = wrong
    assert drawn_output(task, its["input"], output, its.get("mask")).dtype == np.uint8


@pytest.mark.parametrize(
    "name", ["autoencoding", "reshading", "depth_zbuffer", "edge_texture", "room_layout", "egomotion"]
)
def test_a_perfect_output_looks_like_its_target(batch: dict[str, Any], name: str) -> None:
    task, its = module(name).task, example(batch, name)
    mask = its.get("mask")
    target = drawn_target(task, its["input"], its["target"], mask)
    assert np.array_equal(drawn_output(task, its["input"], its["target"].clone(), mask), target)


@pytest.mark.parametrize(("name", "views"), [("autoencoding", 1), ("fixated_pose", 2), ("egomotion", 3)])
def test_views_stand_side_by_side(batch: dict[str, Any], name: str, views: int) -> None:
    given = example(batch, name)["input"]
    drawn = drawn_input(module(name).task, given)
    gap = (drawn.shape[1] - views * SIZE) // max(views - 1, 1)
    for view in range(views):
        left = view * (SIZE + gap)
        expected = np.rint((given[view].double().permute(1, 2, 0).numpy() + 1) * 127.5)
        assert np.abs(drawn[:, left : left + SIZE] - expected).max() <= 1
        assert (drawn[:, left + SIZE : left + SIZE + gap] == 255).all()


LEVELS = list(range(10, 100, 10))


def shuffled_greys(number: int) -> Tensor:
    """Nine grey tiles, from dark to bright in their original order, shuffled by a permutation."""
    levels = torch.tensor(LEVELS)[torch.from_numpy(permutations()[number])]
    return (levels / 127.5 - 1)[:, None, None, None].expand(9, 3, 4, 4)


def cells(picture: Picture) -> list[int]:
    side = (picture.shape[0] + 2) // 3
    return [int(picture[row * side + 1, column * side + 1, 0]) for row in range(3) for column in range(3)]


@given(st.integers(0, 99), st.integers(0, 99))
def test_jigsaw_lies_as_given_as_it_should_and_as_the_network_says(number: int, other: int) -> None:
    task, tiles = module("jigsaw").task, shuffled_greys(number)
    assert cells(drawn_input(task, tiles)) == [LEVELS[place] for place in permutations()[number]]
    assert cells(drawn_target(task, tiles, torch.tensor(number))) == LEVELS
    said = cells(drawn_output(task, tiles, torch.arange(100.0).roll(other + 1)))
    assert [said[place] for place in permutations()[other]] == [LEVELS[x] for x in permutations()[number]]


@pytest.mark.parametrize("colour", [(200, 90, 60), (60, 140, 80), (70, 90, 180)])
def test_colorization_gives_the_grey_input_its_colours_back(colour: tuple[int, int, int]) -> None:
    task = module("colorization").task
    rgb = np.tile(np.array(colour, np.uint8), (16, 16, 1))
    read = read_colorization([{"rgb": rgb}], 16, np.random.default_rng(0))
    assert isinstance(read.target, Stored)
    lightness = torch.from_numpy(np.asarray(read.inputs[0]))[None]
    target = read.target.scale(torch.from_numpy(read.target.values)[None])[0]
    drawn = drawn_target(task, lightness, target)
    assert drawn.shape == (16, 16, 3)
    assert np.abs(drawn.astype(int) - colour).max() < 25
    grey = drawn_input(task, lightness)
    assert (grey[..., 0] == grey[..., 2]).all()
    as_logits = drawn_output(task, lightness, (target + 1e-9).log())
    assert np.abs(as_logits.astype(int) - drawn).max() <= 2


@pytest.mark.parametrize("name", ["depth_zbuffer", "normal", "segment_unsup25d", "segment_semantic"])
def test_only_what_does_not_count_is_greyed_out(batch: dict[str, Any], name: str) -> None:
    task, its = module(name).task, example(batch, name)
    mask = torch.ones(SIZE, SIZE, dtype=torch.bool)
    mask[3:9, 5:20] = False
    counted = mask.numpy()
    plain = drawn_target(task, its["input"], its["target"])
    veiled = drawn_target(task, its["input"], its["target"], mask)
    assert np.array_equal(veiled[counted], plain[counted])
    before, after = plain[~counted].astype(int), veiled[~counted].astype(int)
    assert np.ptp(after) < 0.5 * np.ptp(before) + 2
    assert (abs(after - 200) <= abs(before - 200)).all()
    output = module(name)(its["input"][None])[0].detach()
    changed = (
        drawn_output(task, its["input"], output, mask) != drawn_output(task, its["input"], output)
    ).any(-1)
    assert changed[~counted].any()
    assert not changed[counted].any()


def test_masks_of_smaller_outputs_cover_the_larger_drawing(batch: dict[str, Any]) -> None:
    task, its = module("colorization").task, example(batch, "colorization")
    mask = torch.ones(SIZE // 4, SIZE // 4, dtype=torch.bool)
    mask[0, 1] = False
    plain = drawn_target(task, its["input"], its["target"])
    veiled = drawn_target(task, its["input"], its["target"], mask)
    changed = np.asarray(np.not_equal(plain, veiled).any(axis=-1))
    assert changed[:4, 4:8].mean() > 0.9
    changed[:4, 4:8] = False
    assert not changed.any()


def test_choices_between_classes_are_columns_of_shares() -> None:
    task, given = module("point_matching").task, torch.zeros(2, 3, 8, 8)
    target = drawn_target(task, given, torch.tensor(1))
    height, width = target.shape[:2]
    dark = target.max(axis=-1)[1:-1, 1:-1] < 100
    assert dark[:, width // 2 :].all()
    assert not dark[:, : width // 2 - 2].any()
    even = drawn_output(task, given, torch.zeros(2)).max(axis=-1) < 100
    assert abs(even[:, 5].sum() - height / 2) <= 2
    assert abs(even[:, -5].sum() - height / 2) <= 2


def test_a_drawing_that_does_not_fit_names_the_task() -> None:
    task = replace(module("depth_zbuffer").task, name="mine", drawing="normals")
    with pytest.raises(InputError, match=r"task mine: cannot be drawn as normals: expected 3 channels"):
        drawn_target(task, torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4))


def test_many_numbers_and_many_channels_of_ones_own() -> None:
    many: Task = replace(module("room_layout").task, name="mine")
    assert drawn_output(many, torch.zeros(1, 3, 4, 4), torch.randn(500)).ndim == 3
    given = torch.linspace(-1, 1, 5)[None, :, None, None].expand(1, 5, 4, 4)
    assert drawn_input(many, given)[0, 0].tolist() == [0, 64, 128]
