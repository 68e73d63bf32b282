"""The dictionary of tasks, as in the paper's table, and the registry of custom tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import known_title, name_among, nearest, written_name
from lightning_taskonomy.tasks import colours
from lightning_taskonomy.tasks import pixel_labels as decoded
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SELECTED_OBJECTS
from lightning_taskonomy.tasks.losses import (
    CrossEntropy,
    PerImageLoss,
    PixelPairs,
    PoseNorm,
    SoftCrossEntropy,
    l1,
    l2,
)
from lightning_taskonomy.tasks.metrics import of_task as of
from lightning_taskonomy.tasks.own import changed, own_task, require_usable
from lightning_taskonomy.tasks.pixel_labels import PixelLabel, ShareUpTo, read_semantic
from lightning_taskonomy.tasks.self_supervised import read_autoencoding, read_denoising, read_inpainting
from lightning_taskonomy.tasks.task import Example, Pixels, Standard, Task, Training, Vector, ViewLabels
from lightning_taskonomy.tasks.tiles import PERMUTATIONS, TILES, read_jigsaw
from lightning_taskonomy.tasks.vectors import (
    read_object_classes,
    read_room_layout,
    read_scene_classes,
    read_selected_classes,
    read_vanishing_points,
)
from lightning_taskonomy.tasks.view_pairs import read_matching, read_poses

_DEPTH = "depth_zbuffer"
"""Needed by all tasks whose mask is the visible surface."""

_edges_2d = PixelLabel("edge_texture", ShareUpTo(0.08, clipped=True), masked=False)
_edges_3d = PixelLabel("edge_occlusion", decoded.occlusion_edges)
_keypoints_2d = PixelLabel("keypoints2d", ShareUpTo(0.005, clipped=True), masked=False)
_keypoints_3d = PixelLabel("keypoints3d", ShareUpTo(1.0))
_reshading = PixelLabel("reshading", decoded.grey)
_normals = PixelLabel("normal", decoded.normals)
_curvature = PixelLabel("principal_curvature", decoded.curvature)
_depth = PixelLabel(_DEPTH, decoded.log_depth)
_distance = PixelLabel("depth_euclidean", decoded.log_depth)
_segments_2d = PixelLabel("segment_unsup2d", decoded.ids, masked=False)
_segments_25d = PixelLabel("segment_unsup25d", decoded.ids, masked=False)

_FIXATED = Standard(
    (-0.267375523, -0.0119147040, 0.0114497274, 0.00110903410, 0.0210509948, -4.02013549),
    (10.12015407, 8.1103528, 1.09171896, 1.21579016, 0.26040945, 10.05966329),
)
_NOT_FIXATED = Standard(
    (-0.00953197445, -0.00105196691, -0.0107545642, 0.0208785638, -0.0927858049, -2.58052205),
    (1.02316223, 0.66477511, 1.03806996, 5.75692889, 1.37604962, 7.43157247),
)
_LAYOUT = Standard(
    (
        0.00607274,
        0.01027237,
        -3.13590977,
        1.56038022,
        0.00005623,
        -1.56693528,
        5.62287588,
        4.0828003,
        2.77139426,
    ),
    (
        0.86694525,
        0.68791529,
        2.08051363,
        0.19627420,
        0.01468060,
        0.41838274,
        3.99177801,
        2.70349528,
        1.22691859,
    ),
)

_GAN = 0.996
"""Weight of the plain loss; the rest is the discriminator's."""
_DEPTH_TRAINING = Training(instance_noise=0.03)
_TRIPLET = (1.0, 0.5, 1.0)
"""Weights of the poses between views 1 and 2, 1 and 3, 2 and 3 of ego-motion, as published."""


def _task(
    name: str,
    domains: tuple[str, ...],
    output: Pixels | Vector,
    loss: PerImageLoss,
    read: Callable[[Sequence[ViewLabels], int, np.random.Generator], Example],
    **options: Any,  # noqa: ANN401 - the other fields of a Task
) -> Task:
    """A task with its title from the table of names."""
    return Task(name, known_title(name) or name, domains, output, loss, read, **options)


# fmt: off
_SEMANTIC_WEIGHTS = (
    0.5424, 9.1674, 7.3310, 7.1620, 8.7229, 7.6133, 8.2369, 9.1486, 8.8220,
    9.0858, 8.9141, 9.1772, 9.0354, 8.6039, 9.1699, 9.1467, 9.1374,
)
"""Published class weights of the background and the 16 objects; rarer ones have larger weights."""

_TASKS = (
    _task("autoencoding", (), Pixels(3),
         l1, read_autoencoding, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("denoising", (), Pixels(3),
         l1, read_denoising, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("inpainting", (), Pixels(3),
         l1, read_inpainting, source_only=True, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("colorization", (), Pixels(len(colours.BINS), colours.SIZE_DIVISOR),
         SoftCrossEntropy(), colours.read_colorization, input_channels=1, source_only=True, norm_share=0.99,
         metric=of.colours, drawing="colours"),
    _task("jigsaw", (), Vector(PERMUTATIONS, layers=3),
         CrossEntropy(), read_jigsaw, pictures=TILES, source_only=True, training=Training(batch_size=4),
         metric=of.classes),
    _task("curvature", ("principal_curvature", _DEPTH), Pixels(2),
         l2, _curvature, norm_share=_GAN, training=Training(weight_decay=1e-6, drop_after=None),
         metric=of.pixels, drawing="picture"),
    _task("edge_texture", ("edge_texture",), Pixels(1),
         l1, _edges_2d, norm_share=_GAN, metric=of.edges, drawing="picture"),
    _task("edge_occlusion", ("edge_occlusion", _DEPTH), Pixels(1),
         l1, _edges_3d, norm_share=_GAN, metric=of.edges, drawing="picture"),
    _task("keypoints2d", ("keypoints2d",), Pixels(1),
         l1, _keypoints_2d, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("keypoints3d", ("keypoints3d", _DEPTH), Pixels(1),
         l1, _keypoints_3d, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("reshading", ("reshading", _DEPTH), Pixels(1),
         l1, _reshading, norm_share=_GAN, metric=of.pixels, drawing="picture"),
    _task("normal", ("normal", _DEPTH), Pixels(3),
         l1, _normals, norm_share=_GAN, metric=of.directions, drawing="normals"),
    _task("depth_zbuffer", (_DEPTH,), Pixels(1),
         l1, _depth, norm_share=_GAN, training=_DEPTH_TRAINING, metric=of.depths, drawing="depth"),
    _task("depth_euclidean", ("depth_euclidean", _DEPTH), Pixels(1),
         l1, _distance, norm_share=_GAN, training=_DEPTH_TRAINING, metric=of.depths, drawing="depth"),
    _task("segment_unsup2d", ("segment_unsup2d",), Pixels(64),
         PixelPairs(), _segments_2d, metric=of.segments, drawing="segments", output_drawing="embeddings"),
    _task("segment_unsup25d", ("segment_unsup25d",), Pixels(64),
         PixelPairs(), _segments_25d, metric=of.segments, drawing="segments", output_drawing="embeddings"),
    _task("segment_semantic", ("segment_semantic",), Pixels(17),
         CrossEntropy(_SEMANTIC_WEIGHTS), read_semantic, metric=of.classes, drawing="classes"),
    _task("class_object", ("class_object",), Vector(1000),
         SoftCrossEntropy(), read_object_classes, metric=of.labels, drawing="shares"),
    _task("class_selected", ("class_object",), Vector(len(SELECTED_OBJECTS)),
         SoftCrossEntropy(), read_selected_classes, source_only=True, metric=of.labels, drawing="shares"),
    _task("class_scene", ("class_scene",), Vector(len(SCENE_CLASSES)),
         SoftCrossEntropy(), read_scene_classes, training=Training(weight_decay=1e-5), metric=of.labels,
         drawing="shares"),
    _task("room_layout", ("point_info",), Vector(9),
         l2, read_room_layout, standard=_LAYOUT, training=Training(gradient_norm=1.0), metric=of.pixels),
    _task("vanishing_point", ("point_info",), Vector(9),
         l2, read_vanishing_points, training=Training(gradient_norm=1.0), metric=of.directions),
    _task("fixated_pose", ("point_info",), Vector(6),
         PoseNorm(), read_poses, views=2, standard=_FIXATED, training=Training(batch_size=16),
         metric=of.poses),
    _task("nonfixated_pose", ("point_info",), Vector(6, layers=3),
         PoseNorm(), read_poses, views=2, partners="overlapping", standard=_NOT_FIXATED,
         training=Training(batch_size=8), metric=of.poses),
    _task("egomotion", ("point_info",),
         Vector(18, hidden=1024, layers=3, normalised=False, of_pairs=True),
         PoseNorm(poses=3, weights=_TRIPLET), read_poses, views=3, standard=_FIXATED.repeated(3),
         training=Training(batch_size=8), metric=of.poses),
    _task("point_matching", (), Vector(2, hidden=256),
         CrossEntropy(), read_matching, views=2, partners="same_or_other_point", metric=of.classes),
)
# fmt: on
_registered: dict[str, Task] = {task.name: task for task in _TASKS}


class _Dictionary(Mapping[str, Task]):
    """A view of the registered tasks: lookup accepts aliases, iteration yields the names written to files."""

    def __getitem__(self, name: str) -> Task:
        try:
            task = _named(name)
        except InputError as error:
            raise KeyError(str(error)) from error
        if task is None:
            raise KeyError(name)
        return task

    def __iter__(self) -> Iterator[str]:
        return iter(_registered)

    def __len__(self) -> int:
        return len(_registered)


_DICTIONARY = _Dictionary()


def dictionary() -> Mapping[str, Task]:
    """The tasks by name: those of the package, and registered custom ones.

    Each task is listed once, under the name that is written to files (`normal`); lookup also accepts its
    aliases (`rgb2sfnorm`, `Normals`). An ambiguous name raises a KeyError.
    """
    return _DICTIONARY


def task_named(name: str) -> Task:
    """A task by its name or alias, or a custom task by the place of its definition.

    Use it for names from the user, in an option or a configuration: it runs the Python file that a name
    refers to. `registered_task` is for names found in files.

    Args:
        name: A name in the dictionary; or `FILE.py:NAME` or `MODULE.NAME`, a task defined in Python.

    Raises:
        InputError: there is no such task, or the name is ambiguous; the message suggests the nearest names.
    """
    task = _named(name)
    if task is not None:
        return task
    if "." in name:
        return own_task(name)
    near = nearest(name, _registered)
    known = f"did you mean {' or '.join(near)}?" if near else f"expected some of {', '.join(_registered)}"
    raise InputError(f"tasks: unknown task {name!r}; {known}")


def registered_task(name: str, origin: str) -> Task:
    """A registered task by a name found in a file, a file name or a download; never imports anything.

    Args:
        name: A name in the dictionary, including old names, or the name of a registered custom task.
        origin: Where the name was found, for the message.

    Raises:
        InputError: no such task is registered.
    """
    task = _registered.get(written_name(name))
    if task is None:
        raise InputError(
            f"{origin}: it names a custom task, {name[:80]!r}; name the task's file again "
            "(--task FILE.py:NAME), as names in files import nothing"
        )
    return task


def register(task: Task) -> None:
    """Register a custom task; call this in a file that the configuration names.

    Raises:
        InputError: the name belongs to another task, or cannot be used in tables and file names.
    """
    require_usable(task, "tasks")
    taken = _registered.get(written_name(task.name), task)
    if taken != task and not changed(task, taken):
        also = "" if taken.name == task.name else f" (now called {taken.name})"
        raise InputError(f"tasks: there is already a task {task.name!r}{also}")
    _registered[task.name] = task


def _named(name: str) -> Task | None:
    known = name_among(name, _registered, "tasks")
    return None if known is None else _registered[known]
