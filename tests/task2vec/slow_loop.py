"""Reference for the estimators: gradients of one sample at a time, written out."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.nn.resnet import ResNet
from tests.nn.trained_statistics import unsettle


class SmallNet(nn.Module):
    """Convolutions of several shapes, normalisation, a linear layer; its classifier is called `last`."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 20, 3, dilation=2, bias=False)
        self.one = nn.Conv2d(20, 7, 1, stride=2)
        self.linear = nn.Linear(7, 5)
        self.last = nn.Linear(5, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        values = functional.relu_(self.norm(self.first(pictures)))
        values = self.one(functional.relu_(self.second(values)))  # in place, right behind a convolution
        outputs: Tensor = self.last(torch.tanh(self.linear(values.mean((2, 3)))))
        return outputs


FILTERS = {"first": 6, "second": 20, "one": 7, "linear": 5}


def small_net(classes: int = 3) -> SmallNet:
    torch.manual_seed(0)
    network = SmallNet(classes)
    unsettle(network)
    return network.eval()


def small_resnet(classes: int = 3) -> ResNet:
    torch.manual_seed(0)
    network = ResNet("resnet18", classes, width=4)
    unsettle(network)
    return network.eval()


@torch.no_grad()
def settle(network: nn.Module, pictures: Tensor) -> None:
    """Give every normalisation the statistics of some pictures, so that no layer is nearly silent."""
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # the mean of all batches, of which there is one
            layer.reset_running_stats()
    network(pictures)
    network.eval()


def filters(layers: list[nn.Module]) -> int:
    """How many there are."""
    return sum(len(layer.weight) for layer in layers if isinstance(layer.weight, Tensor))


def rows(layers: list[nn.Module], gradients: tuple[Tensor, ...]) -> Tensor:
    """Mean squares over each filter's weights."""
    return torch.cat([gradient.square().flatten(1).mean(1) for gradient in gradients])


def categorical_fisher(network: nn.Module, layers: list[nn.Module], pictures: Tensor) -> Tensor:
    """E_x Σ_y p(y|x) (∇ log p(y|x))², a sample and a class at a time."""
    total = torch.zeros(filters(layers))
    for picture in pictures:
        logs = network(picture.unsqueeze(0)).log_softmax(1)[0]
        for log in logs:
            weights = [layer.weight for layer in layers]
            gradients = torch.autograd.grad(log, weights, retain_graph=True)  # type: ignore[arg-type]
            total += log.exp().detach() * rows(layers, gradients)
    return total / len(pictures)


def class_pictures(count: int, classes: int = 3, size: int = 16, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Noise with a class's own pattern, and the classes."""
    generator = np.random.default_rng(seed)
    patterns = generator.normal(size=(classes, 3, size, size))
    labels = np.arange(count) % classes
    pictures = generator.normal(size=(count, 3, size, size)) + patterns[labels]
    return torch.from_numpy(pictures).float(), torch.from_numpy(labels)


def weighted(network: nn.Module, norms: bool = False) -> Iterator[nn.Module]:
    """Layers before the classifier, in order of registration."""
    modules = list(network.named_modules())
    for name, module in modules:
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and name not in ("fc", "last") and (norms or weight.ndim > 1):
            yield module
