"""Last layers: one linear layer per task on features, and how cotangents of its outputs map to features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.likelihoods import Categorical, Likelihood
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.probe import Probe


@dataclass(frozen=True)
class Head:
    """A task's fitted last layer.

    Attributes:
        weight: (K, D).
        bias: (K,).
        likelihood: The probability model of labels given its outputs.
        reading: The pairs of places that it compares; None if it reads single places.
    """

    weight: Tensor
    bias: Tensor
    likelihood: Likelihood
    reading: PixelPairs | None = None

    def outputs(self, features: Tensor, pictures: Tensor) -> Tensor:
        """Outputs for the images with these indices, (B, D, P) -> (B, K, P)."""
        weight, bias = self.weight.to(features.device), self.bias.to(features.device)
        read = features.float() if self.reading is None else self.reading.read(features.float(), pictures)
        return torch.einsum("kd,bdp->bkp", weight, read) + bias[None, :, None]

    def pulled_back(self, cotangent: Tensor, features: Tensor, pictures: Tensor) -> Tensor:
        """Pull a cotangent of the outputs back to the features, (B, K, P) -> (B, D, P)."""
        back = torch.einsum("kd,bkp->bdp", self.weight.to(cotangent.device), cotangent)
        return back if self.reading is None else self.reading.pulled_back(back, features.float(), pictures)


def own_head(probe: Probe, outputs: int) -> Head:
    """The probe's own classifier, unchanged: one class per output, whether it occurs in the task or not.

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
            f"head_epochs: to keep the probe's classifier, expected at least {outputs} outputs, as many as "
            f"the task has classes; found {layer.out_features}"
        )
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    return Head(layer.weight.detach().clone(), bias.detach().clone(), Categorical(layer.out_features))
