"""iNaturalist 2018 as tasks: species within a taxonomic order; and the paper's meta-task with CUB."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import ImageFiles
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.sources.cub import cub_tasks
from lightning_taskonomy.task2vec.targets import Targets
from lightning_taskonomy.task2vec.taxonomic import RANKS


def inaturalist_tasks(root: Path, size: int) -> list[LabelledTask]:
    """One task per order with at least two species, the order with the most training images first.

    In the published set these are 208 of 272 orders. Species are numbered alphabetically within an order.

    Args:
        root: The folder with train2018.json, categories.json (with names) and the images.
        size: Image size for the probe.

    Raises:
        InputError: a file is missing or malformed.
    """
    categories = {
        entry["id"]: entry for entry in _entries(root / "categories.json", None, ("id", "name", *RANKS))
    }
    training = root / "train2018.json"
    files = {entry["id"]: entry["file_name"] for entry in _entries(training, "images", ("id", "file_name"))}
    paths, category_of = [], []
    for entry in _entries(training, "annotations", ("image_id", "category_id")):
        if entry["image_id"] not in files or entry["category_id"] not in categories:
            raise InputError(f"{training}: an annotation names the image {entry['image_id']} of category "
                             f"{entry['category_id']}; one of them is not listed")  # fmt: skip
        paths.append(root / files[entry["image_id"]])
        category_of.append(entry["category_id"])
    orders: dict[str, list[dict[str, Any]]] = {}
    for entry in categories.values():
        orders.setdefault(entry["order"], []).append(entry)
    labels, images = np.array(category_of), ImageFiles(paths, size)
    tasks = []
    for order, members in orders.items():
        members.sort(key=lambda entry: str(entry["name"]))
        classes = {entry["id"]: place for place, entry in enumerate(members)}
        rows = np.flatnonzero(np.isin(labels, list(classes)))
        if len(members) > 1 and len(rows):
            targets = Targets.of("classes", [classes[label] for label in labels[rows].tolist()], len(members))
            about = {
                "taxonomy": [members[0][rank] for rank in RANKS],
                "classes": [m["name"] for m in members],
            }
            group = str(members[0]["class"])
            tasks.append(LabelledTask(f"inat {order}", images, targets, rows, group, about=about))
    if not tasks:
        raise InputError(f"{root / 'categories.json'}: expected an order with two species; found none")
    return sorted(tasks, key=lambda task: (-len(task.rows), task.name))


def cub_inaturalist_tasks(root: Path, size: int) -> list[LabelledTask]:
    """The paper's mixed meta-task: the tasks of CUB, orders before families, then those of iNaturalist.

    Args:
        root: The folder with CUB_200_2011 (or cub/CUB_200_2011) and inat2018.
        size: Image size for the probe.

    Raises:
        InputError: a folder or file is missing or malformed.
    """
    cub = next(
        (path for path in (root / "cub" / "CUB_200_2011", root / "CUB_200_2011") if path.is_dir()), None
    )
    if cub is None or not (root / "inat2018").is_dir():
        raise InputError(f"{root}: expected the folders CUB_200_2011 and inat2018")
    birds = sorted(cub_tasks(cub, size), key=lambda task: task.group == "Passeriformes")
    return [*birds, *inaturalist_tasks(root / "inat2018", size)]


def _entries(path: Path, key: str | None, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: expected JSON ({error})") from error
    found = content.get(key) if key is not None and isinstance(content, dict) else content
    if not isinstance(found, list):
        raise InputError(f"{path}: expected a list{f' {key!r}' if key else ''}")
    for number, entry in enumerate(found):
        missing = [field for field in fields if not isinstance(entry, dict) or field not in entry]
        if missing:
            raise InputError(
                f"{path}: entry {number} of {key or 'the list'}: expected the key {missing[0]!r}"
            )
    return found
