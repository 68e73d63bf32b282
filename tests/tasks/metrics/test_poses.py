import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.metrics import PoseError
from lightning_taskonomy.tasks.task import Standard
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    result,
)

STANDARD = Standard((0.1, -0.2, 0.3, 1.0, -2.0, -4.0), (1.02, 0.66, 1.04, 5.8, 1.4, 7.4))
PLAIN = Standard((0.0,) * 6, (1.0,) * 6)
BATCH: Batch = (normal(6, 6), normal(6, 6, seed=1), None)


@pytest.mark.parametrize("poses", [1, 3])
def test_against_scipy(poses: int) -> None:
    output, target = normal(6, 6 * poses), normal(6, 6 * poses, seed=1)
    raw = [
        values.double().numpy().reshape(-1, 6) * STANDARD.deviation + STANDARD.mean
        for values in (output, target)
    ]
    turns = [Rotation.from_euler("xyz", poses[:, :3]) for poses in raw]
    degrees = np.degrees((turns[0] * turns[1].inv()).magnitude())
    metres = np.linalg.norm(raw[0][:, 3:] - raw[1][:, 3:], axis=1)
    found = result(partial(PoseError, STANDARD.repeated(poses)), (output, target, None))
    assert found == pytest.approx(
        {"rotation_degrees": degrees.mean(), "translation_metres": metres.mean()}, rel=1e-6
    )


@settings(max_examples=50)
@given(st.floats(0, 179.9), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_a_turn_is_its_angle_wherever_it_starts(degrees: float, start: list[float]) -> None:
    first = Rotation.from_euler("xyz", start)
    second = first * Rotation.from_rotvec(np.array([0.6, 0.0, 0.8]) * math.radians(degrees))
    angles = np.stack([turn.as_euler("xyz", suppress_warnings=True) for turn in (first, second)])
    poses = torch.from_numpy(np.concatenate([angles, np.zeros((2, 3))], axis=1))
    found = result(partial(PoseError, PLAIN), (poses[:1], poses[1:], None))
    assert found["rotation_degrees"] == pytest.approx(degrees, abs=1e-4)


def test_angles_a_full_turn_apart_are_the_same() -> None:
    pose = torch.zeros(1, 6)
    turned = pose.clone()
    turned[0, 2] = 2 * math.pi
    found = result(partial(PoseError, PLAIN), (turned, pose, None))
    assert found["rotation_degrees"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["fixated_pose", "nonfixated_pose", "egomotion"])
def test_the_dictionarys_own_standards_fit(name: str) -> None:
    standard = task_named(name).standard
    assert standard is not None
    zeros = torch.zeros(2, len(standard.mean))
    assert result(partial(PoseError, standard), (zeros, zeros, None))["translation_metres"] == 0


def test_in_parts() -> None:
    make = partial(PoseError, STANDARD)
    assert_counts_in_parts(make, BATCH)
    assert_declares_itself(make, higher_is_better=False)
    assert_wrong_shapes_are_refused(make, BATCH)


@pytest.mark.parametrize(("numbers", "deviation"), [(5, 1.0), (6, 0.0), (0, 1.0)])
def test_invalid_standards_are_refused(numbers: int, deviation: float) -> None:
    with pytest.raises(ValueError, match="expected six means and positive deviations"):
        PoseError(Standard((0.0,) * numbers, (deviation,) * numbers))
