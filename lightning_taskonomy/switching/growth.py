"""Adding a task to a trained switching network: its code is new; the shared weights may stay frozen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import as_written
from lightning_taskonomy.core.weight_files import unpickled
from lightning_taskonomy.switching.networks import MultiTaskNet, SwitchedTasks
from lightning_taskonomy.tasks.conventions import require_conventions

Trained = Literal["code", "embedding", "all"]
"""What is trained for an added task: its code alone; the embedding network as well; or everything."""


def take_over(network: MultiTaskNet, path: str, description: Mapping[str, Any]) -> int:
    """Load the weights of a network for the first of the tasks; codes of the others are not changed.

    Args:
        network: for all tasks.
        path: of a checkpoint.
        description: of the network and its tasks, as in checkpoints.

    Returns:
        The number of tasks of the checkpoint.

    Raises:
        InputError: no such checkpoint, or it is of another network, other tasks or other label conventions.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such checkpoint")
    checkpoint = unpickled(Path(path))
    if not isinstance(checkpoint, Mapping):
        raise InputError(f"{path}: expected a checkpoint, found a {type(checkpoint).__name__}")
    stored = dict(checkpoint.get("switching") or {})
    require_conventions(stored.get("conventions"), path, "train again")
    known = list(stored.get("tasks", []))
    expected = {**description, "tasks": description["tasks"][: len(known)], "added": stored.get("added")}
    for name, value in expected.items():
        if name != "outputs" and as_written(stored.get(name)) != as_written(value):
            raise InputError(f"{path}: expected one with {name} {value}, found {stored.get(name, 'none')}")
    prefix = "network."
    state = {
        name.removeprefix(prefix): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(prefix)
    }
    codes = network.state_dict().get("codes.learned")
    if codes is not None:
        stored_codes = state.get("codes.learned", codes[:0])
        state["codes.learned"] = torch.cat([stored_codes, codes[len(stored_codes) :]])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit ({str(error).splitlines()[-1].strip()})") from error
    return len(known)


def freeze(network: MultiTaskNet, known: int, trained: Trained) -> None:
    """Freeze all weights that are not to be trained.

    Args:
        network: a switching network with learned codes of the added tasks.
        known: number of tasks that it has been trained for.
        trained: what is trained.
    """
    if trained == "all":
        return
    assert isinstance(network, SwitchedTasks)
    network.requires_grad_(False)
    network.network.embedding.requires_grad_(trained == "embedding")
    codes = network.codes.learned
    assert codes is not None
    codes.requires_grad_(True)
    if trained == "code":
        # Codes learned earlier do not change.
        old = known - len(network.codes.fixed)
        codes.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: torch.cat([torch.zeros_like(gradient[:old]), gradient[old:]])
        )
