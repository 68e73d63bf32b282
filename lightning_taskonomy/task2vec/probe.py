"""Probe networks: a frozen network whose classifier alone is fitted anew for every task."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.filters import Filters, find_filters, other_parameters

Reading = Literal["pooled", "maps"]
"""What of a network is a task's features: the classifier's input, or the maps of several layers."""
Layer = nn.Module | Callable[[Tensor], Tensor]
_USUAL_NAMES = ("fc", "classifier", "head", "heads.head")


class Probe(nn.Module):
    """A network with a name for its classifier, and for where its weights come from.

    A network may say of itself with `layers` that it is a chain of steps, of which the last is the
    classifier, as `lightning_taskonomy.nn.resnet.ResNet` does. Then it can be started in the middle
    (`skip_layers`). For tasks with an output per pixel the classifier's input must be maps, or the network
    such a chain.

    Attributes:
        network: Whatever it is; never changed.
        classifier: The dotted name of its classifier.
        about: Where its weights come from, in words that embeddings carry along.
    """

    def __init__(self, network: nn.Module, classifier: str | None = None, about: str = "unknown") -> None:
        """Looks the classifier up.

        Args:
            network: Any module, a LightningModule too.
            classifier: Its classifier's dotted name; by default what the network's own attribute `classifier`
                says, or whichever of the usual names it has (fc, classifier, head).
            about: Where its weights come from.

        Raises:
            InputError: There is no such module in the network.
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
        """The network as a chain, the classifier last; empty where it does not say."""
        if isinstance(self.network, nn.Sequential):
            return tuple(self.network)
        found = getattr(self.network, "layers", ())
        return tuple(found) if isinstance(found, Sequence | nn.ModuleList | nn.Sequential) else ()

    def require_start(self, start: int) -> None:
        """Refuse to start at a layer that is not there.

        Raises:
            InputError: says which layers there are.
        """
        layers = self.layers
        if start == 0:
            return
        if not layers:
            kind = type(self.network).__name__
            raise InputError(f"skip_layers: {kind} does not say its `layers`; expected 0, found {start}")
        if not 0 <= start < len(layers) or not isinstance(layers[start], nn.Module):
            places = [number for number, layer in enumerate(layers[:-1]) if isinstance(layer, nn.Module)]
            raise InputError(f"skip_layers: expected one of {', '.join(map(str, places))}, found {start}")

    def filters(self, start: int = 0, norms: bool = False) -> dict[str, Filters]:
        """The filters that an embedding has numbers for, in the order of registration.

        Args:
            start: Number of the first layer of the chain that counts.
            norms: Whether the scales of normalisation layers count as well, one number per channel.

        Raises:
            InputError: there are none before the classifier, or a layer makes its weight of other parameters.
        """
        found = find_filters(self.network, self._skipped(start), norms)
        if not found:
            raise InputError("probe: no layer with weights is left before the classifier")
        return found

    def without_filters(self, start: int = 0) -> list[str]:
        """Parameters that no layer calls a weight: embeddings have no numbers for them."""
        return list(other_parameters(self.network, self._skipped(start)))

    def _skipped(self, start: int) -> set[int]:
        self.require_start(start)
        before = {id(part) for layer in self.layers[:start] for part in _parts(layer)}
        return before | {id(part) for part in self.head.modules()}

    def run_to(self, images: Tensor, stop: int) -> Tensor:
        """What the first `stop` layers of the chain make of pictures: what `start=stop` goes on from."""
        values = images
        for layer in self.layers[:stop]:
            values = layer(values)
        return values

    def features(self, values: Tensor, reading: Reading = "pooled", start: int = 0, side: int = 0) -> Tensor:
        """Features, (B, D, P): D numbers at each of P places, one place where they are pooled.

        Args:
            values: Pictures (B, C, H, W) or several views of each (B, V, C, H, W), whose features are joined;
                or what the layers before `start` made of them.
            reading: `pooled` is the classifier's input. `maps` are the outputs of all blocks of the chain
                (`nn.Sequential`), joined: what a linear layer per pixel can use.
            start: Number of the first layer to apply.
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
            raise InputError("probe: a task with an output per pixel needs a network that gives maps")
        return torch.cat([_resized(found, side) for found in maps], dim=1).flatten(2)

    def _classifier_input(self, images: Tensor) -> Tensor:
        """What the classifier is given, of a network that does not say its layers."""
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
    """The probe that a network is."""
    return network if isinstance(network, Probe) else Probe(network)


def _resized(maps: Tensor, side: int) -> Tensor:
    if maps.shape[-1] > side:
        return functional.adaptive_avg_pool2d(maps, side)
    return functional.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


def _parts(layer: Layer) -> Iterator[nn.Module]:
    return layer.modules() if isinstance(layer, nn.Module) else iter(())


def _classifier_name(network: nn.Module, given: str | None) -> str:
    own: object = getattr(network, "classifier", None)
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    if given is None and isinstance(own, nn.Module):
        return names[own]
    modules = set(names.values())
    if given is None and isinstance(network, nn.Sequential) and len(network):
        return names[network[-1]]
    wanted = given if given is not None else own
    if isinstance(wanted, str):
        if wanted not in modules or not wanted:
            raise InputError(f"classifier: {type(network).__name__} has no module named {wanted!r}")
        return wanted
    for name in _USUAL_NAMES:
        if name in modules:
            return name
    kind = type(network).__name__
    raise InputError(f"classifier: {kind} does not name its classifier; name it: Probe(network, NAME)")
