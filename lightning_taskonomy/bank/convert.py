"""Networks from one form of file to another: published files, safetensors, ONNX."""

from collections.abc import Callable, Iterable
from pathlib import Path

from lightning_taskonomy.bank.folder import OWN_SUFFIX, BankFolder
from lightning_taskonomy.bank.network import BankNetwork, bank_task, load, load_file
from lightning_taskonomy.bank.weights import write_network, write_published
from lightning_taskonomy.errors import InputError

FORMS = ("published", "safetensors", "onnx")


def networks_in(place: Path | None, tasks: Iterable[str] = ()) -> dict[str, Callable[[], BankNetwork]]:
    """What loads each network of a folder or file, by the tasks' names in the dictionary.

    Args:
        place: a folder of weights, or a file: safetensors, a checkpoint of `fit`, or a published encoder.
        tasks: names of those wanted; by default all of a folder. Of a file, what it was trained for.

    Raises:
        InputError: there are none, or a file is damaged.
    """
    named = [bank_task(task).name for task in tasks]
    if place is not None and place.is_file():
        if len(named) > 1:
            raise InputError(f"{place}: one file holds one task's network; found tasks {', '.join(named)}")
        network = load_file(place, named[0] if named else None)
        return {network.task.name: lambda: network}
    folder = BankFolder.open(place)
    wanted = named or [task for task, entry in folder.entries.items() if entry.has_encoder]
    if not wanted:
        raise InputError(f"{folder.path}: expected weights, found none in this folder")
    return {task: _loader(task, folder.path) for task in wanted}


def convert(network: BankNetwork, form: str, folder: Path) -> list[Path]:
    """Write a network in another form; gives the files.

    Args:
        network: a trained one.
        form: `published` for a file per part, named by its SHA-256, which the authors' own classes load;
            `safetensors` for one file; `onnx` for one file without Python.
        folder: where to.

    Raises:
        InputError: a file cannot be written, or does not compute what the network does.
    """
    task = network.task.name
    if form == "published":
        stored = network.stored
        files = [write_published(folder, task, "encoder", stored.encoder)]
        if stored.decoder is not None:
            files.append(write_published(folder, task, "decoder", stored.decoder))
        return files
    if form == "safetensors":
        path = folder / f"{task}{OWN_SUFFIX}"
        write_network(path, network.stored)
        return [path]
    from lightning_taskonomy.bank.onnx_export import export  # the other forms do not need ONNX

    path = folder / f"{task}.onnx"
    export(network, path)
    return [path]


def _loader(task: str, folder: Path) -> Callable[[], BankNetwork]:
    return lambda: load(task, folder)
