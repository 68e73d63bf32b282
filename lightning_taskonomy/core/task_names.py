"""What the tasks of the dictionary are called: one table for all that takes, writes or prints a task's name.

The released files, the published tables and the paper each call a task something else. The name in the
released files is the one written; all are understood. A name that a table or a set of tasks has comes first.
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
        name: the one that is written; of the released weights, and mostly of the folder of labels.
        internal: in the published tables of results.
        title: for readers.
        aliases: further identifiers, and short titles.
    """

    name: str
    internal: str
    title: str
    aliases: tuple[str, ...] = ()

    @property
    def identifiers(self) -> frozenset[str]:
        """The names that stand for the task in files: all but the titles."""
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
"""The 26, in the order of the paper's table."""
# fmt: on
_BY_IDENTIFIER = {identifier: names for names in TASK_NAMES for identifier in names.identifiers}


SELF_SUPERVISED = frozenset({"autoencoding", "denoising", "inpainting", "colorization", "jigsaw"})
"""The tasks whose label is the picture itself: nobody has to label anything for them."""


def is_self_supervised(name: str) -> bool:
    """Whether a name that stands in a file is that of a task whose label is the picture itself."""
    return written_name(_without_labels(name)[0]) in SELF_SUPERVISED


def written_name(name: str) -> str:
    """The name that is written for a task: `normal` for `rgb2sfnorm`; other names stay as they are.

    For names that stand in files. Titles mean nothing there: a custom task may be called so.
    """
    return _BY_IDENTIFIER[name].name if name in _BY_IDENTIFIER else name


def as_written(value: object) -> object:
    """A name that stands in a file, a transfer (`a+b`) or a list of them, with tasks called as today."""
    if isinstance(value, list):
        return [as_written(part) for part in value]
    return "+".join(map(written_name, value.split("+"))) if isinstance(value, str) else value


def known_title(name: str) -> str | None:
    """The title of a task of the dictionary by its written or another name in files; None for other names."""
    return _BY_IDENTIFIER[name].title if name in _BY_IDENTIFIER else None


def name_among(name: str, known: Iterable[str], origin: str) -> str | None:
    """Which of some known names is meant.

    One that is spelled the same is. Only where there is none do aliases and titles serve, in any case: then
    the known name of the same task is meant, rather one of the same letters.

    Args:
        name: as a user gives it; `normal@1000` is looked up with its number of labels.
        known: names of a table, of a configuration or of the dictionary.
        origin: what gives the name, for the message.

    Returns:
        The known name; None where there is none.

    Raises:
        InputError: several are meant.
    """
    known = tuple(known)
    if name in known:
        return name
    wanted = _meanings(name)
    one = (other for other in dict.fromkeys(known) if len(_meanings(other)) == 1)
    same = [other for other in one if _meanings(other) <= wanted]
    spelled = [other for other in same if _folded(other) == _folded(name)]
    # A custom task may be called by a title, and is not meant where the task of that title is there as well.
    identified = [other for other in same if _without_labels(other)[0] in _BY_IDENTIFIER]
    found = spelled or identified or same
    if len(found) > 1:
        raise InputError(f"{origin}: {name!r} is ambiguous; expected one of {', '.join(found)}")
    return found[0] if found else None


def names_among(names: Iterable[str], known: Iterable[str], origin: str) -> list[str]:
    """As `name_among`, for several; names that mean nothing known stay, for the caller to refuse."""
    known = list(known)
    return [name_among(name, known, origin) or name for name in names]


def keys_among(numbers: Mapping[str, Value], known: Iterable[str], origin: str) -> dict[str, Value]:
    """As `names_among`, for the keys of a mapping.

    Raises:
        InputError: a name has several meanings, or two names mean the same task.
    """
    found: dict[str, Value] = {}
    for name, resolved in zip(numbers, names_among(numbers, known, origin), strict=True):
        if resolved in found:
            raise InputError(f"{origin}: {resolved} is given twice, also as {name}")
        found[resolved] = numbers[name]
    return found


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that an unknown one resembles, or that another name of the same task resembles."""
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
    """A name without what tells `Z-depth` from `z depth` and `z_depth`."""
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def _by_form(fold: Callable[[str], str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for names in TASK_NAMES:
        for form in _forms(names):
            found[fold(form)] = found.get(fold(form), frozenset()) | {names.name}
    return found


_MEANINGS = _by_form(_folded)


def _meanings(name: str) -> frozenset[str]:
    """The tasks that a name may mean, by their written names and the number of labels."""
    task, labels = _without_labels(name)
    return frozenset(meaning + labels for meaning in _MEANINGS.get(_folded(task), ()))


def _without_labels(name: str) -> tuple[str, str]:
    """A name and its number of labels with the sign: `normal` and `@1000` of `normal@1000`."""
    labels = _LABELS.fullmatch(name)
    return (name, "") if labels is None else (labels["task"], labels["labels"])
