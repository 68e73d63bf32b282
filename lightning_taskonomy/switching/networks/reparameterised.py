"""Reparameterised convolutions (RCM): frozen filters for all tasks, and a recombination for each."""

import copy

from torch import nn

from lightning_taskonomy.nn.switching.encoder import StageEncoder


class ReparameterisedEncoder(nn.Module):
    """The encoders of several tasks around one frozen bank of filters.

    Behind every convolution of the bank, a task has a 1×1 convolution without bias that recombines its
    outputs, the identity to begin with. Normalisations and the convolutions of shortcuts are each task's own.
    (Kanakis et al., Reparameterizing Convolutions for Incremental Multi-Task Learning, section 3.)

    Attributes:
        of_task: the encoder of each task.
        stages: channels of the encoders' stages.
    """

    def __init__(self, bank: StageEncoder, tasks: int) -> None:
        """Builds encoders that begin as the bank.

        Args:
            bank: Whose filters are shared; its weights should be loaded before.
            tasks: How many encoders there are.
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
        """Takes over weights: the filters for all tasks, normalisations and shortcuts for each.

        Args:
            bank: An encoder of the same size.
        """
        for name, layer in bank.named_modules():
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                place = f"{name}.0" if name in self._shared else name
                for encoder in self.of_task:
                    encoder.get_submodule(place).load_state_dict(layer.state_dict())

    def _around(self, bank: StageEncoder) -> StageEncoder:
        own = copy.deepcopy(bank)
        for name in self._shared:
            filters = bank.get_submodule(name)
            assert isinstance(filters, nn.Conv2d)
            recombined = nn.Conv2d(filters.out_channels, filters.out_channels, 1, bias=False)
            nn.init.dirac_(recombined.weight)
            own.set_submodule(name, nn.Sequential(filters, recombined))
        return own


def _is_filter(name: str, layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and "downsample" not in name
