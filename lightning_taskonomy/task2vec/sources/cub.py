"""CUB-200-2011 as tasks: classify species within an order, or within a family of birds.

The published set does not contain the order and family of each species. The user supplies them in a file
`taxonomy.txt` with one line per species: label, class name, order, family, genus, species, separated by
spaces.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import ImageFiles
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.targets import Targets

TAXONOMY = "taxonomy.txt"
Value = TypeVar("Value")


class Species(NamedTuple):
    """A line of the taxonomy."""

    label: int
    name: str
    order: str
    family: str
    genus: str
    species: str


def cub_tasks(root: Path, size: int) -> list[LabelledTask]:
    """One task per order with at least two species, and one per such family of Passeriformes.

    Tasks are listed as their order or family first appears in the taxonomy, and classes in the order of its
    lines. The order Passeriformes, most of the set, is split into families.

    Args:
        root: CUB_200_2011, with images/, images.txt, image_class_labels.txt, train_test_split.txt, and
            taxonomy.txt.
        size: Image size for the probe.

    Raises:
        InputError: a file is missing, or a line is malformed.
    """
    species = _taxonomy(root / TAXONOMY)
    names = _column(root / "images.txt", str)
    labels = _column(root / "image_class_labels.txt", int)
    training = _column(root / "train_test_split.txt", int)
    for file, found in (("image_class_labels.txt", labels), ("train_test_split.txt", training)):
        missing = sorted(set(names) - set(found))
        if missing:
            raise InputError(f"{root / file}: expected a line for the image {missing[0]}; there is none")
    numbers = [number for number in names if training[number] == 1]
    images = ImageFiles([root / "images" / names[number] for number in numbers], size)
    label_of = np.array([labels[number] for number in numbers])
    groups: dict[str, list[Species]] = {}
    for bird in species:
        group = bird.family if bird.order == "Passeriformes" else bird.order
        groups.setdefault(f"cub {group}", []).append(bird)
    tasks = []
    for name, members in groups.items():
        classes = {bird.label: index for index, bird in enumerate(members)}
        rows = np.flatnonzero(np.isin(label_of, list(classes)))
        if len(members) > 1 and len(rows):
            targets = Targets.of("classes", [classes[label] for label in label_of[rows]], len(members))
            tasks.append(LabelledTask(name, images, targets, rows, members[0].order, about=_about(members)))
    if not tasks:
        raise InputError(f"{root / TAXONOMY}: expected an order or family with two species; found none")
    return tasks


def _about(members: list[Species]) -> dict[str, object]:
    return {
        "taxonomy": ["Animalia", "Chordata", "Aves", members[0].order],
        "classes": [m.name for m in members],
    }


def _taxonomy(path: Path) -> list[Species]:
    found = []
    for number, words in _lines(path):
        if len(words) != len(Species._fields) or not words[0].isdigit():
            expected = "expected label, class name, order, family, genus and species"
            raise InputError(f"{path}, line {number}: {expected}; found {' '.join(words)!r}")
        found.append(Species(int(words[0]), *words[1:]))
    return found


def _column(path: Path, kind: Callable[[str], Value]) -> dict[int, Value]:
    found = {}
    for number, words in _lines(path):
        try:
            key, value = words
            found[int(key)] = kind(value)
        except ValueError:
            line = " ".join(words)
            raise InputError(
                f"{path}, line {number}: expected a number and a value; found {line!r}"
            ) from None
    return found


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        hint = (
            " (it is not part of the published set; see the documentation)" if path.name == TAXONOMY else ""
        )
        raise InputError(f"{path}: cannot read this file ({error.strerror}){hint}") from error
    return [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
