"""Packages that a command needs and this environment lacks: which extra of the installation brings them."""

from collections.abc import Mapping, Sequence

_BROUGHT_BY: Mapping[str, Sequence[str]] = {
    "torch": ("train",),
    "pytorch_lightning": ("train",),
    "lightning_fabric": ("train",),
    "lightning_utilities": ("train",),
    "torchmetrics": ("train",),
    "tensorboard": ("train",),
    "safetensors": ("train",),
    "psutil": ("train",),
    "fsspec": ("train",),
    "webdataset": ("train", "render"),
    "simplejpeg": ("train", "render"),
    "PIL": ("train", "render"),
    "skimage": ("train", "render"),
    "numba": ("render",),
    "trimesh": ("render",),
    "embreex": ("render",),
    "av": ("bank",),
    "onnx": ("bank",),
    "onnxruntime": ("bank",),
    "huggingface_hub": ("bank",),
    "dash": ("explore",),
    "dash_cytoscape": ("explore",),
    "plotly": ("explore",),
}
"""By a package's name in `import`, the extras that bring it, as in setup.cfg."""

_PREFERRED = {"data": "render"}
"""By group, which of several extras fits what its commands do."""


def needed(command: str, error: ModuleNotFoundError) -> str:
    """What a command lacks, in a line that says how to install it.

    Args:
        command: its words, as in `data rooms`.
        error: what its imports end in.

    Raises:
        ModuleNotFoundError: again, where a module of this package itself is absent: no user can mend that.
    """
    if error.name is None:  # raised by hand; Lightning's says itself what to install
        return f"{command}: {error}"
    package = error.name.partition(".")[0]
    if package == __name__.partition(".")[0]:
        raise error
    extras = _BROUGHT_BY.get(package)
    if extras is None:
        return f"{command} needs the package {package}, which is not installed"
    preferred = _PREFERRED.get(command.partition(" ")[0])
    extra = preferred if preferred in extras else extras[0]
    return f"{command} needs {package}: pip install 'lightning_taskonomy[{extra}]'"


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether a command's words ask what it does."""
    return "-h" in words or "--help" in words


def print_help_without_options(program: str, text: str, lacking: str) -> None:
    """What can be said of a command whose packages are missing.

    Args:
        program: how the command is called.
        text: what it does, and its options as far as they are known.
        lacking: which packages are missing, and how to install them.
    """
    print(f"usage: {program} [OPTIONS]\n\n{text}\n\nTo see every option and to run it: {lacking}")
