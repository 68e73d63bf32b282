"""Encoding a label for a shard: the bytes of its file, or resized, or as JPEG."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PictureError, open_picture
from lightning_taskonomy.core.resizing import Picture, Resampling, resized
from lightning_taskonomy.data.domains import DOMAINS, Domain
from lightning_taskonomy.data.folder.label_check import MOST_PIXELS, wrong_mode

_PNG_EFFORT = 4


@dataclass(frozen=True)
class Encoding:
    """How images are encoded.

    Attributes:
        size: pixels per side; None keeps the files' own.
        jpeg_quality: rgb as JPEG of this quality, 1 to 100; None keeps PNG. Labels are always lossless.
    """

    size: int | None = None
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise InputError(f"size: expected at least 1 pixel, found {self.size}")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise InputError(f"jpeg: expected a quality from 1 to 100, found {self.jpeg_quality}")

    def suffix(self, domain: str) -> str:
        """The suffix of members of this domain."""
        return "jpg" if domain == "rgb" and self.jpeg_quality is not None else DOMAINS[domain].suffix

    def encode(self, path: Path, domain: str) -> bytes:
        """The bytes of one image file as a member.

        Raises:
            InputError: the file cannot be read, or is not an image of this domain.
        """
        try:
            content = path.read_bytes()
            if self.size is None and self.suffix(domain) == "png":
                return _verified(content, DOMAINS[domain], str(path))
            with open_picture(content, str(path), MOST_PIXELS) as image:
                _require_mode(image, DOMAINS[domain])
                image.load()
                return self._encoded(image, DOMAINS[domain])
        except PictureError:
            raise
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{path}: cannot read this picture ({error})") from error

    def _encoded(self, image: Image.Image, domain: Domain) -> bytes:
        if self.size is not None and image.size != (self.size, self.size):
            image = Image.fromarray(packed(np.asarray(image), domain, self.size))
        if domain.name == "rgb" and self.jpeg_quality is not None:
            import simplejpeg  # a small library, needed only here

            colours = np.ascontiguousarray(image.convert("RGB"))
            return bytes(simplejpeg.encode_jpeg(colours, quality=self.jpeg_quality, colorsubsampling="444"))
        written = io.BytesIO()
        image.save(written, format="PNG", compress_level=_PNG_EFFORT)
        return written.getvalue()


def packed(values: Picture, domain: Domain, size: int) -> Picture:
    """An image as stored at a size, rounded to its own type; (size, size) or (size, size, C).

    It uses the function that resizes labels on reading, so that packing changes nothing but the rounding.
    """
    found = resized(values, size, _resampling(domain))
    if found.dtype.kind != "f":
        return found
    rounded = np.rint(np.clip(found, 0, 2**domain.bits - 1))
    return np.asarray(rounded, np.uint8 if domain.bits == 8 else np.uint16)


def _resampling(domain: Domain) -> Resampling:
    if domain.ids:
        return "ids"
    return "values" if domain.invalid is None else "depth"


def _verified(content: bytes, domain: Domain, where: str) -> bytes:
    """The same bytes, after checking that they are an intact image (its checksums, without decoding it)."""
    with open_picture(content, where, MOST_PIXELS) as image:
        _require_mode(image, domain)
        image.verify()
    return content


def _require_mode(image: Image.Image, domain: Domain) -> None:
    wrong = wrong_mode(image.mode, domain)
    if wrong is not None:
        raise ValueError(wrong)
