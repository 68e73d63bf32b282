"""Photos that come with scikit-image, as the annotator's 512-pixel squares and smaller ones."""

import numpy as np
import numpy.typing as npt
from skimage import data, transform

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

NAMES = ("astronaut", "chelsea", "coffee")


def photo(name: str, side: int = 512) -> Bytes:
    """The middle square of a photo, (side, side, 3)."""
    picture = getattr(data, name)()
    least = min(picture.shape[:2])
    top, left = ((length - least) // 2 for length in picture.shape[:2])
    square = picture[top : top + least, left : left + least]
    large = np.rint(255 * transform.resize(square, (512, 512), order=1, anti_aliasing=True))
    return np.asarray(np.rint(averaged(large, 512 // side)), np.uint8)


def averaged(picture: npt.NDArray[np.generic], factor: int) -> Floats:
    """The image reduced by an integer factor, by area averaging."""
    height, width = picture.shape[:2]
    blocks = picture.reshape(height // factor, factor, width // factor, factor, *picture.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), np.float64)
