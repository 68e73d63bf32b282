"""What can be wrong with one label file, found by reading it whole."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from lightning_taskonomy.data.domains import DOMAINS, Domain
from lightning_taskonomy.data.folder.names import ViewName

Finding = tuple[str, str]
"""Kind of damage and what was found."""

_MODES = {(3, 8): {"RGB"}, (1, 8): {"L"}, (1, 16): {"I;16", "I;16B", "I"}}
_LARGEST_ID = {"segment_semantic": 17}
POINT_INFO_FIELDS: Mapping[str, int] = {
    # Field and how many numbers it holds; 0 for anything that is there.
    "camera_location": 3,
    "camera_rotation_final": 3,
    "point_location": 3,
    "point_normal": 3,
    "camera_distance": 1,
    "field_of_view_rads": 1,
    "resolution": 1,
    "point_uuid": 0,
    "view_id": 0,
    "room": 0,
    "bounding_box_ranges": 0,
    "vanishing_points_gaussian_sphere": 0,
}


def check_label(path: Path, domain: str, view: ViewName) -> tuple[list[Finding], tuple[int, int] | None]:
    """Read a label and list its damage; also the size (width, height) of a picture that can be read."""
    try:
        if path.stat().st_size == 0:
            return [("empty file", "0 bytes")], None
        if DOMAINS[domain].suffix == "png":
            return _check_picture(path, DOMAINS[domain])
        check = _check_vector if DOMAINS[domain].suffix == "npy" else _check_point_info
        return list(check(path, DOMAINS[domain], view)), None
    except OSError as error:
        return [("unreadable file", error.strerror or str(error))], None


def _check_picture(path: Path, domain: Domain) -> tuple[list[Finding], tuple[int, int] | None]:
    try:
        with Image.open(path) as image:
            mode, size = image.mode, image.size
            values = np.asarray(image)
    except UnidentifiedImageError:
        return [("not a picture", "no PNG header")], None
    except (OSError, SyntaxError, ValueError) as error:
        return [("damaged picture", str(error))], None
    findings = []
    if mode not in _MODES[domain.channels, domain.bits]:
        expected = f"{domain.channels} x {domain.bits} bits"
        findings.append(("wrong channels or bit depth", f"expected {expected}, found mode {mode}"))
    elif domain.name == "mask_valid" and not np.isin(values, (0, 255)).all():
        findings.append(("value out of range", "expected 0 or 255 in a mask"))
    elif values.max() > _LARGEST_ID.get(domain.name, 65535):
        most = _LARGEST_ID[domain.name]
        findings.append(("value out of range", f"expected ids up to {most}, found {values.max()}"))
    return findings, size


def _check_vector(path: Path, domain: Domain, _: ViewName) -> Iterator[Finding]:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        yield "unreadable array", str(error)
        return
    if values.shape != (domain.channels,) or values.dtype.kind != "f":
        expected = f"{domain.channels} floating-point numbers"
        yield "wrong shape", f"expected {expected}, found {values.dtype} {values.shape}"
    elif not np.isfinite(values).all():
        yield "not finite", f"{int((~np.isfinite(values)).sum())} values are NaN or infinite"


def _check_point_info(path: Path, _: Domain, view: ViewName) -> Iterator[Finding]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        yield "unreadable JSON", str(error)
        return
    if not isinstance(info, dict):
        yield "unreadable JSON", "expected an object"
        return
    missing = [field for field in POINT_INFO_FIELDS if field not in info]
    if missing:
        yield "missing field", ", ".join(missing)
    for field, count in POINT_INFO_FIELDS.items():
        if field in info and count and not _holds(info[field], count):
            yield "not finite", f"{field}: expected {count} finite number{'s' * (count > 1)}"
    for field, number in (("point_uuid", view.point), ("view_id", view.view)):
        if field in info and str(info[field]) != str(number):
            yield "name and content differ", f"{field} is {info[field]}"


def _holds(value: Any, count: int) -> bool:  # noqa: ANN401 - whatever JSON holds
    numbers = [value] if count == 1 and not isinstance(value, list) else value
    return (
        isinstance(numbers, list)
        and len(numbers) == count
        and all(isinstance(x, int | float) and math.isfinite(x) for x in numbers)
    )
