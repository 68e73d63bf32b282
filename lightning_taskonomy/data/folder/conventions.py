"""Whether a folder's labels follow the conventions of real files, as far as the labels show."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import open_picture
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.tasks.room_box import is_in_its_room

_FACING = 0.5
"""Only normals with at least this component along the view show the convention."""
_INVERTED_FRACTION = 0.9
_LEAST_PIXELS = 16
_CHECKED_VIEWS = 16
"""Views that are read before packing."""


def normals_are_inverted(picture: npt.NDArray[Any]) -> bool:
    """Whether surfaces that face the camera have blue above 127, so that they would all face away.

    Visible surfaces face the camera and the third axis points into the scene, so normals have blue below 127.
    A few slanted surfaces at the borders of a wide view have it slightly above, so only normals along the
    view count.

    Args:
        picture: 8-bit values centred on 127, (H, W, 3).
    """
    vectors = (picture.reshape(-1, picture.shape[-1])[:, :3].astype(np.float32) - 127) / 127
    length = np.linalg.norm(vectors, axis=1)
    along = vectors[(np.abs(length - 1) < 0.1) & (np.abs(vectors[:, 2]) > _FACING), 2]
    return len(along) >= _LEAST_PIXELS and bool((along > 0).mean() > _INVERTED_FRACTION)


def camera_is_outside(info: Mapping[str, Any]) -> bool | None:
    """Whether the camera of a record stands outside its room's box; None where the record does not say."""
    try:
        return not is_in_its_room(info)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def require_real_conventions(folder: DataFolder, views: Sequence[ViewName], domains: Sequence[str]) -> None:
    """Check a few views, and refuse labels that most of them store differently from real files.

    Args:
        folder: where they are.
        views: all that will be packed.
        domains: those that will be packed.

    Raises:
        InputError: normals that point towards the camera, or rooms whose boxes do not contain the cameras.
    """
    step = -(-len(views) // _CHECKED_VIEWS)
    few = views[:: max(step, 1)]
    for domain, is_wrong, wrong in (
        ("normal", _picture_is_inverted, "normal pictures point towards the camera, with blue above 127"),
        ("point_info", _record_is_outside, "cameras stand outside their room's box"),
    ):
        if domain not in domains:
            continue
        paths = [path for view in few if (path := folder.label(view, domain)) is not None]
        checked, count = _counted(paths, is_wrong)
        if count > checked / 2:
            raise InputError(
                f"{folder.root}: {count} of {checked} {wrong}; Taskonomy's files differ: "
                "render rooms again, or leave the domain out (--domains)"
            )


def _counted(paths: Iterable[Path], is_wrong: Callable[[Path], bool | None]) -> tuple[int, int]:
    """How many files can be judged, and how many of these are wrong."""
    answers = [answer for path in paths if (answer := is_wrong(path)) is not None]
    return len(answers), sum(answers)


def _picture_is_inverted(path: Path) -> bool | None:
    try:
        with open_picture(path, str(path)) as image:
            return normals_are_inverted(np.asarray(image)) if image.mode == "RGB" else None
    except (OSError, SyntaxError, ValueError):
        return None  # reported when it is packed


def _record_is_outside(path: Path) -> bool | None:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return camera_is_outside(info) if isinstance(info, dict) else None
