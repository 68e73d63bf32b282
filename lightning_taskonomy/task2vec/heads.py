"""Last layers: linear, one per task, on features; and how cotangents of outputs go back to features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.likelihoods import Categorical, Likelihood
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.probe import Probe


@dataclass(frozen=True)
class Head:
    """A task's last layer, fitted.

    Attributes:
        weight: (K, D).
        bias: (K,).
        likelihood: What its outputs say of labels.
        reading: Which pairs of places it looks at; None for places one by one.
    """

    weight: Tensor
    bias: Tensor
    likelihood: Likelihood
    reading: PixelPairs | None = None

    def outputs(self, features: Tensor, pictures: Tensor) -> Tensor:
        """(B, D, P) of the pictures with these numbers -> (B, K, P)."""
        weight, bias = self.weight.to(features.device), self.bias.to(features.device)
        read = features.float() if self.reading is None else self.reading.read(features.float(), pictures)
        return torch.einsum("kd,bdp->bkp", weight, read) + bias[None, :, None]

    def pulled_back(self, cotangent: Tensor, features: Tensor, pictures: Tensor) -> Tensor:
        """A cotangent of the outputs as one of the features, (B, K, P) -> (B, D, P)."""
        back = torch.einsum("kd,bkp->bdp", self.weight.to(cotangent.device), cotangent)
        return back if self.reading is None else self.reading.pulled_back(back, features.float(), pictures)


def own_head(probe: Probe, outputs: int) -> Head:
    """The classifier that the probe has, as it is: one class per output, labels or not.

    Raises:
        InputError: it is not linear, or has fewer outputs than the task has classes.
    """
    layer = probe.head
    if not isinstance(layer, nn.Linear):
        kind = type(layer).__name__
        raise InputError(
            f"head_epochs: the probe's classifier is a {kind}, not a Linear; expected at least 1"
        )
    if layer.out_features < outputs:
        raise InputError(
            f"head_epochs: to keep the probe's classifier, expected at least {outputs} outputs as the task "
            f"has, found {layer.out_features}"
        )
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    return Head(layer.weight.detach().clone(), bias.detach().clone(), Categorical(layer.out_features))
