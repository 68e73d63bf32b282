"""The labels of rendered rooms are geometrically consistent, as read from the files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage import filters

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import ViewName, label_path
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.synthetic.rooms.furnishing import KINDS
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENE_PLACES

Floats = NDArray[np.float64]
Labels = Mapping[str, Any]

SIDE = 128
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rooms")
    words = ["--buildings", "2", "--points", "4", "--views", "3", "--size", str(SIDE), "--seed", "5"]
    assert main(["data", "rooms", "--out", str(root), *words, "--workers", "2"]) == 0
    return root


@pytest.fixture(scope="module")
def views(folder: Path) -> dict[ViewName, Labels]:
    found = DataFolder.open(folder)
    return {
        view: {domain: read(path) for domain, path in labels.items()}
        for building in found.buildings
        for view, labels in found.labels(building).items()
    }


def read(path: Path) -> Any:  # noqa: ANN401 - a picture, a vector or a record
    if path.suffix == ".json":
        return json.loads(path.read_text())
    return np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.asarray(Image.open(path))


def focal(info: Mapping[str, Any]) -> float:
    return float(0.5 * SIDE / np.tan(0.5 * info["field_of_view_rads"]))


def rays(info: Mapping[str, Any]) -> Floats:
    """Directions of the pixels: right, down, ahead; (H, W, 3)."""
    steps = (np.arange(SIDE) + 0.5 - 0.5 * SIDE) / focal(info)
    return np.dstack([*np.meshgrid(steps, steps), np.ones((SIDE, SIDE))])


def rotation(info: Mapping[str, Any]) -> Floats:
    """Camera to world, the camera looking along −z with y up, as Blender's."""
    return np.asarray(Rotation.from_euler("xyz", info["camera_rotation_final"]).as_matrix())


def test_every_view_has_every_label_in_its_format(folder: Path, views: dict[ViewName, Labels]) -> None:
    assert len(views) == 2 * 4 * 3
    for labels in views.values():
        assert set(labels) == set(DOMAINS)
        for name, domain in DOMAINS.items():
            if domain.suffix == "png":
                shape = (SIDE, SIDE, 3) if domain.channels == 3 else (SIDE, SIDE)
                assert labels[name].shape == shape
                assert labels[name].dtype == (np.uint16 if domain.bits == 16 else np.uint8)
    assert main(["data", "check", str(folder)]) == 0


def test_distance_and_depth_agree_through_the_camera(views: dict[ViewName, Labels]) -> None:
    for labels in views.values():
        valid = labels["mask_valid"] == 255
        assert ((labels["depth_zbuffer"] == 65535) == ~valid).all()
        expected = labels["depth_zbuffer"] * np.linalg.norm(rays(labels["point_info"]), axis=-1)
        assert np.abs(expected - labels["depth_euclidean"])[valid].max() <= 2


def test_normals_of_the_depth_are_the_normals(views: dict[ViewName, Labels]) -> None:
    angles = []
    for labels in views.values():
        depth = labels["depth_zbuffer"] / 512
        points = rays(labels["point_info"]) * depth[..., None]
        across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
        normals = np.cross(down, across)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        stored = (labels["normal"].astype(float) - 127) / 127
        jump = ndimage.maximum_filter(depth, 5) - ndimage.minimum_filter(depth, 5) > 0.06 * depth
        turn = sum(
            ndimage.maximum_filter(axis, 5) - ndimage.minimum_filter(axis, 5)
            for axis in stored.transpose(2, 0, 1)
        )
        flat = ~jump & (turn < 0.1) & (labels["mask_valid"] == 255) & (depth < 4)
        cosine = np.clip((normals * stored).sum(axis=-1)[flat], -1, 1)
        angles.append(np.degrees(np.arccos(cosine)))
    together = np.concatenate(angles)
    assert len(together) > 20_000
    assert np.median(together) < 3
    assert together.mean() < 6


def test_occlusion_edges_and_reshading_are_those_of_the_stored_depths(views: dict[ViewName, Labels]) -> None:
    strongest = 0
    for labels in views.values():
        depth = labels["depth_zbuffer"].astype(float)
        edges = 65535 * SIDE / 512 * filters.sobel(np.sqrt(depth) / 256, labels["mask_valid"] == 255)
        assert np.abs(labels["edge_occlusion"] - edges).max() < 0.51
        strongest = max(strongest, int(labels["edge_occlusion"].max()))
        ahead = rays(labels["point_info"])
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        cosine = -(ahead * (labels["normal"].astype(float) - 127) / 127).sum(axis=-1)
        distance = labels["depth_euclidean"] / 512
        grey = 255 * np.clip(1.6 * cosine * 8 / (8 + distance**2), 0, 1)
        grey[labels["mask_valid"] == 0] = 0
        assert np.abs(labels["reshading"][..., 0] - grey).max() < 4  # normals are stored in 1/127
    assert strongest > 500


def test_a_point_lies_on_the_same_surface_in_all_its_views(views: dict[ViewName, Labels]) -> None:
    for view, labels in views.items():
        info = labels["point_info"]
        seen = rotation(info).T @ (np.array(info["point_location"]) - info["camera_location"])
        depth = -seen[2]
        column = 0.5 * SIDE + focal(info) * seen[0] / depth
        row = 0.5 * SIDE - focal(info) * seen[1] / depth
        assert (column, row) == pytest.approx((SIDE / 2, SIDE / 2), abs=1.0)
        around = labels["depth_zbuffer"][int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2] / 512
        assert around.min() - 0.03 <= depth <= around.max() + 0.03, view
        assert info["camera_distance"] == pytest.approx(np.linalg.norm(seen))
        siblings = [other for other in views if (other.building, other.point) == (view.building, view.point)]
        assert len(siblings) == 3
        assert all(
            views[other]["point_info"]["point_location"] == info["point_location"] for other in siblings
        )


def test_vanishing_points_are_the_worlds_axes_in_the_camera(views: dict[ViewName, Labels]) -> None:
    for labels in views.values():
        info = labels["point_info"]
        stored = np.array([info["vanishing_points_gaussian_sphere"][axis] for axis in "xyz"])
        np.testing.assert_allclose(stored @ stored.T, np.eye(3), atol=1e-9)
        axes = rotation(info)
        # The world is turned by quarters, to view within 45 degrees of -x; up to that, the same axes.
        np.testing.assert_allclose(stored[2], axes[2], atol=1e-9)
        alike = np.abs(stored[:2] @ axes[:2].T).round(9)
        assert sorted(alike.ravel().tolist()) == [0, 0, 1, 1]
        assert stored[0] @ [0, 0, 1] >= abs(stored[1] @ [0, 0, 1]) - 1e-9


def test_labels_of_classes_are_distributions_and_ids(views: dict[ViewName, Labels]) -> None:
    seen: set[int] = set()
    for labels in views.values():
        assert labels["class_scene"].shape == (365,)
        assert labels["class_scene"].sum() == pytest.approx(1, abs=1e-4)
        # The camera's own room has most of it; among the 63 kinds, none is impossible, and no others are.
        assert SCENE_CLASSES[SCENE_PLACES.index(int(labels["class_scene"].argmax()))] in KINDS
        assert set(np.flatnonzero(labels["class_scene"])) == set(SCENE_PLACES)
        assert np.isfinite(labels["class_object"]).all()
        seen |= set(np.unique(labels["segment_semantic"]).tolist())
    assert seen <= set(range(18))
    assert len(seen) >= 5


def test_images_are_neither_black_nor_flat(views: dict[ViewName, Labels]) -> None:
    spreads = [labels["rgb"].astype(float).std() for labels in views.values()]
    assert np.median(spreads) > 25
    assert np.median([labels["rgb"].mean() for labels in views.values()]) > 40


def test_the_same_seed_gives_the_same_files_for_any_number_of_workers(folder: Path, tmp_path: Path) -> None:
    words = ["--buildings", "1", "--points", "4", "--views", "3", "--size", str(SIDE), "--seed", "5"]
    assert main(["data", "rooms", "--out", str(tmp_path), *words, "--workers", "1"]) == 0
    found = DataFolder.open(tmp_path)
    for building in found.buildings:
        for labels in found.labels(building).values():
            for path in labels.values():
                assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path.name


def test_finished_views_are_kept_after_a_restart(folder: Path) -> None:
    building = DataFolder.open(folder).buildings[0]
    kept = label_path(folder, "rgb", building, 0, 0)
    before = kept.stat().st_mtime_ns
    label_path(folder, "point_info", building, 1, 0).unlink()
    words = ["--buildings", "2", "--points", "4", "--views", "3", "--size", str(SIDE), "--seed", "5"]
    assert main(["data", "rooms", "--out", str(folder), *words]) == 0
    assert kept.stat().st_mtime_ns == before
    assert label_path(folder, "point_info", building, 1, 0).exists()
