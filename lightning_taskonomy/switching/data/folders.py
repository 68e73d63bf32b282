"""PASCAL-Context and NYUD as multi-task data sets on disk, in ASTMT's layouts; labels may be missing."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import io, ndimage

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.names import leads_out
from lightning_taskonomy.core.npy import read_npy
from lightning_taskonomy.core.pictures import open_picture, read_picture

Array = npt.NDArray[Any]
Read = TypeVar("Read")
Split = Literal["train", "val"]
_PERSON = 15
_PART_OF = {
    **dict.fromkeys(("head", "leye", "reye", "lear", "rear", "lebrow", "rebrow", "nose", "mouth", "hair"), 1),
    **dict.fromkeys(("torso", "neck"), 2),
    **dict.fromkeys(("luarm", "ruarm"), 3),
    **dict.fromkeys(("llarm", "lhand", "rlarm", "rhand"), 4),
    **dict.fromkeys(("luleg", "ruleg"), 5),
    **dict.fromkeys(("llleg", "lfoot", "rlleg", "rfoot"), 6),
}
"""The class that each of PASCAL-Part's 24 parts of people is merged into; 0 is background."""
_SALIENT_ABOVE = 127.5


class DenseFolder(Protocol):
    """Images of a split and their labels at their own size."""

    ids: Sequence[str]

    def has(self, image: str, label: str) -> bool:
        """Whether an image has a label."""

    def read(self, image: str, labels: Sequence[str]) -> dict[str, Array]:
        """The photo, as `rgb`, and some of its labels, as described by `LabelKind`."""


class PascalFolder:
    """PASCAL_MT: `semseg`, `parts`, `edge`, `normals` and `saliency`.

    Files: `JPEGImages/<id>.jpg`; `ImageSets/Context/<split>.txt`; `semseg/VOC12/<id>.png`, else
    `semseg/pascal-context/<id>.png`; `human_parts/<id>.mat`, and `ImageSets/Parts/<split>.txt`, which lists
    the classes in each image; `pascal-context/trainval/<id>.mat`, whose 459 classes give the edges;
    `normals_distill/<id>.png`; `sal_distill/<id>.png`.

    Args:
        root: of the data set.
        split: train or val.
        normal_classes: indices of the context classes whose normals are used; None for every pixel that has a
            normal in its file.
    """

    def __init__(self, root: Path, split: Split, normal_classes: Sequence[int] | None = None) -> None:
        self.root, self.split = root, split
        self.normal_classes = None if normal_classes is None else np.array(normal_classes)
        self.ids: Sequence[str] = _lines(root / "ImageSets" / "Context" / f"{split}.txt")

    def has(self, image: str, label: str) -> bool:
        """Whether an image has a label; parts need a person."""
        if label == "parts":
            return image in self._with_people
        return self._path(image, label).exists()

    def read(self, image: str, labels: Sequence[str]) -> dict[str, Array]:
        """The photo and some labels.

        Raises:
            InputError: a file is missing or damaged.
        """
        arrays: dict[str, Array] = {"rgb": read_picture(self.root / "JPEGImages" / f"{image}.jpg")}
        for label in labels:
            arrays[label] = self._label(image, label)
        return arrays

    @cached_property
    def _with_people(self) -> frozenset[str]:
        listed = self.root / "ImageSets" / "Parts" / f"{self.split}.txt"
        if listed.exists():
            try:
                classes_by_image = json.loads(listed.read_text(encoding="utf-8"))
                return frozenset(image for image, classes in classes_by_image.items() if _PERSON in classes)
            except (ValueError, TypeError, AttributeError) as error:
                raise InputError(f"{listed}: expected images and their classes as JSON ({error})") from error
        paths = {image: self._path(image, "parts") for image in self.ids}
        return frozenset(image for image, path in paths.items() if path.exists() and _people(path))

    def _path(self, image: str, label: str) -> Path:
        if label == "semseg":
            path = self.root / "semseg" / "VOC12" / f"{image}.png"
            return path if path.exists() else self.root / "semseg" / "pascal-context" / f"{image}.png"
        places = {
            "parts": f"human_parts/{image}.mat",
            "edge": f"pascal-context/trainval/{image}.mat",
            "normals": f"normals_distill/{image}.png",
            "saliency": f"sal_distill/{image}.png",
        }
        return self.root / places[label]

    def _label(self, image: str, label: str) -> Array:
        path = self._path(image, label)
        if label == "semseg":
            return _label(path)
        if label == "parts":
            return parts_of(_people(path), path)
        if label == "edge":
            return boundaries(_matrix(path, "LabelMap"))
        if label == "saliency":
            return (_label(path, "L") > _SALIENT_ABOVE).astype(np.uint8)
        normals = unit_normals(_label(path, "RGB"))
        if self.normal_classes is not None:
            classes = _matrix(self._path(image, "edge"), "LabelMap")
            normals[~np.isin(classes, self.normal_classes)] = 0
        return normals


class NyudFolder:
    """NYUD_MT: `semseg`, `edge`, `normals` and `depth`.

    Files: `images/<id>.jpg`; `gt_sets/<split>.txt`; `segmentation/<id>.mat` with classes 0 to 40;
    `edge/<id>.png`; `normals/<id>.jpg`; `depth/<id>.mat` in metres. Each label may be `.png` or `.npy`
    instead, as in newer releases.

    Args:
        root: of the data set.
        split: train or val.
    """

    def __init__(self, root: Path, split: Split) -> None:
        self.root, self.split = root, split
        self.ids: Sequence[str] = _lines(root / "gt_sets" / f"{split}.txt")

    def has(self, image: str, label: str) -> bool:
        """Whether an image has a label."""
        return self._path(image, label) is not None

    def read(self, image: str, labels: Sequence[str]) -> dict[str, Array]:
        """The photo and some labels.

        Raises:
            InputError: a file is missing or damaged.
        """
        arrays: dict[str, Array] = {"rgb": read_picture(self._stored(image, "images"))}
        for label in labels:
            arrays[label] = self._label(image, label)
        return arrays

    def _label(self, image: str, label: str) -> Array:
        path = self._stored(image, _NYUD_PLACES[label])
        values = _values(path, _NYUD_PLACES[label])
        if label == "semseg":
            return values.astype(np.uint8)
        if label == "edge":
            return (values / 255 if values.dtype == np.uint8 and values.max() > 1 else values).astype(
                np.float32
            )
        if label == "depth":
            return values.astype(np.float32)
        return unit_normals(values) if values.dtype == np.uint8 else _unit(values)

    def _path(self, image: str, label: str) -> Path | None:
        folder = self.root / _NYUD_PLACES.get(label, label)
        paths = (folder / f"{image}{suffix}" for suffix in (".mat", ".png", ".jpg", ".npy"))
        return next((path for path in paths if path.exists()), None)

    def _stored(self, image: str, label: str) -> Path:
        path = self._path(image, label)
        if path is None:
            raise InputError(
                f"{self.root / label / image}: expected a file .mat, .png, .jpg or .npy, found none"
            )
        return path


_NYUD_PLACES = {"semseg": "segmentation", "edge": "edge", "normals": "normals", "depth": "depth"}


def boundaries(classes: Array) -> npt.NDArray[np.uint8]:
    """1 on the thinned borders between classes (H, W), where their Laplacian is not 0; else 0."""
    from skimage.morphology import thin  # takes half a second to import, and only boundaries need it

    borders = ndimage.laplace(classes.astype(np.float64), mode="mirror") != 0
    return np.asarray(thin(borders), np.uint8)  # type: ignore[no-untyped-call]


def unit_normals(colours: Array) -> npt.NDArray[np.float32]:
    """Unit normals from 8-bit colours (H, W, 3), 0 to 255 standing for −1 to 1; 0 where undefined."""
    return _unit(2 * colours.astype(np.float32) / 255 - 1)


def parts_of(people: Sequence[Mapping[str, Any]], path: Path) -> npt.NDArray[np.uint8]:
    """The parts of people as classes 1 to 6, and background as 0, (H, W).

    Raises:
        InputError: there is no person, or an unknown part.
    """
    if not people:
        raise InputError(f"{path}: expected a person with parts, found none")
    classes = np.zeros(np.shape(people[0]["mask"]), np.uint8)
    for person in people:
        for part in _listed(person["parts"]):
            if part["part_name"] not in _PART_OF:
                raise InputError(f"{path}: unknown part {part['part_name']!r} of a person")
            classes[np.asarray(part["mask"]).astype(bool)] = _PART_OF[part["part_name"]]
    return classes


def _unit(normals: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.asarray(normals / np.maximum(lengths, 1e-12), np.float32)


def _people(path: Path) -> list[Mapping[str, Any]]:
    """The people with parts in an annotation."""
    objects = _listed(_loaded(path, "anno")["objects"])
    return [entry for entry in objects if entry["class_ind"] == _PERSON and len(_listed(entry["parts"]))]


def _listed(entries: Any) -> list[Any]:  # noqa: ANN401 - what MATLAB's files hold
    """Entries of a MATLAB structure as a list; a single entry is stored without one."""
    return [entries] if isinstance(entries, dict) else list(entries)


def _lines(path: Path) -> list[str]:
    try:
        names = path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise InputError(f"{path}: expected the list of the split's images ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected the list of the split's images as text ({error})") from error
    for name in names:
        if leads_out(name):
            raise InputError(f"{path}: expected names of images in this data set, found {name[:80]!r}")
    return names


def _values(path: Path, name: str) -> Array:
    if path.suffix == ".mat":
        return _matrix(path, name)
    if path.suffix == ".npy":
        return _guarded(path, lambda: read_npy(path))
    return _label(path)


def _matrix(path: Path, name: str) -> Array:
    return np.asarray(_loaded(path, name))


def _loaded(path: Path, name: str) -> Any:  # noqa: ANN401 - what MATLAB's files hold
    variables = _guarded(path, lambda: io.loadmat(path, simplify_cells=True))
    if name not in variables:
        raise InputError(f"{path}: expected a variable {name!r}, found {', '.join(sorted(variables))}")
    return variables[name]


def _label(path: Path, mode: str | None = None) -> npt.NDArray[np.uint8]:
    def load() -> npt.NDArray[np.uint8]:
        with open_picture(path, str(path)) as picture:
            return np.asarray(picture if mode is None else picture.convert(mode))

    return _guarded(path, load)


def _guarded(path: Path, load: Callable[[], Read]) -> Read:
    try:
        return load()
    # Pillow and scipy raise these for damaged files, and the last one for a .mat file of version 7.3.
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
