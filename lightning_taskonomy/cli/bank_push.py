"""`bank push`: trained networks to the Hugging Face Hub."""

import importlib.util
from pathlib import Path

from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError


def push(
    repository: str, weights: Path | None = None, task: tuple[str, ...] = (), private: bool = False
) -> None:
    """Upload trained networks to the Hugging Face Hub as safetensors, with a model card.

    Log in once with `hf auth login`. HF_ENDPOINT names another Hub.

    Args:
        repository: USER/NAME; made if need be
        weights: folder of weights, or a file, as `bank convert` takes it; by default LIGHTNING_TASKONOMY_BANK
        task: names of tasks; by default all of the folder
        private: make a repository that others cannot see
    """
    require_hub()
    # Torch takes seconds to import.
    from lightning_taskonomy.bank.convert import networks_in
    from lightning_taskonomy.bank.hub import push as pushed

    networks = networks_in(weights, task)
    with progress("preparing", len(networks)) as step:
        address = pushed(networks, repository, private, after_each=step)
    print(f"written: {address}: {len(networks)} networks")


def require_hub() -> None:
    """See that the client of the Hub is there.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError("the Hub needs huggingface_hub; install it with pip install '.[bank]'")
