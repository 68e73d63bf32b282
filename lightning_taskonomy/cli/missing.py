"""Missing packages that a command needs, and the installation extra that provides them."""

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
"""By import name, the extras that provide a package, as in setup.cfg."""

_PREFERRED = {"data": "render"}
"""By group, which of several extras suits its commands."""


def needed(command: str, error: ModuleNotFoundError) -> str:
    """A one-line message that names the missing package and how to install it.

    Args:
        command: its words, as in `data rooms`.
        error: the import error.

    Raises:
        ModuleNotFoundError: again, where a module of this package itself is missing: users cannot fix that.
    """
    if error.name is None:  # raised explicitly; Lightning's message says what to install
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
    """Whether a command's words ask for its help."""
    return "-h" in words or "--help" in words


def print_help_without_options(program: str, text: str, lacking: str) -> None:
    """Print the partial help of a command whose packages are missing.

    Args:
        program: the command as typed.
        text: what it does, and any known options.
        lacking: which packages are missing, and how to install them.
    """
    print(f"usage: {program} [OPTIONS]\n\n{text}\n\nTo see every option and to run it: {lacking}")
