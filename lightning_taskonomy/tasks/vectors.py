"""Labels per picture: class distributions and vanishing points."""

from collections.abc import Sequence

import numpy as np

from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.task import Example, ViewLabels


def read_object_classes(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Soft labels over 1,000 classes: the softmax of the stored logits."""
    logits = np.asarray(views[0]["class_object"], np.float64)
    shares = np.exp(logits - logits.max())
    return Example(colour_input(views[0]["rgb"], size)[None], (shares / shares.sum()).astype(np.float32))


def read_scene_classes(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Soft labels over 63 classes: the stored probabilities, renormalised."""
    shares = np.asarray(views[0]["class_scene"], np.float64)
    if shares.min() < 0 or shares.sum() <= 0:
        raise ValueError("expected probabilities")
    return Example(colour_input(views[0]["rgb"], size)[None], (shares / shares.sum()).astype(np.float32))


def read_vanishing_points(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """The world's axes in the camera, the world turned to a view within 45 degrees of +x; (9,)."""
    sphere = views[0]["point_info"]["vanishing_points_gaussian_sphere"]
    vectors = np.array([sphere[axis] for axis in "xyz"], np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if vectors.shape != (3, 3) or not (np.abs(lengths - 1) < 1e-3).all():
        raise ValueError("expected three unit vectors")
    return Example(colour_input(views[0]["rgb"], size)[None], vectors.ravel().astype(np.float32))
