"""The variational estimate: how much noise each filter tolerates (Achille et al., 2019, section 3.2).

Filter f has weights N(w, σ_f² I), with one log-variance per filter; each layer has a prior N(0, λ² I). The
objective is the loss under noise plus β·L, with L twice the KL divergence from the prior. At the optimum

    1/σ_f² = 1/λ² + F̄_f / (2β),     λ² = mean over the layer of w² + σ²

with F̄_f the mean curvature of the loss in the filter's weights. The embedding is 1/σ_f², and its scale 1/λ².
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import leave_signals_to_parent
from lightning_taskonomy.task2vec.features import Features
from lightning_taskonomy.task2vec.filters import Filters
from lightning_taskonomy.task2vec.heads import Head
from lightning_taskonomy.task2vec.running import Running, quiet

_EPSILON = 1e-8
_LEAST_SQUARE = 1e-2
"""Added to squared inputs in the variance of the noise."""


@dataclass(frozen=True)
class Variational:
    """How noise is fitted; the defaults are the reference's.

    Attributes:
        beta: Weight of the divergence.
        epochs: Epochs of `draws` samples each. After 2 the noise has not converged and still depends on its
            initial value.
        draws: Samples per epoch, with replacement.
        batch: Samples per step.
        rate: Learning rate of Adam for the noise.
        head_rate: Learning rate of Adam for the classifier.
        seed: Seed of draws and noise.
    """

    beta: float = 1e-7
    epochs: int = 2
    draws: int = 10_000
    batch: int = 64
    rate: float = 1e-2
    head_rate: float = 5e-4
    seed: int = 0


class Noise(nn.Module):
    """Noise on the outputs of a probe's layers, as if their weights were noisy (local reparameterisation).

    Attributes:
        log_variance: log σ² per filter and layer, each (filters,).
        log_prior: log λ² per layer, each a scalar.
    """

    def __init__(self, filters: Mapping[str, Filters]) -> None:
        """Starts at σ² = 0.05 Var(w) of each filter, λ² = mean of w² of each layer.

        Raises:
            InputError: a layer is neither a plain convolution nor linear.
        """
        super().__init__()
        for name, each in filters.items():
            if not _is_plain(each.layer):
                kind = type(each.layer).__name__
                raise InputError(
                    "method: variational supports only plain Conv2d (padded with zeros) and Linear layers; "
                    f"{name} is a {kind}; expected exact or montecarlo"
                )
        self._layers = [each.layer for each in filters.values()]
        self._names = list(filters)
        self._used: set[int] = set()
        weights = [each.weight.detach() for each in filters.values()]
        self.log_variance = nn.ParameterList(
            [(0.05 * w.flatten(1).var(dim=1) + _EPSILON).log() for w in weights]
        )
        self.log_prior = nn.ParameterList([(w.square().mean() + _EPSILON).log() for w in weights])

    def divergence(self) -> Tensor:
        """L: twice the sum over weights of KL(N(w, σ²) ‖ N(0, λ²))."""
        total = torch.zeros((), device=self.log_prior[0].device)
        for layer, log_variance, log_prior in zip(
            self._layers, self.log_variance, self.log_prior, strict=True
        ):
            assert isinstance(layer.weight, Tensor)
            weight = layer.weight.detach()
            each, n = weight[0].numel(), weight.numel()
            variances, logs = each * log_variance.exp().sum(), each * log_variance.sum()
            total = total + (weight.square().sum() + variances) / log_prior.exp() + n * log_prior - logs - n
        return total

    def added(self, stack: ExitStack) -> None:
        """Add noise to the layers' outputs until the stack is closed."""
        for layer, log_variance in zip(self._layers, self.log_variance, strict=True):
            stack.callback(layer.register_forward_hook(self._noisy(log_variance)).remove)

    def require_use(self) -> None:
        """Check, after a forward pass, that every layer was called: the noise is added to layer outputs.

        Raises:
            InputError: one was not.
        """
        for name, layer in zip(self._names, self._layers, strict=True):
            if id(layer) not in self._used:
                raise InputError(
                    f"method: variational adds noise to layer outputs, and {name} is never called: its "
                    "weight is used directly, or not at all; expected exact or montecarlo"
                )

    def _noisy(self, log_variance: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            self._used.add(id(layer))
            return output + output_variance(layer, given[0], log_variance).sqrt() * torch.randn_like(output)

        return hook

    def hessian(self) -> Tensor:
        """1/σ² of every filter."""
        return torch.cat([(-values.detach()).exp() for values in self.log_variance])

    def scale(self) -> Tensor:
        """1/λ² of every filter's layer."""
        pairs = zip(self.log_variance, self.log_prior, strict=True)
        return torch.cat([(-prior.detach()).exp().expand(len(values)) for values, prior in pairs])


def output_variance(layer: nn.Module, given: Tensor, log_variance: Tensor) -> Tensor:
    """The variance of a layer's output when the weights of each filter have this variance."""
    squared = given.square() + _LEAST_SQUARE
    if isinstance(layer, nn.Linear):
        return squared.sum(dim=-1, keepdim=True) * log_variance.exp()
    assert isinstance(layer, nn.Conv2d)
    # All weights of a filter have the same variance, so the filters of a group share one sum of squares.
    ones = squared.new_ones(layer.groups, layer.in_channels // layer.groups, *layer.kernel_size)
    sums = functional.conv2d(
        squared, ones, None, layer.stride, layer.padding, layer.dilation, layer.groups
    ).repeat_interleave(layer.out_channels // layer.groups, dim=1)
    return sums * log_variance.exp()[:, None, None]


def variational(
    features: Features,
    values: Dataset[tuple[int, Tensor]],
    targets: Tensor,
    head: Head,
    weights: Tensor,
    settings: Variational,
    running: Running,
) -> tuple[Tensor, Tensor]:
    """Fit the noise; returns 1/σ² and 1/λ², both (filters,).

    Args:
        features: The probe below the classifier. With batch statistics its running statistics change.
        values: Images, or the skipped layers' activations, each with its index.
        targets: Targets of all images, (N, P) or (N, K, P); negative classes and NaN are ignored.
        head: The task's last layer; training continues on a copy.
        weights: Sampling weight of each image, (N,).
        settings: How to fit.
        running: Devices, precision and workers.

    Raises:
        InputError: a layer is neither a plain convolution nor linear, or is never called.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    count = max(settings.draws, settings.batch)
    sampler = WeightedRandomSampler(weights.double().tolist(), count, generator=generator)
    loader = DataLoader(
        values,
        batch_size=settings.batch,
        sampler=sampler,
        drop_last=True,
        num_workers=running.workers,
        worker_init_fn=leave_signals_to_parent,
    )
    module = _NoiseFit(features, targets, head, settings)
    trainer = running.trainer(max_epochs=settings.epochs, **running.alone)
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        trainer.fit(module, loader)
    return module.noise.hessian().double().cpu(), module.noise.scale().double().cpu()


class _NoiseFit(LightningModule):
    """Noise and classifier, trained on the true labels."""

    def __init__(self, features: Features, targets: Tensor, head: Head, settings: Variational) -> None:
        super().__init__()
        self.features, self._targets, self._settings = features, targets, settings
        self._likelihood = head.likelihood
        self.weight, self.bias = nn.Parameter(head.weight.clone()), nn.Parameter(head.bias.clone())
        self.noise = Noise(features.filters(norms=False))
        self._training = {id(module) for module in features.modules() if module.training}
        self._needed = [weight for weight in features.parameters() if weight.requires_grad]
        self._hooks = ExitStack()

    def on_fit_start(self) -> None:
        """Freeze the probe and add the noise."""
        self.features.requires_grad_(False)
        for module in self.features.modules():
            module.training = id(module) in self._training
        self.noise.added(self._hooks)

    def on_fit_end(self) -> None:
        """Leave the probe as it was found."""
        self._hooks.close()
        for weight in self._needed:
            weight.requires_grad_(True)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss with noise, and the divergence."""
        places, values = batch
        targets = self._targets[places.cpu()].to(values.device)
        features = self.features(values)
        self.noise.require_use()
        outputs = Head(self.weight, self.bias, self._likelihood).outputs(features, places)
        known = targets.isfinite() if targets.is_floating_point() else targets >= 0
        losses = self._likelihood.negative_log(outputs, torch.where(known, targets, 0))
        counted = known.all(dim=1) if known.ndim == 3 else known
        loss = (losses * counted).sum() / counted.sum().clamp(min=1)
        return loss + self._settings.beta * self.noise.divergence()

    def configure_optimizers(self) -> Adam:
        """Adam with separate learning rates for the noise and the classifier."""
        settings = self._settings
        groups = [
            {"params": list(self.noise.parameters()), "lr": settings.rate},
            {"params": [self.weight, self.bias], "lr": settings.head_rate},
        ]
        return Adam(groups)


def _is_plain(layer: nn.Module) -> bool:
    if layer._forward_hooks or "forward" in vars(layer):
        return False
    return type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.padding_mode == "zeros")
