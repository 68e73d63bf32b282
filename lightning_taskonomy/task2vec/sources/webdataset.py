"""Tasks in WebDataset shards: pictures beside class numbers or labels of several tasks."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from webdataset.tariterators import group_by_keys, tar_file_iterator

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.images import PICTURE_SUFFIXES, ImageArrays, middle
from lightning_taskonomy.task2vec.labelled_task import LabelledTask, guessed_kind
from lightning_taskonomy.task2vec.targets import Targets


def webdataset_tasks(root: Path, size: int) -> list[LabelledTask]:
    """Tasks of tar files, read once and kept at the probe's size.

    A sample is a picture with a class number, `KEY.jpg` and `KEY.cls`: the task `class`. Or with labels of
    several tasks, `KEY.json`: a mapping from tasks to a class number, or a list of numbers; a task's pictures
    are those that have one.

    Args:
        root: A shard, or a folder of them.
        size: Of the pictures, for the probe.

    Raises:
        InputError: there are no shards, or a sample is not of this form.
    """
    shards = sorted(root.glob("*.tar")) if root.is_dir() else [root]
    if not shards:
        raise InputError(f"{root}: no shards (*.tar) in this folder")
    pictures: list[Any] = []
    labels: dict[str, tuple[list[int], list[Any]]] = {}
    for shard in shards:
        for sample in _samples(shard):
            where = f"{shard}: sample {sample['__key__']}"
            for task, value in _labels(sample, where).items():
                rows, values = labels.setdefault(task, ([], []))
                rows.append(len(pictures))
                values.append(value)
            pictures.append(_picture(sample, size, where))
    if not labels:
        raise InputError(
            f"{root}: expected class numbers (.cls) or labels (.json) beside pictures; found none"
        )
    images = ImageArrays(np.stack(pictures), size)
    return [_task(root, name, images, *found) for name, found in sorted(labels.items())]


def _task(root: Path, name: str, images: ImageArrays, rows: list[int], values: list[Any]) -> LabelledTask:
    try:
        array = np.array(values)
        return LabelledTask(name, images, Targets.of(guessed_kind(array), array), np.array(rows))
    except ValueError as error:  # lists of different lengths; or an InputError
        raise InputError(f"{root}: task {name}: {error}") from error


def _samples(shard: Path) -> Iterator[dict[str, Any]]:
    try:
        with shard.open("rb") as file:
            parts = ({**part, "__url__": str(shard)} for part in tar_file_iterator(file))
            yield from group_by_keys(parts)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise InputError(f"{shard}: expected a shard of pictures and labels ({error})") from error


def _labels(sample: dict[str, Any], where: str) -> dict[str, Any]:
    if "json" in sample:
        try:
            found = json.loads(sample["json"])
        except ValueError as error:
            raise InputError(f"{where}: expected JSON ({error})") from error
        if not isinstance(found, dict):
            raise InputError(f"{where}: expected a mapping from tasks to labels in its .json")
        return found
    if "cls" not in sample:
        return {}
    text = sample["cls"].decode(errors="replace").strip()
    if not text.isdigit():
        raise InputError(f"{where}: expected a class number in its .cls, found {text!r}")
    return {"class": int(text)}


def _picture(sample: dict[str, Any], size: int, where: str) -> Any:  # noqa: ANN401 - an array
    for suffix, data in sample.items():
        if f".{suffix}" in PICTURE_SUFFIXES:
            try:
                return middle(data, size)
            except OSError as error:
                raise InputError(f"{where}: its .{suffix} is no picture ({error})") from error
    raise InputError(
        f"{where}: expected a picture; found {', '.join(name for name in sample if name[0] != '_')}"
    )
