"""Checking one label file by reading it in full."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.core.pictures import PictureError, open_picture
from lightning_taskonomy.data.domains import DOMAINS, Domain
from lightning_taskonomy.data.folder.conventions import normals_are_inverted
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.point_info_check import check_point_info
from lightning_taskonomy.data.folder.report import INVERTED

Finding = tuple[str, str]
"""Kind of damage and what was found."""

Values = npt.NDArray[Any]
"""The pixels of an image, (H, W) or (H, W, C)."""

MOST_PIXELS = 64_000_000
"""A label beyond this is a mistake or an attack: several workers that read it would need gigabytes."""

_MODES = {(3, 8): {"RGB"}, (1, 8): {"L"}, (1, 16): {"I;16", "I;16B", "I"}}
_LARGEST_ID = {"segment_semantic": 17}


def check_label(path: Path, domain: str, view: ViewName) -> tuple[list[Finding], Values | None]:
    """Read a label; returns its damage, and the values of an image that can be read."""
    try:
        if path.stat().st_size == 0:
            return [("empty file", "0 bytes")], None
        if DOMAINS[domain].suffix == "png":
            return _check_picture(path, DOMAINS[domain])
        if DOMAINS[domain].suffix == "npy":
            return list(_check_vector(path, DOMAINS[domain])), None
        return list(check_point_info(path, view)), None
    except OSError as error:
        return [("unreadable file", error.strerror or str(error))], None


def _check_picture(path: Path, domain: Domain) -> tuple[list[Finding], Values | None]:
    try:
        with open_picture(path, path.name, MOST_PIXELS) as image:
            image.verify()  # the checksums, which decoding does not check
        with open_picture(path, path.name, MOST_PIXELS) as image:
            mode = image.mode
            values = np.asarray(image)
    except PictureError as error:
        return [("too large", str(error))], None
    except UnidentifiedImageError:
        return [("not a picture", "no PNG header")], None
    except (OSError, SyntaxError, ValueError) as error:
        return [("damaged picture", str(error))], None
    wrong = wrong_mode(mode, domain)
    if wrong is not None:
        return [("wrong channels or bit depth", wrong)], values
    return list(_check_values(values, domain)), values


def wrong_mode(mode: str, domain: Domain) -> str | None:
    """What is wrong with the mode (channels and bit depth, in Pillow's words) of an image of this domain."""
    if mode in _MODES[domain.channels, domain.bits]:
        return None
    return f"expected {domain.channels} x {domain.bits} bits, found mode {mode}"


def wrong_vector(values: Values, domain: Domain) -> str | None:
    """What is wrong with the length or type of a class vector of this domain."""
    lengths = [domain.channels] if domain.other_length is None else [domain.channels, domain.other_length]
    if values.dtype.kind == "f" and values.shape in [(length,) for length in lengths]:
        return None
    expected = " or ".join(map(str, lengths))
    return f"expected {expected} floating-point numbers, found {values.dtype} {values.shape}"


def _check_values(values: Values, domain: Domain) -> Iterator[Finding]:
    if domain.name == "mask_valid" and not np.isin(values, (0, 255)).all():
        yield "value out of range", "expected 0 or 255 in a mask"
    largest = _LARGEST_ID.get(domain.name)
    if largest is not None and values.max() > largest:
        yield "value out of range", f"expected ids up to {largest}, found {values.max()}"
    if domain.invalid is not None and (values == domain.invalid).all():
        yield "no surface", f"every pixel is {domain.invalid}"
    if domain.name == "normal" and normals_are_inverted(values):
        yield INVERTED, "what faces the camera has blue above 127; real files have it below"
    if domain.name == "rgb" and (values == values[0, 0]).all():
        yield "blank picture", "every pixel is the same"


def _check_vector(path: Path, domain: Domain) -> Iterator[Finding]:
    try:
        values = read_npy(path, mapped=True)
    except ValueError as error:
        yield "unreadable array", str(error)
        return
    wrong = wrong_vector(values, domain)
    if wrong is not None:
        yield "wrong shape", wrong
    elif not np.isfinite(values).all():
        yield "not finite", f"{int((~np.isfinite(values)).sum())} values are NaN or infinite"
