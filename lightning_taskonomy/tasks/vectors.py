"""Labels per image: class distributions, vanishing points, the layout of the room."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.tasks.class_tables import (
    SCENE_CLASSES,
    SCENE_PLACES,
    SCENES_IN_FILES,
    SELECTED_OBJECTS,
)
from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.room_box import room_box
from lightning_taskonomy.tasks.rotations import (
    euler_from_rotation,
    facing_between_x_and_y,
    facing_x,
    rotation_from_euler,
)
from lightning_taskonomy.tasks.task import Example, ViewLabels


def read_object_classes(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Soft labels over 1,000 classes: the softmax of the stored logits."""
    return Example((colour_input(views[0]["rgb"], size),), _softmax(views[0]["class_object"]))


def read_selected_classes(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Soft labels over 100 of the classes: the softmax of their logits alone."""
    shares = _softmax(np.asarray(views[0]["class_object"])[list(SELECTED_OBJECTS)])
    return Example((colour_input(views[0]["rgb"], size),), shares)


def read_scene_classes(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Soft labels over 63 classes, renormalised from 365 or 63 stored probabilities.

    Raises:
        ValueError: the number of values is wrong, or they are not probabilities.
    """
    shares = np.asarray(views[0]["class_scene"], np.float64)
    if shares.shape == (SCENES_IN_FILES,):
        shares = shares[list(SCENE_PLACES)]
    if shares.shape != (len(SCENE_CLASSES),):
        raise ValueError(f"expected {SCENES_IN_FILES} or {len(SCENE_CLASSES)} values, found {shares.shape}")
    if not (shares.min() >= 0 and 0 < shares.sum() < np.inf):
        raise ValueError("expected probabilities")
    return Example((colour_input(views[0]["rgb"], size),), (shares / shares.sum()).astype(np.float32))


def read_vanishing_points(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The world's x, y and z axes in camera coordinates, (9,), with the view rotated to between +x and +y.

    They are computed from the camera's rotation: the axes in the records are of a world rotated differently,
    and some records lack them.
    """
    turned = facing_between_x_and_y(rotation_from_euler(views[0]["point_info"]["camera_rotation_final"]))
    return Example((colour_input(views[0]["rgb"], size),), turned.rotation.ravel().astype(np.float32))


def read_room_layout(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The room's box, with the world rotated so that the view is within 45° of +x; (9,).

    Centre in camera coordinates (3, metres), Euler angles of the camera (3, radians), size (3, metres).
    """
    info = views[0]["point_info"]
    ranges = room_box(info)
    rotation = rotation_from_euler(info["camera_rotation_final"])
    centre = rotation.T @ (ranges.mean(axis=1) - np.asarray(info["camera_location"], np.float64))
    turned = facing_x(rotation)
    sides = ranges[:, 1] - ranges[:, 0]
    if turned.quarters % 2:
        sides = sides[[1, 0, 2]]
    layout = np.concatenate([centre, euler_from_rotation(turned.rotation), sides])
    return Example((colour_input(views[0]["rgb"], size),), layout.astype(np.float32))


def _softmax(logits: npt.ArrayLike) -> npt.NDArray[np.float32]:
    values = np.asarray(logits, np.float64)
    shares = np.exp(values - values.max())
    return np.asarray(shares / shares.sum(), np.float32)
