"""iMaterialist (Fashion) 2018 as tasks: the presence of each attribute, on the same images for all."""

import csv
import json
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import ImageFiles
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets


def imaterialist_tasks(root: Path, size: int) -> list[LabelledTask]:
    """A binary task per attribute that some images have and others do not.

    Args:
        root: The folder with train.json, the images as train/<imageId>.jpg, and optionally labels.csv, which
            has columns label_id, label_name and task_name.
        size: Image size for the probe.

    Raises:
        InputError: a file is missing or malformed.
    """
    path = root / "train.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        numbers = [str(entry["imageId"]) for entry in content["images"]]
        labels = {
            str(entry["imageId"]): {int(label) for label in entry["labelId"]}
            for entry in content["annotations"]
        }
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        expected = "expected images with imageId, and annotations with imageId and a list labelId"
        raise InputError(f"{path}: {expected} ({error})") from error
    names, groups = _names(root / "labels.csv")
    present = [labels.get(number, set()) for number in numbers]
    images = ImageFiles([root / "train" / f"{number}.jpg" for number in numbers], size)
    tasks = []
    for label in sorted(set().union(*present)):
        has = np.array([label in found for found in present], dtype=np.int64)
        if has.min() == has.max():
            continue
        name = f"imat {label} {names[label]}" if label in names else f"imat {label}"
        targets = Targets.of("classes", has, 2)
        about = {"task_id": label - 1}
        tasks.append(
            LabelledTask(name, images, targets, np.arange(len(has)), groups.get(label, ""), about=about)
        )
    if not tasks:
        raise InputError(f"{path}: expected an attribute that some images have and others lack; found none")
    return tasks


def _names(path: Path) -> tuple[dict[int, str], dict[int, str]]:
    """Names of attributes and of their groups by label, or none if the file does not exist."""
    if not path.exists():
        return {}, {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return (
            {int(row["label_id"]): row["label_name"] for row in rows},
            {int(row["label_id"]): row["task_name"] for row in rows},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected columns label_id, label_name and task_name ({error})") from error
