"""Sets of images as a probe takes them: resized, in colour, normalised with ImageNet's statistics.

Everything is deterministic: an embedding does not depend on random crops.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import read_picture

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Channel means and standard deviations of ImageNet, for values from 0 to 1."""
_MARGIN = 256 / 224
"""Files are resized to this multiple of the size, then cropped at the centre."""


class ImageArrays:
    """Images held as an array.

    Args:
        pictures: (N, H, W) or (N, H, W, 3), 8-bit integers or floats from 0 to 1.
        size: Height and width of the probe's input.
    """

    def __init__(self, pictures: npt.ArrayLike, size: int) -> None:
        array = np.asarray(pictures)
        if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3):
            raise InputError(f"images: expected shape (N, H, W) or (N, H, W, 3), found {array.shape}")
        if array.dtype != np.uint8:
            if array.dtype.kind != "f" or not (np.nanmin(array) >= 0 and np.nanmax(array) <= 1):
                raise InputError(
                    f"images: expected 8-bit integers or floats from 0 to 1, found {array.dtype}"
                )
            array = np.round(array * 255).astype(np.uint8)
        self._pictures, self.size = array, size

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, place: int) -> Tensor:
        """The image at this index, (3, size, size)."""
        return _normalised(self._pictures[place], self.size)


class ImageFiles:
    """Image files, read on demand.

    Args:
        paths: Paths of the files.
        size: Height and width of the probe's input, a centre crop of the image.
    """

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> Tensor:
        """The image at this index, (3, size, size).

        Raises:
            PictureError: the file is missing or not an image.
        """
        return _normalised(middle(read_picture(self.paths[place]), self.size), self.size)


def middle(picture: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """The resized centre crop of an image, (H, W, 3) -> (size, size, 3)."""
    image = Image.fromarray(picture)
    side = round(size * _MARGIN)
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def _normalised(picture: npt.NDArray[np.uint8], size: int) -> Tensor:
    values = torch.from_numpy(np.array(picture)).float().div_(255)
    values = values.expand(3, -1, -1) if values.ndim == 2 else values.permute(2, 0, 1)
    if values.shape[1:] != (size, size):
        values = functional.interpolate(values[None], (size, size), mode="bilinear", antialias=True)[0]
    return (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
