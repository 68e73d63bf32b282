"""The baselines of the switching network: networks with task-specific parts."""

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_taskonomy.nn.switching.blocks import Condition, Runs, TaskNormalisedConvolution
from lightning_taskonomy.nn.switching.decoder import WIDTH, Features, UNetDecoder
from lightning_taskonomy.nn.switching.encoder import StageEncoder
from lightning_taskonomy.switching.networks.multi_task import MultiTaskNet, own_channels

Norm = Literal["instance", "batch"]


class SingleTaskNets(MultiTaskNet):
    """A whole network for each task: encoder, decoder with instance normalisation, output layer."""

    shares_encoder = False

    def __init__(
        self,
        channels: Sequence[int],
        backbone: str = "resnet18",
        width: int = 64,
        decoder_width: int = WIDTH,
    ) -> None:
        """Builds the networks with fresh weights.

        Args:
            channels: Of each task's output.
            backbone: resnet18, resnet34 or resnet50.
            width: Channels after the encoders' first convolution.
            decoder_width: Channels of the decoders' first merging block.
        """
        super().__init__(channels)
        self.own_encoders = nn.ModuleList(StageEncoder(backbone, width) for _ in channels)
        self.decoders = _decoders(self._first_encoder().stages, channels, "instance", decoder_width)

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`."""
        return _joined(self.own_encoders, pictures, runs)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        return _decoded(self.decoders, features, runs)

    def encoders(self) -> list[StageEncoder]:
        """See `MultiTaskNet`."""
        return [_stage_encoder(encoder) for encoder in self.own_encoders]

    def last_shared_weight(self) -> Tensor:
        """A weight of the first network: with several networks, no weight is shared."""
        return self._first_encoder().conv1.weight

    def _first_encoder(self) -> StageEncoder:
        return _stage_encoder(self.own_encoders[0])


class MultiDecoderNet(MultiTaskNet):
    """One encoder, and for each task a decoder with batch normalisation and an output layer."""

    def __init__(
        self,
        channels: Sequence[int],
        backbone: str = "resnet18",
        width: int = 64,
        decoder_width: int = WIDTH,
    ) -> None:
        """Builds the network with fresh weights; arguments as for `SingleTaskNets`."""
        super().__init__(channels)
        self.encoder = StageEncoder(backbone, width)
        self.decoders = _decoders(self.encoder.stages, channels, "batch", decoder_width)

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`; runs do not matter."""
        return self.encoder.read(pictures)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        return _decoded(self.decoders, features, runs)

    def encoders(self) -> list[StageEncoder]:
        """See `MultiTaskNet`."""
        return [self.encoder]

    def last_shared_weight(self) -> Tensor:
        """See `MultiTaskNet`."""
        return _last_convolution(self.encoder).weight


class TaskNormsNet(MultiTaskNet):
    """One encoder and one decoder, in which only the normalisations' weights are task-specific."""

    def __init__(
        self,
        channels: Sequence[int],
        norm: Norm,
        outputs: int,
        backbone: str = "resnet18",
        width: int = 64,
        decoder_width: int = WIDTH,
    ) -> None:
        """Builds the network with fresh weights.

        Args:
            channels: Of each task's output.
            norm: Kind of normalisation; with `batch`, each task has its own statistics as well.
            outputs: Channels that all tasks share; a task's channels are means over groups of them.
            backbone: resnet18, resnet34 or resnet50.
            width: Channels after the encoder's first convolution.
            decoder_width: Channels of the decoder's first merging block.
        """
        super().__init__(channels)
        self.encoder = StageEncoder(backbone, width)
        self.decoder = _decoder(self.encoder.stages, outputs, norm, decoder_width, len(self.channels))

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`; runs do not matter."""
        return self.encoder.read(pictures)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        return own_channels(self.decoder(features, Condition(runs)), runs, self.channels)

    def encoders(self) -> list[StageEncoder]:
        """See `MultiTaskNet`."""
        return [self.encoder]

    def last_shared_weight(self) -> Tensor:
        """See `MultiTaskNet`."""
        return self.decoder.head.weight


class ReparameterisedNet(MultiTaskNet):
    """RCM (Kanakis et al., ECCV 2020): frozen filters that each task recombines, and a decoder for each."""

    shares_encoder = False

    def __init__(
        self,
        channels: Sequence[int],
        backbone: str = "resnet18",
        width: int = 64,
        decoder_width: int = WIDTH,
    ) -> None:
        """Builds the network with fresh weights; arguments as for `SingleTaskNets`."""
        super().__init__(channels)
        self._backbone, self._width = backbone, width
        self.encoder = ReparameterisedEncoder(StageEncoder(backbone, width), len(self.channels))
        self.decoders = _decoders(self.encoder.stages, channels, "batch", decoder_width)

    def encode(self, pictures: Tensor, runs: Runs) -> Features:
        """See `MultiTaskNet`."""
        return _joined(self.encoder.of_task, pictures, runs)

    def decode(self, features: Features, runs: Runs) -> list[Tensor]:
        """See `MultiTaskNet`."""
        return _decoded(self.decoders, features, runs)

    def encoders(self) -> list[StageEncoder]:
        """No encoders: the task-specific weights are new, and the others are frozen."""
        return []

    def load_encoders(self, state: Mapping[str, Tensor]) -> None:
        """See `MultiTaskNet`; loads the filter bank."""
        bank = StageEncoder(self._backbone, self._width)
        bank.load_backbone(state)
        self.encoder.take_over(bank)

    def last_shared_weight(self) -> Tensor:
        """A weight of the frozen filter bank: tasks share no trained weight."""
        return self.encoder.shared_filters()[-1].weight


def _decoder(stages: Sequence[int], outputs: int, norm: Norm, width: int, tasks: int) -> UNetDecoder:
    def block(inputs: int, channels: int, kernel: int) -> TaskNormalisedConvolution:
        return TaskNormalisedConvolution(inputs, channels, kernel, norm, tasks)

    return UNetDecoder(stages, outputs, block, width)


def _decoders(stages: Sequence[int], channels: Sequence[int], norm: Norm, width: int) -> nn.ModuleList:
    return nn.ModuleList(_decoder(stages, outputs, norm, width, tasks=1) for outputs in channels)


def _decoded(decoders: nn.ModuleList, features: Features, runs: Runs) -> list[Tensor]:
    """Each run by its task's decoder, which has that single task."""
    return [
        decoders[task](part, Condition([(0, count)]))
        for (task, count), part in zip(runs, features.split(runs), strict=True)
    ]


def _joined(encoders: nn.ModuleList, pictures: Tensor, runs: Runs) -> Features:
    """Each run by its task's encoder, concatenated to one batch."""
    parts = torch.split(pictures, [count for _, count in runs])
    encoded = [_stage_encoder(encoders[task]).read(part) for (task, _), part in zip(runs, parts, strict=True)]
    stages = [torch.cat(stage) for stage in zip(*(features.stages for features in encoded), strict=True)]
    return Features(stages, encoded[0].size)


def _stage_encoder(module: nn.Module) -> StageEncoder:
    assert isinstance(module, StageEncoder)
    return module


def _last_convolution(encoder: StageEncoder) -> nn.Conv2d:
    return [layer for layer in encoder.layer4.modules() if isinstance(layer, nn.Conv2d)][-1]


class ReparameterisedEncoder(nn.Module):
    """The encoders of several tasks around one frozen filter bank.

    After every convolution of the bank, each task has a 1×1 convolution without bias that recombines its
    outputs, initialised to the identity. Normalisations and shortcut convolutions are task-specific.
    (Kanakis et al., Reparameterizing Convolutions for Incremental Multi-Task Learning, section 3.)

    Attributes:
        of_task: the encoder of each task.
        stages: channels of the encoders' stages.
    """

    def __init__(self, bank: StageEncoder, tasks: int) -> None:
        """Builds encoders that start as copies of the bank.

        Args:
            bank: Whose filters are shared; its weights should be loaded first.
            tasks: Number of encoders.
        """
        super().__init__()
        self.stages = bank.stages
        self._shared = [name for name, layer in bank.named_modules() if _is_filter(name, layer)]
        for name in self._shared:
            bank.get_submodule(name).requires_grad_(False)
        self.of_task = nn.ModuleList(self._around(bank) for _ in range(tasks))

    def shared_filters(self) -> list[nn.Conv2d]:
        """The convolutions of the bank."""
        filters = []
        for name in self._shared:
            layer = self.of_task[0].get_submodule(f"{name}.0")
            assert isinstance(layer, nn.Conv2d)
            filters.append(layer)
        return filters

    def take_over(self, bank: StageEncoder) -> None:
        """Copies weights: the filters for all tasks, normalisations and shortcuts for each.

        Args:
            bank: An encoder of the same size.
        """
        for name, layer in bank.named_modules():
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                place = f"{name}.0" if name in self._shared else name
                for encoder in self.of_task:
                    encoder.get_submodule(place).load_state_dict(layer.state_dict())

    def _around(self, bank: StageEncoder) -> StageEncoder:
        encoder = copy.deepcopy(bank)
        for name in self._shared:
            filters = bank.get_submodule(name)
            assert isinstance(filters, nn.Conv2d)
            recombination = nn.Conv2d(filters.out_channels, filters.out_channels, 1, bias=False)
            nn.init.dirac_(recombination.weight)
            encoder.set_submodule(name, nn.Sequential(filters, recombination))
        return encoder


def _is_filter(name: str, layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and "downsample" not in name
