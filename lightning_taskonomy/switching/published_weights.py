"""Checkpoints of the switching network published by its authors."""

from collections.abc import Sequence
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import read_weights
from lightning_taskonomy.nn.switching import load_reference
from lightning_taskonomy.switching.networks import MultiTaskNet, SwitchedTasks
from lightning_taskonomy.tasks.pascal_nyud import PASCAL


def load_published(network: MultiTaskNet, path: str, tasks: Sequence[str]) -> None:
    """Load a checkpoint of the switching network published by its authors.

    The file is the dictionary that their training saves; its entry `model_state` is read, and no code is run.

    Args:
        network: of the published shape, for the tasks of PASCAL-Context.
        path: of the checkpoint.
        tasks: names, whose order determines their codes.

    Raises:
        InputError: other tasks, another network, or a file that does not hold its weights.
    """
    published = [task.name for task in PASCAL]
    if list(tasks) != published:
        raise InputError(f"reference: expected the tasks {', '.join(published)}, found {', '.join(tasks)}")
    if not isinstance(network, SwitchedTasks):
        raise InputError("reference: expected the method switching, whose checkpoints are published")
    try:
        load_reference(network.network, read_weights(Path(path)))
    except InputError as error:
        where = "" if str(error).startswith(path) else f"{path}: "
        raise InputError(f"{where}{error}") from error
