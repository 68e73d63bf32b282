"""`bank convert`: trained networks from one form of file to another."""

import importlib.util
from pathlib import Path

from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder


def convert(weights: Path, out: Path, to: str, task: tuple[str, ...] = ()) -> None:
    """Write trained networks as published files, as safetensors, or as ONNX.

    Networks of `fit` and of `taxonomy run` become files that the published classes load, and the other way
    round. ONNX files are run and compared with the network before they are kept.

    Args:
        weights: folder of weights, or a file: .safetensors, .ckpt, or a published encoder
        out: folder to write to
        to: published, safetensors or onnx
        task: names of tasks; by default all of the folder, or what the file says
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
