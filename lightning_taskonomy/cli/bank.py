"""The group `bank`: list, use and convert trained networks. Only commands that need torch import it."""

import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path

from lightning_taskonomy.bank.fetch import fetch as fetch_file
from lightning_taskonomy.bank.fetch import published_files
from lightning_taskonomy.bank.folder import FOLDER_VARIABLE, BankFolder
from lightning_taskonomy.bank.listing import ListedFile, listed, tasks_listed
from lightning_taskonomy.bank.published import PUBLISHED_AT
from lightning_taskonomy.cli.commands import run_command
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, output_folder

COMMANDS = dict.fromkeys(("list", "fetch", "predict", "convert", "push", "pull"), __name__)
_HASH = re.compile(r"-[0-9a-f]{64}\.pth$")
_COLUMNS = ("name", "title", "part", "channels", "state", "place")


def run(program: str, words: Sequence[str]) -> None:
    """Run the command that the first word names.

    Raises:
        InputError: a bad option or bad input.
    """
    run_command(program, COMMANDS, words)


def list_(*, weights: Path | None = None, mirror: str = PUBLISHED_AT, hashes: bool = False) -> None:
    """List the published networks and those in a folder.

    Every file in the folder is read, and its SHA-256 compared with the one in its name.

    Args:
        weights: folder of weights; by default LIGHTNING_TASKONOMY_BANK, if that is set
        mirror: address of the published files, as in `bank fetch`
        hashes: show full file names, with the SHA-256 of their content
    """
    folder = None
    if weights is not None or os.environ.get(FOLDER_VARIABLE):
        folder = BankFolder.open(weights)
    with progress("checking", len(tasks_listed(folder))) as step:
        rows = listed(folder, mirror.rstrip("/"), step)
    print("\n".join(_table(rows, hashes)))
    if not hashes and any(row.state == "absent" for row in rows):
        print(f"bank fetch downloads absent files from {mirror}")
    damaged = [row for row in rows if row.is_damaged]
    if damaged:
        raise InputError(f"{len(damaged)} damaged files; the first is {damaged[0].place}: {damaged[0].state}")


def _table(rows: Sequence[ListedFile], hashes: bool) -> Sequence[str]:
    cells = [
        _COLUMNS,
        *((r.name, r.title, r.part, _number(r.channels), r.state, _place(r, hashes)) for r in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _place(row: ListedFile, hashes: bool) -> str:
    """Where a file is or can be downloaded; without hashes, nothing for absent files."""
    if hashes:
        return row.place
    return "" if row.state == "absent" else _HASH.sub("-….pth", row.place)


def _number(channels: int | None) -> str:
    return "" if channels is None else str(channels)


def fetch(*, weights: Path, task: tuple[str, ...] = (), mirror: str = PUBLISHED_AT) -> None:
    """Download published networks that are missing, and verify them.

    Args:
        weights: folder for the files
        task: names of tasks; by default all, about four gigabytes
        mirror: address of the published files
    """
    files = published_files(task)
    make_folder(weights)
    with progress("fetching", len(files)) as step:
        fetched = 0
        for file in files:
            fetched += fetch_file(file, weights, mirror)
            step()
    print(f"{weights}: {fetched} files fetched, {len(files) - fetched} already there")


def predict(
    images: tuple[Path, ...],
    *,
    weights: Path | None = None,
    task: tuple[str, ...] = (),
    out: Path,
    names: tuple[str, ...] = (),
    field_of_view: float = 60.0,
    raw: bool = False,
    representations: bool = False,
    batch_size: int = 8,
    device: str = "auto",
) -> None:
    """Draw every task's prediction for pictures and videos.

    Writes PICTURE_TASK.png and PICTURE_sheet.png, or .mp4 for videos. Pictures are cropped to their central
    square. Tasks of several views use each picture together with those before it. Unreadable files are named
    and left out.

    Args:
        images: pictures, videos, or folders of pictures
        weights: folder of weights; by default LIGHTNING_TASKONOMY_BANK
        task: names of tasks; by default all of the folder that have a decoder
        out: folder to write to
        names: TASK=FILE: names of a task's classes, one per line
        field_of_view: degrees across the square picture, for overlays in perspective
        raw: write the networks' outputs as .npy
        representations: write the encoders' outputs as .npy
        batch_size: pictures at a time
        device: cpu, cuda, mps or another as torch names it
    """
    # Torch takes seconds to import: only after the options are valid, and not for --help.
    from lightning_taskonomy.cli.bank_prediction import PredictionOptions, run_prediction

    run_prediction(
        PredictionOptions(
            images, weights, task, out, names, field_of_view, raw, representations, batch_size, device
        )
    )


def convert(*, weights: Path, out: Path, to: str, task: tuple[str, ...] = ()) -> None:
    """Write trained networks as published files, as safetensors, or as ONNX.

    Networks of `fit` and of `taxonomy run` become files that the published classes load, and vice versa. ONNX
    files are run and compared with the network before they are kept.

    Args:
        weights: folder of weights, or a file: .safetensors, .ckpt, or a published encoder
        out: folder to write to
        to: published, safetensors or onnx
        task: names of tasks; by default all in the folder, or the file's own task
    """
    if to == "onnx" and importlib.util.find_spec("onnxruntime") is None:
        raise InputError("to: onnx needs onnx and onnxruntime; install them with pip install '.[bank]'")
    # Torch takes seconds to import.
    from lightning_taskonomy.bank.convert import FORMS, networks_in
    from lightning_taskonomy.bank.convert import convert as converted

    if to not in FORMS:
        raise InputError(f"to: expected one of {', '.join(FORMS)}, found {to!r}")

    networks = networks_in(weights, task)
    with output_folder(out), progress("converting", len(networks)) as step:
        files = []
        for load in networks.values():
            files += converted(load(), to, out)
            step()
    print("\n".join(f"written: {file}" for file in files))


def push(
    *, repository: str, weights: Path | None = None, task: tuple[str, ...] = (), private: bool = False
) -> None:
    """Upload trained networks to the Hugging Face Hub as safetensors, with a model card.

    Log in once with `hf auth login`. HF_ENDPOINT names another Hub.

    Args:
        repository: USER/NAME; created if it does not exist
        weights: folder of weights, or a file, as for `bank convert`; by default LIGHTNING_TASKONOMY_BANK
        task: names of tasks; by default all in the folder
        private: create a private repository
    """
    require_hub()
    # Torch takes seconds to import.
    from lightning_taskonomy.bank.convert import networks_in
    from lightning_taskonomy.bank.hub import push as pushed

    networks = networks_in(weights, task)
    with progress("preparing", len(networks)) as step:
        address = pushed(networks, repository, private, after_each=step)
    print(f"written: {address}: {len(networks)} networks")


def require_hub() -> None:
    """Check that the Hub's client is installed.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError("the Hub needs huggingface_hub; install it with pip install '.[bank]'")


def pull(*, repository: str, out: Path, revision: str | None = None, task: tuple[str, ...] = ()) -> None:
    """Download trained networks from the Hugging Face Hub, and check that they load.

    Only weights (safetensors) and the model card are downloaded. HF_ENDPOINT names another Hub.

    Args:
        repository: USER/NAME
        out: folder to write to
        revision: branch, tag or commit; by default the newest
        task: FILE.py:NAME of custom tasks that the networks are for; names in the files import nothing
    """
    require_hub()
    from lightning_taskonomy.bank.hub import pull as pulled  # torch takes seconds to import

    files = pulled(repository, out, revision, tasks=task)
    print(f"written: {out}: {len(files)} networks")
