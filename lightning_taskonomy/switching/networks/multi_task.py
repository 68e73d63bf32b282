"""The interface of multi-task networks for training, and the switching network behind it."""

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
    """A network that predicts the outputs of several tasks, which are indexed from 0.

    Attributes:
        channels: of each task's output.
        shares_encoder: whether all tasks share the encoder's features of an image.
    """

    shares_encoder = True

    def __init__(self, channels: Sequence[int]) -> None:
        """Stores the tasks' channels.

        Args:
            channels: Of each task's output.
        """
        super().__init__()
        self.channels = tuple(channels)

    @abstractmethod
    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """The encoder's features of images (B, 3, H, W), whose tasks are those of the runs."""

    @abstractmethod
    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """The outputs of each run, (count, channels[task], H, W)."""

    @abstractmethod
    def encoders(self) -> list[StageEncoder]:
        """The encoders that can start from ImageNet weights, and so have their own learning rate."""

    @abstractmethod
    def last_shared_weight(self) -> Tensor:
        """The last weight that all tasks use: GradNorm compares the tasks' gradients there."""

    def load_encoders(self, state: Mapping[str, Tensor]) -> None:
        """Loads the weights of a backbone.

        Args:
            state: with torchvision's names.

        Raises:
            InputError: a weight is missing or of another shape.
        """
        for encoder in self.encoders():
            encoder.load_backbone(state)

    def forward(self, pictures: Tensor, runs: Runs) -> list[Tensor]:
        """The outputs of each run, (count, channels[task], H, W).

        Args:
            pictures: (B, 3, H, W), grouped by task.
            runs: tasks and their numbers of examples, in the order of the images.
        """
        return self.decode(self.encode(pictures, runs), runs)

    def tasks_of(self, pictures: Tensor, tasks: Sequence[int]) -> list[Tensor]:
        """The outputs of several tasks for the same images, (B, channels[task], H, W) each.

        A shared encoder runs once.
        """
        runs_by_task = [[(task, len(pictures))] for task in tasks]
        if not self.shares_encoder:
            return [self(pictures, runs)[0] for runs in runs_by_task]
        features = self.encode(pictures, runs_by_task[0])
        return [self.decode(features, runs)[0] for runs in runs_by_task]


class SwitchedTasks(MultiTaskNet):
    """A switching network with its tasks' codes; a task's channels are averaged groups of shared outputs."""

    def __init__(self, channels: Sequence[int], network: SwitchingNet, codes: TaskCodes) -> None:
        """Combines the network and the codes.

        Args:
            channels: Of each task's output.
            network: The network.
            codes: A code for each task.
        """
        super().__init__(channels)
        self.network = network
        self.codes = codes

    def embeddings(self) -> Tensor:
        """The embeddings of all tasks, (tasks, code)."""
        embeddings: Tensor = self.network.embedding(self.codes())
        return embeddings

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`; runs do not matter."""
        return self.network.encode(pictures)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        embeddings = self.embeddings()
        by_example = torch.cat([embeddings[task].expand(count, -1) for task, count in runs])
        outputs = self.network.decode(features, by_example, runs)
        return own_channels(outputs, runs, self.channels)

    def encoders(self) -> list[StageEncoder]:
        """See `MultiTaskNet`."""
        return [self.network.encoder]

    def last_shared_weight(self) -> Tensor:
        """See `MultiTaskNet`."""
        return self.network.decoder.head.weight


def own_channels(outputs: Tensor, runs: Runs, channels: Sequence[int]) -> list[Tensor]:
    """Each run's channels from shared outputs (B, C, H, W): (count, channels[task], H, W)."""
    parts = torch.split(outputs, [count for _, count in runs])
    return [averaged_groups(part, channels[task]) for (task, _), part in zip(runs, parts, strict=True)]
