"""Adding a task to a trained switching network: its code is new, and what others use may stay as it is."""

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
"""What learns an added task: its code alone; the embedding network as well; or everything."""


def take_over(network: MultiTaskNet, path: str, description: Mapping[str, Any]) -> int:
    """Load the weights of a network for the first ones of the tasks; codes of the others stay as they are.

    Args:
        network: for all tasks.
        path: of a checkpoint.
        description: of the network and its tasks, as checkpoints hold it.

    Returns:
        How many tasks the checkpoint is for.

    Raises:
        InputError: no such checkpoint, or one of another network, of other tasks or of labels of other
            conventions.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such checkpoint")
    checkpoint = unpickled(Path(path))
    if not isinstance(checkpoint, Mapping):
        raise InputError(f"{path}: expected a checkpoint, found a {type(checkpoint).__name__}")
    found = dict(checkpoint.get("switching") or {})
    require_conventions(found.get("conventions"), path, "train again")
    known = list(found.get("tasks", []))
    expected = {**description, "tasks": description["tasks"][: len(known)], "added": found.get("added")}
    for name, value in expected.items():
        if name != "outputs" and as_written(found.get(name)) != as_written(value):
            raise InputError(f"{path}: expected one with {name} {value}, found {found.get(name, 'none')}")
    start = "network."
    state = {
        name.removeprefix(start): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(start)
    }
    codes = network.state_dict().get("codes.learned")
    if codes is not None:
        before = state.get("codes.learned", codes[:0])
        state["codes.learned"] = torch.cat([before, codes[len(before) :]])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit ({str(error).splitlines()[-1].strip()})") from error
    return len(known)


def freeze(network: MultiTaskNet, known: int, trained: Trained) -> None:
    """Leave to training what is to learn.

    Args:
        network: a switching network with learned codes of the added tasks.
        known: how many tasks it has been trained for.
        trained: what is to learn.
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
        # Codes that have been learned before stay as they are.
        old = known - len(network.codes.fixed)
        codes.register_hook(  # type: ignore[no-untyped-call]
            lambda slope: torch.cat([torch.zeros_like(slope[:old]), slope[old:]])
        )
