"""Initialising a network from a trained one, of the same task or another."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import Weights, read_weights

_MAY_DIFFER = {"encoder": ("conv1.",), "decoder": ("decoder_output.", "fc2.")}
"""The layers of each part that depend on a task's input or output; they are skipped where shapes differ."""
_NETWORK, _ENCODER = "network.", "encoder."
_SHOWN = 3


def begin_with(network: nn.Module, path: Path) -> str:
    """Load the weights of a file, part by part, where their shapes fit.

    A part fits if the shapes of all its layers match the file, except the layer that reads images or gives
    outputs.

    Args:
        network: with an `encoder` and a `decoder`.
        path: a checkpoint of `fit`, a bank's safetensors, or a published encoder (`.pth`).

    Returns:
        What was loaded and what was not, in a line.

    Raises:
        InputError: there is no such file, it is no weight file, or its encoder does not fit.
    """
    weights = _read(path)
    parts = []
    for part, layers in _MAY_DIFFER.items():
        state = network.get_submodule(part).state_dict()
        stored = {
            name.removeprefix(f"{part}."): values for name, values in weights.items() if name.startswith(part)
        }
        differing = [name for name in state if name not in stored or stored[name].shape != state[name].shape]
        fits = bool(stored) and all(name.startswith(layers) for name in differing)
        if part == "encoder" and not fits:
            raise InputError(
                f"{path}: its encoder does not fit this network ({_difference(state, stored, differing)})"
            )
        if not fits:
            reason = _difference(state, stored, differing) if stored else "none in the file"
            parts.append(f"not the {part} ({reason})")
            continue
        state.update({name: stored[name] for name in state if name not in differing})
        network.get_submodule(part).load_state_dict(state)
        skipped = f" without {', '.join(differing[:_SHOWN])} (other shapes)" if differing else ""
        parts.append(f"the {part}{skipped}")
    return f"{path}: took {', '.join(parts)}"


def _difference(state: Mapping[str, Tensor], stored: Mapping[str, Tensor], differing: list[str]) -> str:
    if not stored:
        return "the file has none"
    name = differing[0]
    shape = list(stored[name].shape) if name in stored else "none"
    return f"{name}: expected {list(state[name].shape)}, found {shape}"


def _read(path: Path) -> Weights:
    """Weights by `encoder.<name>` and `decoder.<name>`."""
    weights = read_weights(path)
    if any(name.startswith(_NETWORK) for name in weights):
        weights = {
            name.removeprefix(_NETWORK): values
            for name, values in weights.items()
            if name.startswith(_NETWORK)
        }
    if any(name.startswith(_ENCODER) for name in weights):
        return weights
    return {f"{_ENCODER}{name}": values for name, values in weights.items()}
