"""Class names, for reading predictions."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SELECTED_OBJECTS
from lightning_taskonomy.tasks.task import Task

SEMANTIC = (
    "background", "bottle", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
)  # fmt: skip
_KNOWN: Mapping[str, Sequence[str]] = {
    "segment_semantic": SEMANTIC,
    "class_scene": SCENE_CLASSES,
    "point_matching": ("another point", "the same point"),
}


def class_names(task: Task, path: Path | None = None) -> tuple[str, ...]:
    """The names of a task's classes; `class 0`, `class 1` and so on where none are known.

    Args:
        task: with classes as its output.
        path: a text file with one name per line, in the order of the classes.

    Raises:
        InputError: the file cannot be read, or does not have one line per class.
    """
    classes = task.output.outputs
    if path is None:
        if task.name == "class_object":
            return imagenet_classes()
        if task.name == "class_selected":
            return tuple(imagenet_classes()[number] for number in SELECTED_OBJECTS)
        return tuple(_KNOWN.get(task.name) or (f"class {number}" for number in range(classes)))
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read these names ({error})") from error
    if len(names) != classes or not all(names):
        raise InputError(
            f"{path}: expected the names of the {classes} classes of {task.name}, one per line, "
            f"found {len(names)} lines"
        )
    return names


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The WordNet names of the 1,000 ILSVRC 2012 classes, ordered by WordNet id."""
    text = files("lightning_taskonomy.bank").joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
