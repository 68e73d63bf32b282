"""Soft labels of a whole view: visible ImageNet objects, and the scene class.

Taskonomy distils both from networks; here they are computed exactly from the visible surfaces.
"""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.synthetic.render.scene import Scene
from lightning_taskonomy.synthetic.render.surfaces import Surfaces
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENE_PLACES, SCENES_IN_FILES

Floats = npt.NDArray[np.float32]

OBJECT_CLASSES = 1000
_LEAST_SHARE = 0.02
"""Probability spread over all object classes, as in a network's predictions."""

_RELATED: dict[str, dict[str, float]] = {
    "living_room": {"television_room": 0.12, "home_theater": 0.05, "recreation_room": 0.03},
    "bedroom": {"bedchamber": 0.12, "hotel_room": 0.06, "dorm_room": 0.02},
    "childs_room": {"nursery": 0.1, "playroom": 0.08, "bedroom": 0.06},
    "kitchen": {"restaurant_kitchen": 0.06, "wet_bar": 0.04, "pantry": 0.03},
    "dining_room": {"living_room": 0.08, "kitchen": 0.04},
    "bathroom": {"shower": 0.1, "dressing_room": 0.02},
    "home_office": {"office": 0.14, "computer_room": 0.06, "office_cubicles": 0.03},
    "utility_room": {"laundromat": 0.12, "storage_room": 0.1},
    "corridor": {"lobby": 0.06, "elevator/door": 0.04, "staircase": 0.04},
}
"""Similar scene classes of each kind of room; the kind itself has the remaining probability."""

_SPREAD = 0.05
_EVERY = 13
"""Every this many-th visible surface is assigned to a room."""


def class_object(scene: Scene, surfaces: Surfaces) -> Floats:
    """Logits (1000): logarithms of the visible objects' fractions of the area."""
    instances = scene.triangles.instance[surfaces.face[surfaces.seen]]
    classes = scene.object_classes[instances]
    areas = np.bincount(classes[classes >= 0], minlength=OBJECT_CLASSES).astype(np.float64)
    total = areas.sum()
    known = areas / total if total else np.full(OBJECT_CLASSES, 1 / OBJECT_CLASSES)
    return np.log((1 - _LEAST_SHARE) * known + _LEAST_SHARE / OBJECT_CLASSES).astype(np.float32)


def class_scene(scene: Scene, surfaces: Surfaces, room: int) -> Floats:
    """Probabilities (365): half for the camera's room, half for the visible rooms, softened by similarity.

    Only the 63 scenes of Places-365 that Taskonomy keeps are non-zero.

    Raises:
        ValueError: a room has no scene class.
    """
    shares = np.zeros(len(scene.rooms))
    shares[room] = 0.5
    visible = surfaces.position[surfaces.seen][::_EVERY]
    for index, other in enumerate(scene.rooms):
        inside = ((visible > np.array(other.low) - 0.1) & (visible < np.array(other.high) + 0.1)).all(1)
        shares[index] += 0.5 * float(inside.mean()) if len(visible) else 0.0
    shares /= shares.sum()
    label = np.full(len(SCENE_CLASSES), _SPREAD / len(SCENE_CLASSES))
    for index, other in enumerate(scene.rooms):
        if other.scene_class is None:
            raise ValueError(f"{other.name}: this room has no scene class")
        related = _RELATED.get(other.scene_class, {})
        weight = (1 - _SPREAD) * shares[index]
        label[SCENE_CLASSES.index(other.scene_class)] += weight * (1 - sum(related.values()))
        for name, share in related.items():
            label[SCENE_CLASSES.index(name)] += weight * share
    stored = np.zeros(SCENES_IN_FILES, np.float32)
    stored[list(SCENE_PLACES)] = label
    return stored
