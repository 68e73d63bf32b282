"""Folders of weights in the published layout, written by the classes that wrote the published ones."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from tests.nn.conftest import reference
from tests.nn.trained_statistics import unsettle

__all__ = ["reference", "written_by_reference"]

Written = Callable[[str, Path], tuple[nn.Module, nn.Module | None]]


def publish(folder: Path, task: str, part: str, network: nn.Module) -> Path:
    """Write a network as the published files are, named by its content."""
    path = folder / "unnamed"
    torch.save({"state_dict": network.state_dict()}, path)
    return path.rename(folder / f"{task}_{part}-{sha256(path.read_bytes()).hexdigest()}.pth")


@pytest.fixture(scope="session")
def written_by_reference(reference: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes and returns a task's encoder and, where one is published, decoder, with random weights.

    Tasks whose networks have the same shape share random weights: writing each anew takes minutes.
    """
    made: dict[object, tuple[nn.Module, Path]] = {}
    folder = tmp_path_factory.mktemp("reference")

    def linked(kind: object, make: Callable[[], nn.Module], name: str) -> nn.Module:
        if kind not in made:
            torch.manual_seed(len(made))
            network = make()
            unsettle(network)
            made[kind] = network, publish(folder, "any", "encoder", network)
        network, path = made[kind]
        os.link(path, f"{name}-{path.stem.rsplit('-')[-1]}.pth")
        return network

    def write(task: str, to: Path) -> tuple[nn.Module, nn.Module | None]:
        encoder = linked(
            "encoder",
            lambda: reference.TaskonomyEncoder(normalize_outputs=False),
            f"{to}/{task}_encoder",
        )
        if f"{task}_decoder" not in reference.TASKONOMY_PRETRAINED_URLS:
            return encoder, None
        options = {
            "out_channels": reference.TASKS_TO_CHANNELS[task],
            "is_decoder_mlp": task in reference.FEED_FORWARD_TASKS,
            "apply_tanh": task not in reference.DONT_APPLY_TANH_TASKS,
        }
        decoder = linked(
            tuple(options.items()),
            lambda: reference.TaskonomyDecoder(**options),
            f"{to}/{task}_decoder",
        )
        return encoder, decoder

    return write
