"""Small folders in the layouts of PASCAL_MT and NYUD_MT, written with scipy and Pillow alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import io

HEIGHT, WIDTH = 50, 70
PERSON, DOG = 15, 12
PARTS = {"head": (5, 15), "luarm": (15, 25), "rfoot": (35, 45)}
"""Rows that a person's parts cover."""


def picture(path: Path, values: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def matrix(path: Path, name: str, values: Any) -> None:  # noqa: ANN401 - whatever MATLAB holds
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, {name: values})


def structures(*entries: dict[str, Any]) -> npt.NDArray[Any]:
    """A MATLAB structure array."""
    names = list(entries[0])
    made = np.empty((1, len(entries)), dtype=[(name, object) for name in names])
    for place, entry in enumerate(entries):
        for name in names:
            made[0, place][name] = entry[name]
    return made


def band(rows: tuple[int, int]) -> npt.NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[slice(*rows), 20:50] = 1
    return mask


def annotation(people: int) -> dict[str, Any]:
    parts = structures(*({"part_name": name, "mask": band(rows)} for name, rows in PARTS.items()))
    person = {"class": "person", "class_ind": PERSON, "mask": band((5, 45)), "parts": parts}
    dog = {"class": "dog", "class_ind": DOG, "mask": band((0, 5)), "parts": np.zeros((0, 0))}
    return {"imname": "x", "objects": structures(dog, *[person] * people)}


def normals_picture(random: np.random.Generator) -> npt.NDArray[np.uint8]:
    directions = random.normal(size=(HEIGHT, WIDTH, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.rint((directions + 1) * 127.5).astype(np.uint8)


def make_pascal(root: Path, train: int = 6, val: int = 3) -> Path:
    """All labels of all images, but people only on even ones and no saliency for the first of a split."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        ids = [f"2008_{split}{number}" for number in range(count)]
        folder = root / "ImageSets"
        (folder / "Context").mkdir(parents=True, exist_ok=True)
        (folder / "Context" / f"{split}.txt").write_text("\n".join(ids) + "\n")
        (folder / "Parts").mkdir(exist_ok=True)
        objects = {image: [DOG, *[PERSON] * (number % 2 == 0)] for number, image in enumerate(ids)}
        (folder / "Parts" / f"{split}.txt").write_text(json.dumps(objects))
        for number, image in enumerate(ids):
            photo = random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            picture(root / "JPEGImages" / f"{image}.jpg", photo)
            classes = np.zeros((HEIGHT, WIDTH), np.uint16)
            classes[10:30, 20:50], classes[30:] = 300, 46
            matrix(root / "pascal-context" / "trainval" / f"{image}.mat", "LabelMap", classes)
            seg = np.where(classes == 300, PERSON, 0).astype(np.uint8)
            seg[:, :3] = 255
            picture(root / "semseg" / ("VOC12" if number % 2 else "pascal-context") / f"{image}.png", seg)
            matrix(root / "human_parts" / f"{image}.mat", "anno", annotation(people=int(number % 2 == 0)))
            picture(root / "normals_distill" / f"{image}.png", normals_picture(random))
            if number:
                picture(root / "sal_distill" / f"{image}.png", band((10, 30)) * 200)
    return root


def make_nyud(root: Path, train: int = 4, val: int = 2, newer: bool = False) -> Path:
    """All labels; optionally in the formats of newer releases."""
    random = np.random.default_rng(1)
    for split, count in (("train", train), ("val", val)):
        ids = [str(1000 * (split == "val") + number) for number in range(count)]
        (root / "gt_sets").mkdir(parents=True, exist_ok=True)
        (root / "gt_sets" / f"{split}.txt").write_text("\n".join(ids))
        for image in ids:
            photo = random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
            picture(root / "images" / f"{image}.jpg", photo)
            picture(root / "normals" / f"{image}.jpg", normals_picture(random))
            classes = random.integers(0, 41, (HEIGHT, WIDTH)).astype(np.uint8)
            depth = random.uniform(0.5, 9, (HEIGHT, WIDTH)).astype(np.float32)
            depth[:4] = 0
            picture(root / "edge" / f"{image}.png", band((20, 22)) * 255)
            if newer:
                picture(root / "segmentation" / f"{image}.png", classes)
                (root / "depth").mkdir(exist_ok=True)
                np.save(root / "depth" / f"{image}.npy", depth)
            else:
                matrix(root / "segmentation" / f"{image}.mat", "segmentation", classes)
                matrix(root / "depth" / f"{image}.mat", "depth", depth)
    return root
