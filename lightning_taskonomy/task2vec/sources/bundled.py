"""Real pictures that come with scikit-learn and scikit-image: twenty small tasks without a download.

Handwritten digits, faces, patches of photographed textures, and patches of colour photographs. Where two
tasks are `…/a` and `…/b`, they are of two halves of the pictures.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import read_picture
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets

Bytes = npt.NDArray[np.uint8]
_PATCH, _STEP = 32, 24
_TEXTURES = ("brick.png", "grass.png", "gravel.png")
_PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "retina.jpg", "ihc.png")


def bundled_tasks(size: int) -> list[LabelledTask]:
    """Twenty tasks on four sets of pictures.

    Args:
        size: Of the pictures, for the probe.

    Raises:
        InputError: scikit-learn or scikit-image is not installed.
    """
    return [*_digits(size), *_faces(size), *_textures(size), *_photos(size)]


def _digits(size: int) -> list[LabelledTask]:
    _require("sklearn", "scikit-learn")
    from sklearn.datasets import load_digits  # takes its time

    loaded = load_digits()
    digit = np.asarray(loaded.target)
    images = ImageArrays(np.asarray(loaded.images) / 16, size)
    halves = _halves(len(digit))
    tasks = [_classes(f"digits: ten/{half}", images, digit, rows) for half, rows in halves.items()]
    tasks += [_classes(f"digits: odd/{half}", images, digit % 2, rows) for half, rows in halves.items()]
    tasks.append(_classes("digits: above 4", images, (digit > 4).astype(int)))
    for first, second in ((3, 8), (1, 7)):
        for half, rows in halves.items():
            mine = rows[np.isin(digit[rows], (first, second))]
            name = f"digits: {first} or {second}/{half}"
            tasks.append(_classes(name, images, (digit == second).astype(int), mine))
    return tasks


def _faces(size: int) -> list[LabelledTask]:
    pictures = np.clip(np.load(_data() / "lfw_subset.npy", allow_pickle=False), 0, 1)
    face = (np.arange(len(pictures)) < 100).astype(int)  # the first hundred are
    images = ImageArrays(pictures, size)
    return [_classes(f"faces/{half}", images, face, rows) for half, rows in _halves(len(face)).items()]


def _textures(size: int) -> list[LabelledTask]:
    patches, texture = _patches(_TEXTURES)
    images = ImageArrays(patches, size)
    halves = _halves(len(texture))
    tasks = [_classes(f"textures: three/{half}", images, texture, rows) for half, rows in halves.items()]
    for first, second in ((0, 1), (1, 2)):
        name = " or ".join(Path(_TEXTURES[place]).stem for place in (first, second))
        rows = np.flatnonzero(np.isin(texture, (first, second)))
        tasks.append(_classes(f"textures: {name}", images, (texture == second).astype(int), rows))
    return tasks


def _photos(size: int) -> list[LabelledTask]:
    patches, photo = _patches(_PHOTOS)
    images = ImageArrays(patches, size)
    halves = _halves(len(photo))
    tasks = [_classes(f"photos: which/{half}", images, photo, rows) for half, rows in halves.items()]
    colour = patches.mean(axis=(1, 2))
    strongest = colour.argmax(axis=1)
    bright = (colour.mean(axis=1) > np.median(colour.mean(axis=1))).astype(int)
    everything = np.arange(len(photo))
    tasks.append(_classes("photos: bright", images, bright))
    above = Targets.of("labels", (colour > np.median(colour, axis=0)).astype(int))
    tasks.append(LabelledTask("photos: colours above median", images, above, everything))
    tasks.append(_classes("photos: strongest colour", images, strongest))
    return tasks


def _patches(names: tuple[str, ...]) -> tuple[Bytes, npt.NDArray[np.intp]]:
    """Patches of pictures at a quarter of 256 rows' scale, and which picture each is of."""
    found, labels = [], []
    for number, name in enumerate(names):
        picture = Image.fromarray(read_picture(_data() / name))
        scale = 256 / min(picture.size)
        array = np.asarray(picture.resize((round(picture.width * scale), round(picture.height * scale))))
        for top in range(0, 256 - _PATCH + 1, _STEP):
            for left in range(0, 256 - _PATCH + 1, _STEP):
                found.append(array[top : top + _PATCH, left : left + _PATCH])
                labels.append(number)
    return np.stack(found), np.array(labels)


def _classes(
    name: str, images: ImageArrays, labels: npt.NDArray[Any], rows: npt.NDArray[np.intp] | None = None
) -> LabelledTask:
    chosen = np.arange(len(labels)) if rows is None else rows
    group = name.partition(":")[0].partition("/")[0]
    return LabelledTask(name, images, Targets.of("classes", labels[chosen]), chosen, group)


def _halves(count: int) -> dict[str, npt.NDArray[np.intp]]:
    order = np.random.default_rng(0).permutation(count)
    return {"a": np.sort(order[: count // 2]), "b": np.sort(order[count // 2 :])}


def _data() -> Path:
    _require("skimage", "scikit-image")
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


def _require(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise InputError(
            f"source: bundled pictures are those of {package}; install it: pip install {package}"
        )
