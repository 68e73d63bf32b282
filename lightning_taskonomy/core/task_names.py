"""The names of the dictionary's tasks: one table for everything that reads, writes or prints them.

The released files, the published tables and the paper name tasks differently. All names are understood; the
one in the released files is written. A name that a table or a set of tasks uses itself takes precedence.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from lightning_taskonomy.core.errors import InputError

Value = TypeVar("Value")
_LABELS = re.compile(r"(?P<task>.+)(?P<labels>@\d+)")
"""A source that was trained with few labels: `normal@1000`."""


class TaskNames(NamedTuple):
    """The names of one task.

    Attributes:
        name: the canonical name, as in the released weights; mostly also the folder of its labels.
        internal: name in the published tables of results.
        title: for readers.
        aliases: further identifiers, and short titles.
    """

    name: str
    internal: str
    title: str
    aliases: tuple[str, ...] = ()

    @property
    def identifiers(self) -> frozenset[str]:
        """The names of the task in files: all but the titles."""
        return frozenset(
            name for name in (self.name, self.internal, *self.aliases) if _IDENTIFIER.fullmatch(name)
        )


_IDENTIFIER = re.compile("[a-z0-9_]+")

# fmt: off
TASK_NAMES = (
    TaskNames("autoencoding", "autoencoder", "Autoencoding"),
    TaskNames("denoising", "denoise", "Denoising"),
    TaskNames("inpainting", "impainting_whole", "In-painting", ("inpainting_whole",)),
    TaskNames("colorization", "colorization", "Colorization"),
    TaskNames("jigsaw", "jigsaw", "Jigsaw"),
    TaskNames("curvature", "curvature", "Curvature", ("principal_curvature",)),
    TaskNames("edge_texture", "edge2d", "2D edges", ("Texture edges",)),
    TaskNames("edge_occlusion", "edge3d", "Occlusion edges", ("3D edges",)),
    TaskNames("keypoints2d", "keypoint2d", "2D keypoints"),
    TaskNames("keypoints3d", "keypoint3d", "3D keypoints"),
    TaskNames("reshading", "reshade", "Reshading"),
    TaskNames("normal", "rgb2sfnorm", "Normals", ("Surface normals",)),
    TaskNames("depth_zbuffer", "rgb2depth", "Z-depth", ("Z-buffer depth",)),
    TaskNames("depth_euclidean", "rgb2mist", "Distance", ("Euclidean distance", "Euclidean depth")),
    TaskNames("segment_unsup2d", "segment2d", "2D segmentation", ("Unsupervised 2D segmentation",)),
    TaskNames("segment_unsup25d", "segment25d", "2.5D segmentation", ("Unsupervised 2.5D segmentation",)),
    TaskNames("segment_semantic", "segmentsemantic_rb", "Semantic segm.",
              ("segmentsemantic", "Semantic segmentation")),
    TaskNames("class_object", "class_1000", "Object class. (1000)", ("Object class",)),
    TaskNames("class_selected", "class_selected", "Object class. (100)", ("Object class",)),
    TaskNames("class_scene", "class_places", "Scene class.", ("Scene class", "Scene classification")),
    TaskNames("room_layout", "room_layout", "Room layout", ("Layout",)),
    TaskNames("vanishing_point", "vanishing_point_well_defined", "Vanishing points"),
    TaskNames("fixated_pose", "fix_pose", "Camera pose (fixated)", ("Cam. pose (fix)",)),
    TaskNames("nonfixated_pose", "non_fixated_pose", "Camera pose (non-fix.)", ("Cam. pose (nonfix)",)),
    TaskNames("egomotion", "ego_motion", "Egomotion"),
    TaskNames("point_matching", "point_match", "Point matching", ("Matching",)),
)
"""The 26 tasks, in the order of the paper's table."""
# fmt: on
_BY_IDENTIFIER = {identifier: names for names in TASK_NAMES for identifier in names.identifiers}


SELF_SUPERVISED = frozenset({"autoencoding", "denoising", "inpainting", "colorization", "jigsaw"})
"""The tasks whose label is the image itself: they need no annotation."""


def is_self_supervised(name: str) -> bool:
    """Whether a name read from a file is that of a task whose label is the image itself."""
    return written_name(_without_labels(name)[0]) in SELF_SUPERVISED


def written_name(name: str) -> str:
    """The canonical name of a task: `normal` for `rgb2sfnorm`; unknown names stay as they are.

    For names read from files. Titles are not translated: a custom task may be named like one.
    """
    return _BY_IDENTIFIER[name].name if name in _BY_IDENTIFIER else name


def as_written(value: object) -> object:
    """A name read from a file, a transfer (`a+b`) or a list of them, with canonical names of tasks."""
    if isinstance(value, list):
        return [as_written(part) for part in value]
    return "+".join(map(written_name, value.split("+"))) if isinstance(value, str) else value


def known_title(name: str) -> str | None:
    """The title of a task of the dictionary by any of its identifiers; None for other names."""
    return _BY_IDENTIFIER[name].title if name in _BY_IDENTIFIER else None


def name_among(name: str, known: Iterable[str], origin: str) -> str | None:
    """Which of the known names a user's name means.

    An exact match wins. Without one, aliases and titles are matched, ignoring case: the result is the known
    name of the same task, preferably one that is spelled alike.

    Args:
        name: from the user; `normal@1000` is looked up with its number of labels.
        known: names of a table, of a configuration or of the dictionary.
        origin: where the name comes from, for the message.

    Returns:
        The known name; None where none matches.

    Raises:
        InputError: several match.
    """
    known = tuple(known)
    if name in known:
        return name
    meanings = _meanings(name)
    unambiguous = (other for other in dict.fromkeys(known) if len(_meanings(other)) == 1)
    same_task = [other for other in unambiguous if _meanings(other) <= meanings]
    same_spelling = [other for other in same_task if _folded(other) == _folded(name)]
    # A custom task may be named like a title, and is not meant where the task of that title is known as well.
    identified = [other for other in same_task if _without_labels(other)[0] in _BY_IDENTIFIER]
    matches = same_spelling or identified or same_task
    if len(matches) > 1:
        raise InputError(f"{origin}: {name!r} is ambiguous; expected one of {', '.join(matches)}")
    return matches[0] if matches else None


def names_among(names: Iterable[str], known: Iterable[str], origin: str) -> list[str]:
    """As `name_among`, for several; unknown names stay, for the caller to refuse."""
    known = list(known)
    return [name_among(name, known, origin) or name for name in names]


def keys_among(numbers: Mapping[str, Value], known: Iterable[str], origin: str) -> dict[str, Value]:
    """As `names_among`, for the keys of a mapping.

    Raises:
        InputError: a name is ambiguous, or two names mean the same task.
    """
    by_known_name: dict[str, Value] = {}
    for name, resolved in zip(numbers, names_among(numbers, known, origin), strict=True):
        if resolved in by_known_name:
            raise InputError(f"{origin}: {resolved} is given twice, also as {name}")
        by_known_name[resolved] = numbers[name]
    return by_known_name


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that, themselves or by another name of their task, resemble an unknown one."""
    spellings = {_folded(other): other for other in known}
    for other in list(spellings.values()):
        if other in _BY_IDENTIFIER:
            for form in _forms(_BY_IDENTIFIER[other]):
                spellings.setdefault(_folded(form), other)
    near = difflib.get_close_matches(_folded(name), spellings, n=3, cutoff=0.6)
    return list(dict.fromkeys(spellings[spelling] for spelling in near))


def _forms(names: TaskNames) -> Iterator[str]:
    yield from (names.name, names.internal, names.title, *names.aliases)


def _folded(name: str) -> str:
    """A name without case and separators: the same for `Z-depth`, `z depth` and `z_depth`."""
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def _by_form(fold: Callable[[str], str]) -> dict[str, frozenset[str]]:
    tasks: dict[str, frozenset[str]] = {}
    for names in TASK_NAMES:
        for form in _forms(names):
            tasks[fold(form)] = tasks.get(fold(form), frozenset()) | {names.name}
    return tasks


_MEANINGS = _by_form(_folded)


def _meanings(name: str) -> frozenset[str]:
    """The tasks that a name may mean: canonical names with the name's number of labels."""
    task, labels = _without_labels(name)
    return frozenset(meaning + labels for meaning in _MEANINGS.get(_folded(task), ()))


def _without_labels(name: str) -> tuple[str, str]:
    """Split `normal@1000` into `normal` and `@1000`; the second is empty for `normal`."""
    labels = _LABELS.fullmatch(name)
    return (name, "") if labels is None else (labels["task"], labels["labels"])
