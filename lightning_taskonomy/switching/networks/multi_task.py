"""What a trainer needs of a network for several tasks, whether it switches or has parts for each task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lightning_taskonomy.nn.switching.blocks import Runs
from lightning_taskonomy.nn.switching.codes import TaskCodes
from lightning_taskonomy.nn.switching.decoder import Features, averaged_groups
from lightning_taskonomy.nn.switching.encoder import StageEncoder
from lightning_taskonomy.nn.switching.network import SwitchingNet


class MultiTaskNet(nn.Module, ABC):
    """A network that gives the outputs of several tasks, numbered from 0.

    Attributes:
        channels: numbers per pixel of each task.
        shares_encoder: whether what the encoder says of a picture serves every task.
    """

    shares_encoder = True

    def __init__(self, channels: Sequence[int]) -> None:
        """Takes note of the tasks.

        Args:
            channels: Numbers per pixel of each task.
        """
        super().__init__()
        self.channels = tuple(channels)

    @abstractmethod
    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """What the encoder says of pictures (B, 3, H, W), whose tasks are those of the runs."""

    @abstractmethod
    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """The outputs of each run, (count, channels[task], H, W)."""

    @abstractmethod
    def encoders(self) -> list[StageEncoder]:
        """What starts from ImageNet's weights, and so learns at a rate of its own."""

    @abstractmethod
    def last_shared_weight(self) -> Tensor:
        """The last weight that all tasks use: GradNorm compares the tasks' gradients there."""

    def load_encoders(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the weights of a backbone.

        Args:
            state: with torchvision's names.

        Raises:
            InputError: names a weight that is missing or of another shape.
        """
        for encoder in self.encoders():
            encoder.load_backbone(state)

    def forward(self, pictures: Tensor, runs: Runs) -> list[Tensor]:
        """The outputs of each run, (count, channels[task], H, W).

        Args:
            pictures: (B, 3, H, W), the examples of a task next to each other.
            runs: tasks and how many examples each has, in the order of the pictures.
        """
        return self.decode(self.encode(pictures, runs), runs)

    def tasks_of(self, pictures: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of several tasks for the same pictures, (B, channels[task], H, W) each.

        The encoder runs once where tasks share it.
        """
        everyone = [[(task, len(pictures))] for task in tasks]
        if not self.shares_encoder:
            return [self(pictures, runs)[0] for runs in everyone]
        features = self.encode(pictures, everyone[0])
        return [self.decode(features, runs)[0] for runs in everyone]


class SwitchedTasks(MultiTaskNet):
    """A switching network with the codes of its tasks; each reads the shared outputs by averaged groups."""

    def __init__(self, channels: Sequence[int], network: SwitchingNet, codes: TaskCodes) -> None:
        """Joins the three.

        Args:
            channels: Numbers per pixel of each task.
            network: The network.
            codes: A code for each task.
        """
        super().__init__(channels)
        self.network = network
        self.codes = codes

    def embeddings(self) -> Tensor:
        """Of all tasks, (tasks, code)."""
        embeddings: Tensor = self.network.embedding(self.codes())
        return embeddings

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`; runs do not matter."""
        return self.network.encode(pictures)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        embeddings = self.embeddings()
        of_each = torch.cat([embeddings[task].expand(count, -1) for task, count in runs])
        outputs = self.network.decode(features, of_each, runs)
        return own_channels(outputs, runs, self.channels)

    def encoders(self) -> list[StageEncoder]:
        """See `MultiTaskNet`."""
        return [self.network.encoder]

    def last_shared_weight(self) -> Tensor:
        """See `MultiTaskNet`."""
        return self.network.decoder.head.weight


def own_channels(outputs: Tensor, runs: Runs, channels: Sequence[int]) -> list[Tensor]:
    """Shared outputs (B, C, H, W) as each run's task reads them, (count, channels[task], H, W)."""
    parts = torch.split(outputs, [count for _, count in runs])
    return [averaged_groups(part, channels[task]) for (task, _), part in zip(runs, parts, strict=True)]
