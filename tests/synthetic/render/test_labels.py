import numpy as np
import numpy.typing as npt
import pytest

from lightning_taskonomy.synthetic.render import labels
from lightning_taskonomy.synthetic.render.camera import Camera, looking_at
from lightning_taskonomy.synthetic.render.photo import photograph
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import Surfaces, surfaces_along

SPHERE_CENTRE = np.array([0.0, 1.5, 1.2])
SPHERE_RADIUS_M = 0.25
SIDE = 65
MIDDLE = SIDE // 2


def see(room: PreparedScene, camera: Camera) -> Surfaces:
    return surfaces_along(room, camera.location.astype(np.float32), camera.grid_directions())


@pytest.fixture
def at_the_ball() -> Camera:
    place = SPHERE_CENTRE - [0.0, 1.2, 0.0]
    return Camera(place, looking_at(place, SPHERE_CENTRE), 0.9, SIDE)


@pytest.fixture
def at_the_wall() -> Camera:
    return Camera(np.array([2.0, 0.0, 1.2]), looking_at([2.0, 0.0, 1.2], [2.0, 4.0, 1.2]), 1.0, SIDE)


def on_ball(room: PreparedScene, camera: Camera) -> npt.NDArray[np.bool_]:
    return np.asarray(labels.semantic_picture(room.scene, see(room, camera), camera) == 17)


def test_depth_of_a_sphere_is_that_of_the_formula(sphere_room: PreparedScene, at_the_ball: Camera) -> None:
    ways = at_the_ball.grid_directions().astype(np.float64)
    offset = at_the_ball.location - SPHERE_CENTRE
    a, b, c = (ways**2).sum(1), ways @ offset, offset @ offset - SPHERE_RADIUS_M**2
    root = b * b - a * c
    mask = on_ball(sphere_room, at_the_ball) & (root.reshape(SIDE, SIDE) > 1e-2)
    expected = ((-b - np.sqrt(np.maximum(root, 0))) / a).reshape(SIDE, SIDE)
    found = labels.z_depth(see(sphere_room, at_the_ball), at_the_ball)
    assert mask.sum() > 400
    assert np.abs(found - expected)[mask].max() < 2e-3


def test_a_wall_across_the_view_has_one_depth(sphere_room: PreparedScene, at_the_wall: Camera) -> None:
    surfaces = see(sphere_room, at_the_wall)
    depth = labels.z_depth(surfaces, at_the_wall)
    stored = labels.depth_picture(depth)
    assert depth[MIDDLE, MIDDLE] == pytest.approx(4.0, abs=1e-5)
    assert stored[MIDDLE, MIDDLE] == 4 * 512
    assert stored.dtype == np.uint16
    ratio = labels.distance_per_depth(at_the_wall)
    slant = np.linalg.norm(at_the_wall.grid_directions(), axis=1).reshape(SIDE, SIDE)
    assert np.allclose(ratio, slant, rtol=1e-6)


def test_pixels_without_a_surface_are_marked_in_every_label() -> None:
    depth = np.array([[np.inf, 0.5, 127.9999, 200.0]], np.float32)
    assert labels.depth_picture(depth).tolist() == [[65535, 256, 65534, 65534]]
    assert labels.normal_picture(np.zeros((1, 3), np.float32)).tolist() == [[127, 127, 127]]


def test_normals_are_right_down_and_into_the_scene(sphere_room: PreparedScene, at_the_wall: Camera) -> None:
    def colour(camera: Camera, row: int, column: int) -> list[int]:
        normals = labels.camera_normals(see(sphere_room, camera), camera)
        picture: list[int] = labels.normal_picture(normals)[row, column].tolist()
        return picture

    wide = Camera(at_the_wall.location, at_the_wall.rotation, 2.0, SIDE)
    assert colour(at_the_wall, MIDDLE, MIDDLE) == [127, 127, 0]
    assert colour(wide, SIDE - 1, MIDDLE) == [127, 0, 127]  # the floor points up
    assert colour(wide, 0, MIDDLE) == [127, 254, 127]  # the ceiling points down
    assert colour(wide, MIDDLE, SIDE - 1) == [0, 127, 127]  # the wall on the right points left


def test_normals_of_a_sphere_are_those_of_the_formula(
    sphere_room: PreparedScene, at_the_ball: Camera
) -> None:
    seen = see(sphere_room, at_the_ball)
    picture = labels.normal_picture(labels.camera_normals(seen, at_the_ball))
    outwards = (seen.position - SPHERE_CENTRE) / SPHERE_RADIUS_M
    # The world's normals in the camera's axes, then right, up, back to right, down, ahead.
    expected = (outwards @ at_the_ball.rotation * [1, -1, -1]).reshape(SIDE, SIDE, 3)
    found = (picture.astype(np.float64) - 127) / 127
    mask = on_ball(sphere_room, at_the_ball)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    assert np.degrees(np.arccos(np.clip((found * expected).sum(-1)[mask], -1, 1))).max() < 2
    assert (picture[mask][:, 2] < 127).mean() > 0.98


def test_all_visible_surfaces_face_the_camera(sphere_room: PreparedScene, at_the_ball: Camera) -> None:
    for turn in np.linspace(0, 2 * np.pi, 7):
        target = np.add(at_the_ball.location, [np.sin(turn), np.cos(turn), 0.3 * np.sin(3 * turn)])
        camera = Camera(at_the_ball.location, looking_at(at_the_ball.location, target), 1.3, SIDE)
        picture = labels.normal_picture(labels.camera_normals(see(sphere_room, camera), camera))
        steps = (np.arange(SIDE) + 0.5 - SIDE / 2) / (SIDE / 2 / np.tan(0.65))
        rays = np.dstack([*np.meshgrid(steps, steps), np.ones((SIDE, SIDE))])
        assert (((picture.astype(float) - 127) * rays).sum(-1) < 0).mean() > 0.995


def test_a_spheres_curvature_is_one_over_its_radius(sphere_room: PreparedScene, at_the_ball: Camera) -> None:
    picture = labels.curvature_picture(see(sphere_room, at_the_ball), at_the_ball)
    mask = on_ball(sphere_room, at_the_ball)
    expected = round(127 + 127 * labels.MIN_CURVATURE_RADIUS_M / SPHERE_RADIUS_M)
    assert (picture[mask][:, :2] == expected).all()
    assert (picture[~mask][:, :2] == 127).all()
    assert (picture[..., 2] == 0).all()


def test_reshading_is_that_of_the_formula(
    sphere_room: PreparedScene, at_the_wall: Camera, at_the_ball: Camera
) -> None:
    wall = labels.reshading_picture(see(sphere_room, at_the_wall), at_the_wall)
    assert wall[MIDDLE, MIDDLE].tolist() == [round(255 * 1.6 * 8 / (8 + 4.0**2))] * 3
    for camera in (at_the_wall, at_the_ball):
        seen = see(sphere_room, camera)
        rays = seen.position.astype(np.float64) - camera.location
        far = np.linalg.norm(rays, axis=1)
        cosine = np.maximum(-(rays * seen.normal).sum(1) / far, 0)
        expected = 255 * np.minimum(1, 1.6 * cosine * 8 / (8 + far**2))
        found = labels.reshading_picture(seen, camera)[..., 0].astype(float).ravel()
        assert np.abs(found - expected).max() < 0.51
    assert found.max() == 255  # the ball is so near that it is over-exposed


def test_the_curvature_of_larger_magnitude_comes_first() -> None:
    bends = np.array([[5.0, 1.0], [1.0, -5.0], [0.0, -9.0], [100.0, -2.0]], np.float32)
    blank = np.zeros((4, 3), np.float32)
    seen = Surfaces(np.zeros(4, np.int32), np.ones(4, np.float32), blank[:, :2], blank, blank, bends)
    camera = Camera(np.zeros(3), np.eye(3), 1.0, 2)
    picture = labels.curvature_picture(seen, camera).reshape(4, 3)
    as_byte = {bend: round(127 + 127 * 0.03 * bend) for bend in (5.0, 1.0, -5.0, 0.0, -9.0, -2.0)}
    first, second = [5.0, -5.0, -9.0], [1.0, 1.0, 0.0]
    assert picture[:3, 0].tolist() == [as_byte[bend] for bend in first]
    assert picture[:3, 1].tolist() == [as_byte[bend] for bend in second]
    assert picture[3].tolist() == [254, as_byte[-2.0], 0]  # cut at a radius of 0.03 m


def test_a_photo_is_darker_in_the_balls_shadow(sphere_room: PreparedScene) -> None:
    lamp = np.array(sphere_room.scene.lamps[0].position)
    through = SPHERE_CENTRE - lamp
    shadow = lamp + through * ((lamp[2] - 0.0) / (lamp[2] - SPHERE_CENTRE[2]))
    assert shadow[1] < 4.0
    place = np.array([-2.0, 0.5, 2.2])
    camera = Camera(place, looking_at(place, shadow), 0.7, SIDE)
    photo = photograph(sphere_room, camera, see(sphere_room, camera), 0).astype(float).mean(-1)
    light = (photo / 255) ** 2.2
    beside = camera.project(np.add([shadow], [0.9, 0.0, 0.0]))[0][0].astype(int)
    assert light[MIDDLE, MIDDLE] < 0.75 * light[beside[1], beside[0]]


def test_a_photo_depends_on_its_seed_only_by_noise(sphere_room: PreparedScene, at_the_ball: Camera) -> None:
    surfaces = see(sphere_room, at_the_ball)
    first = photograph(sphere_room, at_the_ball, surfaces, 1)
    again = photograph(sphere_room, at_the_ball, surfaces, 1)
    other = photograph(sphere_room, at_the_ball, surfaces, 2)
    assert (first == again).all()
    assert np.abs(first.astype(float) - other).mean() < 4
