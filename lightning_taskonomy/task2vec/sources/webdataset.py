"""Tasks in WebDataset shards: images with a class, or with labels of several tasks."""

import json
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from webdataset.tariterators import group_by_keys

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PICTURE_SUFFIXES, PictureError, read_picture
from lightning_taskonomy.task2vec.features import log_left_out
from lightning_taskonomy.task2vec.images import ImageArrays, middle
from lightning_taskonomy.task2vec.labelled_task import LabelledTask
from lightning_taskonomy.task2vec.sources.fields import buildable, require_known


def webdataset_tasks(root: Path, size: int, names: Sequence[str] = ()) -> list[LabelledTask]:
    """Tasks of tar files, read once and kept at the probe's size.

    A sample is an image `KEY.jpg` with a class index or name `KEY.cls`, which makes the task `class`; or with
    labels of several tasks, `KEY.json`: a mapping from tasks to a class index or name, or a list of values. A
    task's images are those with a label. Unreadable images are left out and named in the log.

    Args:
        root: A shard, or a folder of them.
        size: Image size for the probe.
        names: Names of the wanted tasks; by default all fields that can be tasks.

    Raises:
        InputError: there are no shards, one is truncated, a sample does not have this form, or a wanted field
            cannot be a task.
    """
    shards = sorted(root.glob("[!.]*.tar")) if root.is_dir() else [root]
    if not shards:
        raise InputError(f"{root}: no shards (*.tar) in this folder")
    pictures: list[Any] = []
    damaged: list[str] = []
    labels: dict[str, tuple[list[int], list[Any]]] = {}
    for shard in shards:
        for sample in _samples(shard):
            where = f"{shard}: sample {sample['__key__']}"
            try:
                picture = _picture(sample, size, where)
            except PictureError as error:
                damaged.append(str(error))
                continue
            for task, value in _labels(sample, where).items():
                rows, values = labels.setdefault(task, ([], []))
                rows.append(len(pictures))
                values.append(value)
            pictures.append(picture)
    log_left_out(damaged, len(pictures) + len(damaged))
    if not labels:
        raise InputError(f"{root}: expected classes (.cls) or labels (.json) beside the images; found none")
    require_known(names, sorted(labels), root)
    images = ImageArrays(np.stack(pictures), size)
    fields = {name: partial(_task, root, name, images, *labels[name]) for name in sorted(labels)}
    return buildable(fields, names)


def _task(root: Path, name: str, images: ImageArrays, rows: list[int], values: list[Any]) -> LabelledTask:
    try:
        return LabelledTask.of(name, images, values, rows=np.array(rows))
    except InputError as error:
        raise InputError(f"{root}: {error}") from error


def _samples(shard: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from group_by_keys(_members(shard))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{shard}: expected a shard of images and labels ({error})") from error


def _members(shard: Path) -> Iterator[dict[str, Any]]:
    """Files of a shard, except hidden ones such as `._NAME` of macOS.

    Raises:
        InputError: it is truncated. `tarfile` does not notice if that is between two members or in a header.
    """
    with tarfile.open(shard) as tar:
        for member in tar:
            if not member.isfile() or PurePosixPath(member.name).name.startswith("."):
                continue
            file = tar.extractfile(member)
            data = b"" if file is None else file.read()
            if len(data) < member.size:
                raise InputError(f"{shard}: cut short within {member.name}; expected a whole tar")
            yield {"fname": member.name, "data": data, "__url__": str(shard)}
        assert tar.fileobj is not None
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(2 * tarfile.BLOCKSIZE) != bytes(2 * tarfile.BLOCKSIZE):
            last = tar.getmembers()[-1:]
            after = f" after {last[0].name}" if last else ""
            raise InputError(
                f"{shard}: cut short{after}; expected a whole tar, which ends with two zero blocks"
            )


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
    if not text:
        raise InputError(f"{where}: expected a class number or name in its .cls, found nothing")
    return {"class": int(text) if text.lstrip("-").isdecimal() else text}


def _picture(sample: dict[str, Any], size: int, where: str) -> Any:  # noqa: ANN401 - an array
    for suffix, data in sample.items():
        if f".{suffix}" in PICTURE_SUFFIXES:
            return middle(read_picture(data, f"{where}.{suffix}"), size)
    found = ", ".join(name for name in sample if name[0] != "_")
    raise InputError(f"{where}: expected an image; found {found}")
