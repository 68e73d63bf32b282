"""Augmentation of photos and labels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.switching.data import photometry
from lightning_taskonomy.switching.data.geometry import Movement
from lightning_taskonomy.switching.data.transforms import Transforms
from lightning_taskonomy.tasks.pascal_nyud import UNKNOWN

SIZE = 64


def disc(row: float, column: float, radius: float = 5) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 < radius**2, np.uint8)


def centre(flags: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(flags == 1)
    return float(rows.mean()), float(columns.mean())


@given(
    flipped=st.booleans(),
    scale=st.floats(0.6, 1.4),
    degrees=st.floats(-30, 30),
    right=st.floats(-0.1, 0.1),
    down=st.floats(-0.1, 0.1),
)
@settings(max_examples=50, deadline=None)
def test_a_mark_goes_where_the_movement_says(
    flipped: bool, scale: float, degrees: float, right: float, down: float
) -> None:
    movement = Movement(flipped, scale, degrees, (right, down))
    found = centre(movement.label(disc(28, 40), "classes", SIZE))
    # Right and down from the centre, rotated counter-clockwise as seen in the image.
    x, y = (40 - 31.5) * (-1 if flipped else 1), 28 - 31.5
    turn = math.radians(degrees)
    x, y = (
        scale * (math.cos(turn) * x + math.sin(turn) * y),
        scale * (math.cos(turn) * y - math.sin(turn) * x),
    )
    assert found == pytest.approx((31.5 + y + down * SIZE, 31.5 + x + right * SIZE), abs=0.8)


@pytest.mark.parametrize(("flipped", "degrees"), [(False, 20.0), (True, 0.0), (True, -15.0)])
def test_normals_turn_with_the_picture(flipped: bool, degrees: float) -> None:
    """A cone's normals point away from its tip, however the image is rotated."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - 31.5
    distance = np.hypot(rows, columns)
    # One side of the cone is flatter, so that a rotation shows.
    height = 1 + 0.5 * (columns > 0)
    cone = np.stack([columns / distance, rows / distance, height], axis=-1).astype(np.float32)
    cone /= np.linalg.norm(cone, axis=-1, keepdims=True)
    moved = Movement(flipped, 1.0, degrees).label(cone, "normals", SIZE)
    inner = (distance < 25) & (distance > 6)
    along = (moved[..., 0] * columns + moved[..., 1] * rows) / distance
    across = moved[..., 0] * rows / distance - moved[..., 1] * columns / distance
    assert float(np.abs(across[inner]).max()) < 0.15
    assert float(along[inner].min()) > 0.4
    np.testing.assert_allclose(np.linalg.norm(moved[inner], axis=-1), 1, atol=1e-5)


def test_unknown_normals_and_depths_stay_unknown() -> None:
    normals = np.zeros((SIZE, SIZE, 3), np.float32)
    normals[:32, :, 2] = 1
    depth = np.where(np.arange(SIZE)[:, None] < 32, 3.0, 0.0).repeat(SIZE, axis=1).astype(np.float32)
    movement = Movement(scale=0.5)
    found = movement.label(normals, "normals", SIZE)
    lengths = np.linalg.norm(found, axis=-1)
    assert set(np.unique(lengths.round(5))) == {0.0, 1.0}
    assert lengths.sum() == pytest.approx(32 * 16, rel=0.05)
    assert set(np.unique(movement.label(depth, "depth", SIZE))) == {0.0, 3.0}


def test_resizing_gives_up_proportions() -> None:
    wide = np.zeros((20, 80, 3), np.uint8)
    wide[:, 40:] = 255
    labels = {"rgb": wide, "semseg": wide[..., 0] // 255}
    made = Transforms(SIZE).for_evaluation(labels, {"semseg": "classes"})
    assert made["rgb"].shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(made["semseg"], (np.arange(SIZE) >= 32)[None].repeat(SIZE, axis=0))


@pytest.mark.parametrize(("preset", "outside"), [("reference", 0), ("improved", UNKNOWN)])
def test_what_stands_beyond_the_border(preset: str, outside: int) -> None:
    labels = {"rgb": np.full((SIZE, SIZE, 3), 200, np.uint8), "semseg": np.ones((SIZE, SIZE), np.uint8)}
    seen: set[int] = set()
    for seed in range(20):
        made = Transforms(SIZE, preset).for_training(  # type: ignore[arg-type]
            labels, {"semseg": "classes"}, np.random.default_rng(seed)
        )
        seen |= set(np.unique(made["semseg"]).tolist())
    assert seen == {1, outside}


def test_surfaces_are_turned_and_photos_of_them_keep_their_light() -> None:
    grey = np.full((SIZE, SIZE, 3), 128, np.uint8)
    normals = np.zeros((SIZE, SIZE, 3), np.float32)
    normals[..., 0] = 1
    degrees = []
    for seed in range(200):
        made = Transforms(SIZE).for_training(
            {"rgb": grey, "normals": normals}, {"normals": "normals"}, np.random.default_rng(seed)
        )
        assert set(np.unique(made["rgb"][24:40, 24:40])) == {128}
        x, y = made["normals"][32, 32, :2]
        degrees.append(math.degrees(math.atan(-y / x)))
    assert -20.01 <= min(degrees) < -17
    assert 17 < max(degrees) <= 20.01


CHANGES = [
    photometry.noise,
    photometry.local_contrast,
    photometry.brightness,
    photometry.gamma,
    photometry.sharpen,
    photometry.blur,
    photometry.motion_blur,
    photometry.contrast,
    photometry.hue_and_saturation,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_leaves_a_photo_like_the_one_before(change: photometry.Change) -> None:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = np.stack([rows, columns, 0.5 + 0.5 * np.sin(9 * rows * columns)], axis=-1)
    photo = np.rint(40 + 170 * waves).astype(np.uint8)
    before = photo.copy()
    for _ in range(5):
        made = change(photo, random)
        assert made.shape == photo.shape
        assert made.dtype == np.uint8
        assert not np.array_equal(made, photo)
        assert float(np.abs(made.astype(int) - photo).mean()) < 60
    np.testing.assert_array_equal(photo, before)


def test_changes_of_brightness_and_blur_are_their_formulas() -> None:
    random = np.random.default_rng(3)
    photo = random.integers(60, 190, (9, 9, 3)).astype(np.uint8)
    share = np.random.default_rng(5).uniform(-0.2, 0.2)
    found = photometry.brightness(photo, np.random.default_rng(5))
    np.testing.assert_array_equal(found, np.rint(photo + 255 * share).astype(np.uint8))
    blurred = photometry.blur(photo, random)
    expected = photo[3:6, 3:6].reshape(9, 3).mean(axis=0)
    np.testing.assert_allclose(blurred[4, 4], expected, atol=1)
