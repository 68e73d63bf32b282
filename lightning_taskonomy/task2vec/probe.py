"""Probe networks: a frozen network of which only the classifier is fitted to each task."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.filters import Filters, find_filters, other_parameters

Reading = Literal["pooled", "maps"]
"""Which features of a network a task uses: the classifier's input, or the feature maps of several layers."""
Layer = nn.Module | Callable[[Tensor], Tensor]
_USUAL_NAMES = ("fc", "classifier", "head", "heads.head")


class Probe(nn.Module):
    """A network, the name of its classifier, and the origin of its weights.

    A network may declare itself a chain of layers, the last of which is the classifier, by an attribute
    `layers`, as `lightning_taskonomy.nn.resnet.ResNet` does. It can then be started in the middle
    (`skip_layers`). Tasks with an output per pixel need such a chain, or a classifier whose input is maps.

    Attributes:
        network: Any module; never changed.
        classifier: The dotted name of its classifier.
        about: The origin of its weights, in words; stored with every embedding.
    """

    def __init__(self, network: nn.Module, classifier: str | None = None, about: str = "unknown") -> None:
        """Find the classifier.

        Args:
            network: Any module, including a LightningModule.
            classifier: Dotted name of its classifier; by default the network's attribute `classifier`, or
                whichever of the usual names it has (fc, classifier, head).
            about: The origin of its weights.

        Raises:
            InputError: the network has no such module.
        """
        super().__init__()
        self.network = network
        self.about = about
        self.classifier = _classifier_name(network, classifier)

    @property
    def head(self) -> nn.Module:
        """The classifier."""
        return self.network.get_submodule(self.classifier)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The network as a chain with the classifier last; empty if it does not declare its layers."""
        if isinstance(self.network, nn.Sequential):
            return tuple(self.network)
        found = getattr(self.network, "layers", ())
        return tuple(found) if isinstance(found, Sequence | nn.ModuleList | nn.Sequential) else ()

    def require_start(self, start: int) -> None:
        """Check that the network can be started at this layer.

        Raises:
            InputError: it cannot; the message lists the possible layers.
        """
        layers = self.layers
        if start == 0:
            return
        if not layers:
            kind = type(self.network).__name__
            raise InputError(f"skip_layers: {kind} does not declare its `layers`; expected 0, found {start}")
        if not 0 <= start < len(layers) or not isinstance(layers[start], nn.Module):
            places = [number for number, layer in enumerate(layers[:-1]) if isinstance(layer, nn.Module)]
            raise InputError(f"skip_layers: expected one of {', '.join(map(str, places))}, found {start}")

    def filters(self, start: int = 0, norms: bool = False) -> dict[str, Filters]:
        """The filters that make up an embedding, in the order of registration.

        Args:
            start: Index of the first layer of the chain to include.
            norms: Whether to include the scales of normalisation layers, one value per channel.

        Raises:
            InputError: there are none before the classifier, or a layer computes its weight from other
                parameters.
        """
        found = find_filters(self.network, self._skipped(start), norms)
        if not found:
            raise InputError("probe: no layer with weights is left before the classifier")
        return found

    def without_filters(self, start: int = 0) -> list[str]:
        """Names of parameters that are not filters and have no part in embeddings."""
        return list(other_parameters(self.network, self._skipped(start)))

    def _skipped(self, start: int) -> set[int]:
        self.require_start(start)
        before = {id(part) for layer in self.layers[:start] for part in _parts(layer)}
        return before | {id(part) for part in self.head.modules()}

    def run_to(self, images: Tensor, stop: int) -> Tensor:
        """Outputs of the first `stop` layers of the chain; `features(start=stop)` continues from them."""
        values = images
        for layer in self.layers[:stop]:
            values = layer(values)
        return values

    def features(self, values: Tensor, reading: Reading = "pooled", start: int = 0, side: int = 0) -> Tensor:
        """Features, (B, D, P): D values at each of P places; P is 1 for pooled features.

        Args:
            values: Images (B, C, H, W) or several views of each (B, V, C, H, W), whose features are
                concatenated; or the outputs of the layers before `start`.
            reading: `pooled` is the classifier's input. `maps` are the concatenated outputs of all blocks of
                the chain (`nn.Sequential`), for a linear layer per pixel.
            start: Index of the first layer to apply.
            side: Height and width of maps.
        """
        views = values.shape[1] if values.ndim == 5 else 1
        flat = values.flatten(0, 1) if values.ndim == 5 else values
        found = self._pooled(flat, start) if reading == "pooled" else self._maps(flat, start, side)
        # (B·V, D, P) -> (B, V·D, P)
        return found.reshape(len(values), views * found.shape[1], found.shape[2])

    def _pooled(self, values: Tensor, start: int) -> Tensor:
        if self.layers:
            for layer in self.layers[start:-1]:
                values = layer(values)
        else:
            values = self._classifier_input(values)
        return values.flatten(1).unsqueeze(2)

    def _maps(self, values: Tensor, start: int, side: int) -> Tensor:
        maps: list[Tensor] = []
        if self.layers:
            for layer in self.layers[start:-1]:
                values = layer(values)
                if isinstance(layer, nn.Sequential):
                    maps.append(values)
        if not maps:
            maps.append(values if self.layers else self._classifier_input(values))
        if any(found.ndim != 4 for found in maps):
            raise InputError("probe: a task with an output per pixel needs a network with feature maps")
        return torch.cat([_resized(found, side) for found in maps], dim=1).flatten(2)

    def _classifier_input(self, images: Tensor) -> Tensor:
        """The classifier's input in a network that does not declare its layers."""
        seen: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self.network(images)
        finally:
            hook.remove()
        if len(seen) != 1:
            raise InputError(f"probe: expected one use of {self.classifier} per picture, found {len(seen)}")
        return seen[0]


def as_probe(network: nn.Module) -> Probe:
    """A network as a probe."""
    return network if isinstance(network, Probe) else Probe(network)


def _resized(maps: Tensor, side: int) -> Tensor:
    if maps.shape[-1] > side:
        return functional.adaptive_avg_pool2d(maps, side)
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


def _parts(layer: Layer) -> Iterator[nn.Module]:
    return layer.modules() if isinstance(layer, nn.Module) else iter(())


def _classifier_name(network: nn.Module, given: str | None) -> str:
    declared: object = getattr(network, "classifier", None)
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    if given is None and isinstance(declared, nn.Module):
        return names[declared]
    modules = set(names.values())
    if given is None and isinstance(network, nn.Sequential) and len(network):
        return names[network[-1]]
    wanted = given if given is not None else declared
    if isinstance(wanted, str):
        if wanted not in modules or not wanted:
            raise InputError(f"classifier: {type(network).__name__} has no module named {wanted!r}")
        return wanted
    for name in _USUAL_NAMES:
        if name in modules:
            return name
    kind = type(network).__name__
    raise InputError(f"classifier: {kind} does not name its classifier; name it: Probe(network, NAME)")
