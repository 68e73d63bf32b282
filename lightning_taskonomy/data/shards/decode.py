"""Decoding an image inside a shard; its header is checked first."""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.pictures import open_picture, require_pixels
from lightning_taskonomy.data.domains import Domain
from lightning_taskonomy.data.folder.label_check import MOST_PIXELS, wrong_mode

_JPEG = b"\xff\xd8\xff"
_COLOURS = (3, 8)


def decode_picture(content: bytes, domain: Domain) -> npt.NDArray[np.generic]:
    """A PNG or JPEG as the array it holds: 8 or 16 bits, one channel or three.

    Args:
        content: the bytes of the member.
        domain: whose channels and bits it must have.

    Raises:
        OSError, SyntaxError, ValueError: not an image of this domain, damaged, or of too many pixels.
    """
    if content.startswith(_JPEG):
        return _decode_jpeg(content, domain)
    with open_picture(content, "its header", MOST_PIXELS) as image:
        wrong = wrong_mode(image.mode, domain)
        if wrong is not None:
            raise ValueError(wrong)
        return np.asarray(image)


def _decode_jpeg(content: bytes, domain: Domain) -> npt.NDArray[np.generic]:
    import simplejpeg

    if (domain.channels, domain.bits) != _COLOURS:
        raise ValueError(f"expected {domain.channels} x {domain.bits} bits, found a JPEG")
    height, width, *_ = simplejpeg.decode_jpeg_header(content)
    require_pixels((width, height), "its header", MOST_PIXELS)
    return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB"))
