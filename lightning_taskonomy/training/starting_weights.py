"""Beginning with the weights of a trained network, of the same task or of another one."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import Weights, read_weights

_MAY_DIFFER = {"encoder": ("conv1.",), "decoder": ("decoder_output.", "fc2.")}
"""By part, its layer that depends on what a task reads or gives; it stays as it is where shapes differ."""
_NETWORK, _ENCODER = "network.", "encoder."
_SHOWN = 3


def begin_with(network: nn.Module, path: Path) -> str:
    """Take the weights of a file, part by part, where their shapes fit.

    A part fits whose layers have the file's shapes, all but the layer that reads pictures or gives outputs.

    Args:
        network: with an `encoder` and a `decoder`.
        path: a checkpoint of `fit`, a bank's safetensors, or a published encoder (`.pth`).

    Returns:
        What was taken and what was not, in a line.

    Raises:
        InputError: no such file, not one of weights, or its encoder does not fit.
    """
    found = _read(path)
    said = []
    for part, layers in _MAY_DIFFER.items():
        own = network.get_submodule(part).state_dict()
        its = {
            name.removeprefix(f"{part}."): values for name, values in found.items() if name.startswith(part)
        }
        differing = [name for name in own if name not in its or its[name].shape != own[name].shape]
        fits = bool(its) and all(name.startswith(layers) for name in differing)
        if part == "encoder" and not fits:
            raise InputError(
                f"{path}: its encoder does not fit this network ({_difference(own, its, differing)})"
            )
        if not fits:
            reason = _difference(own, its, differing) if its else "none in the file"
            said.append(f"not the {part} ({reason})")
            continue
        own.update({name: its[name] for name in own if name not in differing})
        network.get_submodule(part).load_state_dict(own)
        left = f" without {', '.join(differing[:_SHOWN])} (other shapes)" if differing else ""
        said.append(f"the {part}{left}")
    return f"{path}: took {', '.join(said)}"


def _difference(own: Mapping[str, Tensor], its: Mapping[str, Tensor], differing: list[str]) -> str:
    if not its:
        return "the file has none"
    name = differing[0]
    shape = list(its[name].shape) if name in its else "none"
    return f"{name}: expected {list(own[name].shape)}, found {shape}"


def _read(path: Path) -> Weights:
    """Weights by `encoder.<name>` and `decoder.<name>`."""
    found = read_weights(path)
    if any(name.startswith(_NETWORK) for name in found):
        found = {name.removeprefix(_NETWORK): own for name, own in found.items() if name.startswith(_NETWORK)}
    if any(name.startswith(_ENCODER) for name in found):
        return found
    return {f"{_ENCODER}{name}": own for name, own in found.items()}
