import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.synthetic.rooms.bending import Waves, cut
from lightning_taskonomy.synthetic.rooms.mouldings import beads, cornice, rail, skirting
from lightning_taskonomy.synthetic.rooms.shapes import (
    Floats,
    Shape,
    box,
    extruded,
    grid_panel,
    revolved,
    sphere,
)


def area(shape: Shape) -> float:
    first, second = shape.corners[:, 1] - shape.corners[:, 0], shape.corners[:, 2] - shape.corners[:, 0]
    return float(np.linalg.norm(np.cross(first, second), axis=1).sum() / 2)


def flat_normals(shape: Shape) -> Floats:
    first, second = shape.corners[:, 1] - shape.corners[:, 0], shape.corners[:, 2] - shape.corners[:, 0]
    cross = np.cross(first, second)
    return np.asarray(cross / np.linalg.norm(cross, axis=1, keepdims=True))


def curvatures_by_differences(waves: Waves, point: Floats, first: Floats, second: Floats) -> Floats:
    """Principal curvatures (positive if convex) of the bent plane at a point, by finite differences."""
    step = 1e-4

    def at(u: float, v: float) -> Floats:
        place = (point + u * first + v * second)[None]
        return np.asarray((place + waves.shift(place))[0])

    middle = at(0, 0)
    du, dv = (at(step, 0) - at(-step, 0)) / (2 * step), (at(0, step) - at(0, -step)) / (2 * step)
    duu = (at(step, 0) - 2 * middle + at(-step, 0)) / step**2
    dvv = (at(0, step) - 2 * middle + at(0, -step)) / step**2
    duv = (at(step, step) - at(step, -step) - at(-step, step) + at(-step, -step)) / (4 * step**2)
    normal = np.cross(du, dv)
    normal /= np.linalg.norm(normal)
    metric = np.array([[du @ du, du @ dv], [du @ dv, dv @ dv]])
    form = -np.array([[normal @ duu, normal @ duv], [normal @ duv, normal @ dvv]])
    return np.asarray(np.sort(np.linalg.eigvals(np.linalg.solve(metric, form)).real)[::-1])


def test_a_bent_plane_has_the_normals_and_curvatures_of_its_surface() -> None:
    waves = Waves.drawn(np.random.default_rng(3), 0.4, 0.9, 1.5)
    first, second = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    plane = grid_panel([0, 2.0, 0], first, second, 0.1)
    fine = cut(plane, waves.longest_edge_m)
    bent = waves.bent(plane)
    assert np.abs(bent.curvature).max() > 0.3
    for row in range(0, len(fine.corners), 7):
        expected = curvatures_by_differences(waves, fine.corners[row, 0], first, second)
        np.testing.assert_allclose(bent.curvature[row, 0], expected, atol=2e-3)
    finest = waves.bent(grid_panel([0, 2.0, 0], first, second, 0.004))
    between = finest.normals.mean(1)
    cosine = (flat_normals(finest) * between).sum(1) / np.linalg.norm(between, axis=1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.1


def test_bent_cylinders_and_spheres_keep_their_curvature_except_for_the_waves() -> None:
    waves = Waves.drawn(np.random.default_rng(4), 0.5, 0.9, 0.05)
    pipe = waves.bent(revolved([[0.05, 0.0], [0.05, 0.1], [0.05, 0.2]], 40))
    np.testing.assert_allclose(pipe.curvature[..., 0], 20, rtol=0.02)
    assert np.abs(pipe.curvature[..., 1]).max() < 0.1
    ball = waves.bent(sphere(0.1, 40))
    np.testing.assert_allclose(ball.curvature, 10, rtol=0.02)


def test_a_bent_cylinder_has_the_curvature_of_its_surface() -> None:
    """Against differences of the parametrised cylinder, where the field is as curved as the cylinder."""
    waves = Waves.drawn(np.random.default_rng(5), 0.3, 0.6, 3.0)
    radius, step = 0.25, 1e-4
    bent = waves.bent(revolved(np.column_stack([np.full(9, radius), np.linspace(0, 0.4, 9)]), 160))
    fine = cut(revolved(np.column_stack([np.full(9, radius), np.linspace(0, 0.4, 9)]), 160), 1.0)
    for row in range(0, len(fine.corners), 501):
        x, y, z = fine.corners[row, 0]
        turn = np.arctan2(y, x)

        def at(u: float, v: float, turn: float = turn, z: float = z) -> Floats:
            around = turn + u / radius
            place = np.array([[radius * np.cos(around), radius * np.sin(around), z + v]])
            return np.asarray((place + waves.shift(place))[0])

        du, dv = (at(step, 0) - at(-step, 0)) / (2 * step), (at(0, step) - at(0, -step)) / (2 * step)
        duu = (at(step, 0) - 2 * at(0, 0) + at(-step, 0)) / step**2
        dvv = (at(0, step) - 2 * at(0, 0) + at(0, -step)) / step**2
        duv = (at(step, step) - at(step, -step) - at(-step, step) + at(-step, -step)) / (4 * step**2)
        normal = np.cross(du, dv) / np.linalg.norm(np.cross(du, dv))
        metric = np.array([[du @ du, du @ dv], [du @ dv, dv @ dv]])
        form = -np.array([[normal @ duu, normal @ duv], [normal @ duv, normal @ dvv]])
        expected = np.sort(np.linalg.eigvals(np.linalg.solve(metric, form)).real)[::-1]
        np.testing.assert_allclose(bent.curvature[row, 0], expected, atol=0.1)
        np.testing.assert_allclose(bent.normals[row, 0], normal, atol=1e-3)


_SIDES = st.floats(0.05, 2.0)


@settings(max_examples=20, deadline=None)
@given(st.tuples(_SIDES, _SIDES, _SIDES), st.floats(0.1, 0.6))
def test_subdivided_shapes_are_the_same_surface_without_gaps(
    sides: tuple[float, float, float], longest: float
) -> None:
    whole = box(*sides, bevel=0.01)
    fine = cut(whole, longest)
    edges = np.linalg.norm(fine.corners[:, [1, 2, 0]] - fine.corners, axis=-1)
    assert edges.max() <= longest * (1 + 1e-5)
    assert area(fine) == pytest.approx(area(whole), rel=1e-9)
    # A closed surface: every edge occurs once in each direction.
    ends = np.round(fine.corners, 7)
    keys, counts = np.unique(
        np.concatenate([np.concatenate([ends[:, a], ends[:, b]], 1) for a, b in ((0, 1), (1, 2), (2, 0))]),
        axis=0,
        return_counts=True,
    )
    forward = {tuple(key): count for key, count in zip(keys.tolist(), counts.tolist(), strict=True)}
    assert all(forward.get((*key[3:], *key[:3])) == count for key, count in forward.items())


@pytest.mark.parametrize("shape", [skirting(1.0, 0.1), cornice(1.0, 0.08), rail(1.0), beads(1.0, 0.9, 0.08)])
def test_mouldings_face_the_room_with_the_normals_of_their_triangles(shape: Shape) -> None:
    assert (flat_normals(shape)[:, 1] < 0.2).all()
    assert ((flat_normals(shape) * shape.normals.mean(1)).sum(1) > 0.95).all()


def test_an_extruded_half_circle_is_as_curved_as_its_circle() -> None:
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    bar = extruded(np.column_stack([0.1 * np.cos(turn), 0.1 * np.sin(turn)]), 0.5, 0.1)
    np.testing.assert_allclose(bar.curvature[..., 0], 10, rtol=0.06)
    assert (bar.curvature[..., 1] == 0).all()
    np.testing.assert_allclose(bar.normals[..., 1:], bar.corners[..., 1:] / 0.1, atol=0.03)
