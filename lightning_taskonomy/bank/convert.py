"""Converting networks between file formats: published files, safetensors, ONNX."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from lightning_taskonomy.bank.folder import OWN_SUFFIX, BankFolder
from lightning_taskonomy.bank.network import BankNetwork, load, load_file, tasks_in
from lightning_taskonomy.bank.published import Part
from lightning_taskonomy.bank.weights import write_network, write_published
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks import task_named

FORMS = ("published", "safetensors", "onnx")


def networks_in(place: Path | None, tasks: Iterable[str] = ()) -> dict[str, Callable[[], BankNetwork]]:
    """A loader for each network of a folder or file, by task name in the dictionary.

    Args:
        place: a folder of weights, or a file: safetensors, a checkpoint of `fit`, or a published encoder.
        tasks: names of the tasks wanted, by default all in the folder; for a file, the task it was trained
            for.

    Raises:
        InputError: there are no networks, or a file is damaged.
    """
    names = list(tasks)
    if place is not None and place.is_file():
        if len(names) > 1:
            raise InputError(f"{place}: one file holds one task's network; found tasks {', '.join(names)}")
        network = load_file(place, task_named(names[0]) if names else None)
        return {network.task.name: lambda: network}
    folder = BankFolder.open(place)
    return {task.name: partial(load, task, folder.path) for task in tasks_in(folder, names)}


def convert(network: BankNetwork, form: str, folder: Path) -> list[Path]:
    """Write a network in another format and return the files.

    Args:
        network: a trained network.
        form: `published` for one file per part, named by its SHA-256, which the authors' own classes load;
            `safetensors` for a single file; `onnx` for a single file that runs without Python.
        folder: to write to.

    Raises:
        InputError: a file cannot be written, or does not compute what the network does.
    """
    task = network.task.name
    if form == "published":
        stored = network.stored
        parts: tuple[Part, ...] = ("encoder",) if stored.decoder is None else ("encoder", "decoder")
        return [write_published(folder, part, stored) for part in parts]
    if form == "safetensors":
        path = folder / f"{task}{OWN_SUFFIX}"
        write_network(path, network.stored)
        return [path]
    from lightning_taskonomy.bank.onnx_export import export  # the other formats do not need ONNX

    path = folder / f"{task}.onnx"
    export(network, path)
    return [path]
