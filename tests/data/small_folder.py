"""A small folder of images with every label, made with Pillow and numpy from the table of domains alone."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.data.domains import DOMAINS

SIZE = 24


def label_file(root: Path, building: str, point: int, view: int, domain: str, original: bool = False) -> Path:
    folder = root / building / domain if original else root / domain / building
    return folder / f"point_{point}_view_{view}_domain_{domain}.{DOMAINS[domain].suffix}"


def make_folder(
    root: Path,
    buildings: Sequence[str] = ("ash", "birch", "cedar"),
    points: int = 2,
    views: int = 2,
    domains: Sequence[str] = tuple(DOMAINS),
    size: int = SIZE,
    original: bool = False,
) -> Path:
    for number, building in enumerate(buildings):
        for point in range(points):
            for view in range(views):
                random = np.random.default_rng([number, point, view])
                for domain in domains:
                    path = label_file(root, building, point, view, domain, original)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _write(path, domain, size, random, point, view)
    return root


def _write(path: Path, domain: str, size: int, random: np.random.Generator, point: int, view: int) -> None:
    if domain == "point_info":
        path.write_text(json.dumps(point_record(point, view, size)))
    elif DOMAINS[domain].suffix == "npy":
        values = random.random(DOMAINS[domain].channels, dtype=np.float32)
        np.save(path, values / values.sum())
    else:
        Image.fromarray(picture(domain, size, random)).save(path)


def picture(domain: str, size: int, random: np.random.Generator) -> npt.NDArray[np.uint8 | np.uint16]:
    if DOMAINS[domain].bits == 16:
        far = 2000 if domain == "depth_euclidean" else 0
        values = (random.integers(500, 1500, (size, size)) + far).astype(np.uint16)
        if domain.startswith("depth"):
            values[:2] = 65535
        return values
    if domain == "mask_valid":
        return np.where(np.arange(size)[:, None] < 2, 0, 255).astype(np.uint8).repeat(size, axis=1)
    shape = (size, size, 3) if DOMAINS[domain].channels == 3 else (size, size)
    top = 18 if domain == "segment_semantic" else 256
    return random.integers(0, top, shape, dtype=np.uint8)


def point_record(point: int, view: int, size: int) -> dict[str, object]:
    axes = {"x": [0.0, 0.0, -1.0], "y": [-1.0, 0.0, 0.0], "z": [0.0, 1.0, 0.0]}
    return {
        "camera_uuid": f"{view:04d}",
        "point_uuid": str(point),
        "view_id": view,
        "camera_location": [1.0, 2.0, 1.5],
        "camera_rotation_final": [1.5, 0.0, 0.3],
        "camera_rotation_original": [1.57, 0.0, 0.3],
        "camera_rotation_from_original_to_final": [-0.07, 0.0, 0.0],
        "point_location": [3.0, 2.5, 1.0],
        "point_normal": [-1.0, 0.0, 0.0],
        "point_pitch": -0.2,
        "obliqueness_angle": 0.4,
        "camera_distance": 2.1,
        "field_of_view_rads": 1.2,
        "resolution": size,
        "room": "kitchen_1",
        "bounding_box_ranges": {axis: [0.0, 4.0] for axis in "xyz"},
        "vanishing_points_gaussian_sphere": axes,
        "vanishing_points_image": {axis: [10.0, 1e9] for axis in "xyz"},
        "nonfixated_points_in_view": [1],
    }
