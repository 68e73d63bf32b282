"""The tasks of PASCAL-Context and NYUD as multi-task data sets (ASTMT's releases)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torchmetrics import Metric

from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.batch_losses import (
    BalancedEdges,
    BatchLoss,
    class_cross_entropy,
    depths_and_steps_apart,
    directions_apart,
)
from lightning_taskonomy.tasks.metrics.boundaries import BoundaryF
from lightning_taskonomy.tasks.metrics.of_images import DepthOfImages, PartsIoU
from lightning_taskonomy.tasks.metrics.of_task import classes, directions
from lightning_taskonomy.tasks.metrics.saliency import SaliencyF
from lightning_taskonomy.tasks.pictures import colour_input
from lightning_taskonomy.tasks.task import Example, Pixels, Task, ViewLabels

LabelKind = Literal["classes", "flags", "normals", "depth"]
"""Class indices (H, W), 255 where unknown; values from 0 to 1 (H, W), 255 where unknown; unit normals
(H, W, 3), of length 0 where unknown; metres (H, W), 0 where unknown."""
UNKNOWN = 255
_PASCAL_DISTANCE, _NYUD_DISTANCE = 0.0075, 0.011
PASCAL_CLASSES_WITH_NORMALS = (
    3, 4, 6, 9, 10, 11, 13, 15, 17, 18, 22, 23, 29, 30, 33, 34, 36, 37, 38, 39, 41, 43, 46, 49, 50, 51, 53,
    55, 56, 59, 61, 62, 65, 66, 68, 69, 72, 73, 78, 83, 84, 85, 87, 88, 95, 96, 101, 104, 105, 107, 111, 113,
    115, 122, 124, 135, 141, 142, 143, 146, 150, 154, 157, 158, 159, 165, 172, 174, 181, 183, 184, 191, 193,
    195, 197, 199, 202, 213, 215, 216, 219, 220, 223, 225, 228, 230, 232, 233, 238, 239, 242, 243, 246, 250,
    251, 252, 255, 260, 261, 263, 269, 272, 273, 275, 281, 283, 284, 285, 286, 287, 288, 290, 291, 292, 293,
    295, 304, 307, 309, 310, 314, 315, 319, 323, 329, 330, 331, 336, 342, 345, 349, 350, 351, 352, 355, 357,
    368, 370, 371, 374, 379, 380, 383, 384, 397, 401, 403, 405, 407, 408, 411, 412, 413, 414, 417, 419, 421,
    423, 427, 429, 430, 432, 440, 441, 442, 443, 444, 446, 454, 457,
)  # fmt: skip
"""The 170 of PASCAL-Context's 459 classes whose normals are trained and evaluated in the published protocol.

They are the classes that also exist in NYUD, and monitors.
"""


@dataclass(frozen=True)
class DenseLabel:
    """Converts a label of one of the data sets to a target of the same size.

    Attributes:
        domain: Name of the label.
        kind: Meaning of its values.
        without_background: Whether class 0 is ignored and the others are renumbered from 0.
    """

    domain: str
    kind: LabelKind
    without_background: bool = False

    def __call__(self, views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
        """The example of an image whose labels have the size of the network's output."""
        target, known = self.target(views[0][self.domain])
        return Example((colour_input(views[0]["rgb"], size),), target, known)

    def target(self, label: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """The target, (H, W) or (C, H, W), and a mask of where it is known, (H, W).

        Args:
            label: The label, as described at `LabelKind`.
        """
        if self.kind == "classes":
            first = int(self.without_background)
            known = (label != UNKNOWN) & (label >= first)
            target = np.where(known, label, first) - first
        elif self.kind == "flags":
            known = label != UNKNOWN
            target = np.where(known, label, 0).astype(np.float32)[None]
        elif self.kind == "normals":
            known = np.square(label).sum(axis=-1) > 0
            target = label.transpose(2, 0, 1).astype(np.float32)
        else:
            known, target = label > 0, label.astype(np.float32)[None]
        return target, known


def parts_of_people(task: Task) -> Metric:
    """Intersection over union of parts, on images with people."""
    return PartsIoU(task.output.outputs)


def pascal_edges(task: Task) -> Metric:
    """Boundaries, matched as on PASCAL-Context."""
    return BoundaryF(_PASCAL_DISTANCE)


def nyud_edges(task: Task) -> Metric:
    """Boundaries, matched as on NYUD."""
    return BoundaryF(_NYUD_DISTANCE)


def saliency(task: Task) -> Metric:
    """Intersection over union and F of salient objects."""
    return SaliencyF()


def depths_of_images(task: Task) -> Metric:
    """Depth errors, image by image."""
    return DepthOfImages()


_classes = BatchLoss(class_cross_entropy)
_directions = BatchLoss(directions_apart)

# fmt: off
PASCAL = (
    Task("pascal_semseg", "Semantic segm.", ("semseg",), Pixels(21),
         _classes, DenseLabel("semseg", "classes"), metric=classes, drawing="classes"),
    Task("pascal_parts", "Human parts", ("parts",), Pixels(7),
         _classes, DenseLabel("parts", "classes"), metric=parts_of_people, drawing="classes"),
    Task("pascal_edge", "Edges", ("edge",), Pixels(1),
         BatchLoss(BalancedEdges(0.95)), DenseLabel("edge", "flags"), metric=pascal_edges, drawing="picture"),
    Task("pascal_normals", "Normals", ("normals",), Pixels(3),
         _directions, DenseLabel("normals", "normals"), metric=directions, drawing="normals"),
    Task("pascal_saliency", "Saliency", ("saliency",), Pixels(1),
         BatchLoss(BalancedEdges()), DenseLabel("saliency", "flags"), metric=saliency, drawing="picture"),
)
"""In the order of the published task codes."""
NYUD = (
    Task("nyud_semseg", "Semantic segm.", ("semseg",), Pixels(41),
         _classes, DenseLabel("semseg", "classes"), metric=classes, drawing="classes"),
    Task("nyud_semseg40", "Semantic segm. (40)", ("semseg",), Pixels(40),
         _classes, DenseLabel("semseg", "classes", True), metric=classes, drawing="classes"),
    Task("nyud_edge", "Edges", ("edge",), Pixels(1),
         BatchLoss(BalancedEdges(0.8)), DenseLabel("edge", "flags"), metric=nyud_edges, drawing="picture"),
    Task("nyud_normals", "Normals", ("normals",), Pixels(3),
         _directions, DenseLabel("normals", "normals"), metric=directions, drawing="normals"),
    Task("nyud_depth", "Depth", ("depth",), Pixels(1),
         BatchLoss(depths_and_steps_apart), DenseLabel("depth", "depth"), metric=depths_of_images,
         drawing="depth"),
)
# fmt: on
WEIGHTS = {
    "pascal_semseg": 1.0,
    "pascal_parts": 2.0,
    "pascal_edge": 50.0,
    "pascal_normals": 10.0,
    "pascal_saliency": 5.0,
    "nyud_semseg": 1.0,
    "nyud_semseg40": 1.0,
    "nyud_edge": 50.0,
    "nyud_normals": 10.0,
    "nyud_depth": 1.0,
}
"""Loss weights of the published training."""
_BY_NAME = {task.name: task for task in (*PASCAL, *NYUD)}


def dense_task_named(name: str) -> Task:
    """A task of these data sets, of the dictionary, or a custom task.

    Raises:
        InputError: there is no such task.
    """
    return _BY_NAME.get(name) or task_named(name)
