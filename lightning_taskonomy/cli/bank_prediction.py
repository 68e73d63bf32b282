"""The part of `bank predict` that needs torch."""

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from lightning_taskonomy.bank.class_names import class_names
from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.bank.network import BankNetwork, load, tasks_in
from lightning_taskonomy.bank.predictor import predict
from lightning_taskonomy.bank.shots import found_files, is_video, pictures
from lightning_taskonomy.bank.writing import Wanted, write_pictures, write_video
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.core.pictures import PictureError
from lightning_taskonomy.tasks import task_named

Item = TypeVar("Item")
_LEAST_SIDE = 256


@dataclass(frozen=True)
class PredictionOptions:
    """The options of the command, described in its help."""

    images: Sequence[Path]
    weights: Path | None
    task: Sequence[str]
    out: Path
    names: Sequence[str]
    field_of_view: float
    raw: bool
    representations: bool
    batch_size: int
    device: str


def run_prediction(options: PredictionOptions) -> None:
    """Predict every task for every picture and video; unreadable ones are named and left out.

    Raises:
        InputError: unusable weights, or no readable picture or video.
    """
    if options.batch_size < 1:
        raise InputError(f"batch-size: expected at least 1, found {options.batch_size}")
    if not 10 <= options.field_of_view <= 170:
        raise InputError(f"field-of-view: expected 10 to 170 degrees, found {options.field_of_view:g}")
    files = found_files(options.images)
    videos = [file for file in files if is_video(file.path)]
    photos = [file for file in files if file not in videos]
    if videos and importlib.util.find_spec("av") is None:
        raise InputError(f"{videos[0].path}: videos need PyAV; install it with pip install '.[bank]'")
    device = _device(options.device)
    names = _names(options.names)
    wanted = Wanted(options.raw, options.representations, names, options.field_of_view)
    networks = _networks(options)
    size = max(_LEAST_SIDE, *(network.size for network in networks))
    with output_folder(options.out) as out:
        count = 0
        if photos:
            shots = pictures(photos, size, _left_out, _say)
            found = predict(networks, shots, options.batch_size, device)
            count = write_pictures(out, _watched(found, "predicting", len(photos)), wanted)
            if count:
                print(f"written: {out}: {count} pictures, {len(networks)} tasks")
        for name, path in videos:
            from lightning_taskonomy.bank.video import Video  # pictures do not need PyAV

            try:
                video = Video(path)
                found = predict(networks, video.shots(size), options.batch_size, device)
                watched = _watched(found, path.name, video.frames)
                frames = write_video(out, name, video.rate, watched, wanted)
            except PictureError as error:
                _left_out(error)
                continue
            count += 1
            print(f"written: {out}: {path.name}: {frames} frames, {len(networks)} tasks")
            if video.cut is not None:
                _say(video.cut)
        if not count:
            raise InputError(f"images: none of the {len(files)} pictures and videos can be read")


def _left_out(error: PictureError) -> None:
    _say(f"left out: {error}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _networks(options: PredictionOptions) -> list[BankNetwork]:
    folder = BankFolder.open(options.weights)
    tasks = tasks_in(folder, options.task)
    if not options.task:
        tasks.sort(key=lambda task: task.name)
    loaded: list[BankNetwork] = []
    with progress("loading", len(tasks)) as step:
        for task in tasks:
            network = load(task, folder.path)
            if network.decoder is not None or options.representations:
                loaded.append(network)
            elif options.task:
                raise InputError(
                    f"{task.name}: no decoder in {folder.path}; --representations writes the encoder's output"
                )
            step()
    if not loaded:
        raise InputError(
            f"{folder.path}: expected decoders, found none (--representations uses encoders alone)"
        )
    return loaded


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"device: cannot use {name!r} ({reason})") from error
    return name


def _names(pairs: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        task, equals, path = pair.partition("=")
        if not (task and equals and path):
            raise InputError(f"names: expected TASK=FILE, found {pair!r}")
        found = task_named(task)
        names[found.name] = class_names(found, Path(path))
    return names


def _watched(items: Iterable[Item], title: str, count: int) -> Iterator[Item]:
    """The same items, with a progress bar where there is a terminal."""
    with progress(title, count) as step:
        for item in items:
            yield item
            step()
