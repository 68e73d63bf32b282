"""Small networks with random weights for any task, in a folder as those of a run."""

from pathlib import Path

import torch

from lightning_taskonomy.bank.network import BankNetwork
from lightning_taskonomy.bank.weights import write_network
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.nn.trained_statistics import unsettle

SIZE = 64


def small_network(task: str) -> BankNetwork:
    """A network as `fit` makes it with small settings."""
    torch.manual_seed(0)
    module = TaskNetwork(task, SIZE, 8, (1, 1, 1, 1), 64, 32, adversarial_after=None)
    unsettle(module.network)
    module.network.float()
    return BankNetwork(task_named(task), SIZE, module.network.encoder, module.network.decoder)  # type: ignore[arg-type]


def write_small_bank(folder: Path, *tasks: str) -> None:
    """Write such networks as a run does."""
    for task in tasks:
        network = small_network(task)
        write_network(folder / network.task.name / "weights.safetensors", network.stored)
