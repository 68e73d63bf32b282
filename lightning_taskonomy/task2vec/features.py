"""Image features: the part of a probe below the classifier, and the pass that caches its outputs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PictureError
from lightning_taskonomy.core.processes import leave_signals_to_parent
from lightning_taskonomy.task2vec.filters import Filters
from lightning_taskonomy.task2vec.probe import Probe, Reading
from lightning_taskonomy.task2vec.running import Running, quiet

log = logging.getLogger(__name__)
_NAMED = 20
"""How many damaged images are named; the rest are counted."""


class Images(Protocol):
    """Images by index, each (C, H, W) or several views (V, C, H, W), as the probe takes them."""

    def __len__(self) -> int:
        """Number of images."""

    def __getitem__(self, place: int, /) -> Tensor:
        """The image at this index."""


@dataclass(frozen=True)
class View:
    """Which features of a probe a task uses.

    Attributes:
        reading: One feature vector per image, or one at each of side × side places.
        start: Layers below this one are run once, and their activations are cached (`skip_layers`).
        side: Height and width of maps.
    """

    reading: Reading = "pooled"
    start: int = 0
    side: int = 0


class Features(nn.Module):
    """A probe without its classifier: images, or the skipped layers' activations, to features (B, D, P)."""

    def __init__(self, probe: Probe, view: View) -> None:
        super().__init__()
        probe.require_start(view.start)
        self.probe, self.view = probe, view

    def filters(self, norms: bool) -> dict[str, Filters]:
        """The filters that make up an embedding."""
        return self.probe.filters(self.view.start, norms)

    def forward(self, values: Tensor) -> Tensor:
        """Features, (B, D, P)."""
        return self.probe.features(values, self.view.reading, self.view.start, self.view.side)


@dataclass(frozen=True)
class Cached:
    """A probe's outputs for some images.

    Attributes:
        features: (N, D, P); the classifier is fitted on them.
        looks: (N, D'), the pooled features averaged over views, which describe an image's appearance. They
            do not depend on the kind of task.
        activations: Outputs of the skipped layers for each image, (N, …); None if no layer is skipped.
        places: Which of the requested images these are, (N,): all readable ones.
        damaged: What is wrong with the others, one message each.
    """

    features: Tensor
    looks: Tensor
    activations: Tensor | None
    places: Tensor
    damaged: list[str]


def cache(
    features: Features, images: Images, numbers: Sequence[int], running: Running, batch: int = 64
) -> Cached:
    """Run images through a probe once, in its mode of normalisation.

    Args:
        features: The wanted features of a probe. With batch statistics, its running statistics change.
        images: Images by index.
        numbers: Indices of the needed images, in the order of the result.
        running: Devices, precision and workers.
        batch: Images at a time.

    Raises:
        InputError: no image can be read.
    """
    module = _FeaturePass(features)
    trainer = running.trainer()
    loader = DataLoader(
        _MaybeUnreadable(images, numbers),
        batch_size=batch,
        num_workers=running.workers,
        worker_init_fn=leave_signals_to_parent,
        collate_fn=_readable,
    )
    with quiet():
        parts = cast(list[dict[str, Tensor]], trainer.predict(module, loader))
    merged = running.gathered(trainer, parts)
    places = merged.get("place", torch.zeros(0, dtype=torch.long))
    damaged = _damages(
        images, [numbers[place] for place in sorted(set(range(len(numbers))) - set(places.tolist()))]
    )
    if not len(places):
        raise InputError(f"none of the {len(numbers)} images can be read: {damaged[0]}")
    order = places.argsort()
    activations = merged["activation"][order] if "activation" in merged else None
    return Cached(merged["feature"][order], merged["look"][order], activations, places[order], damaged)


def log_left_out(damaged: Sequence[str], count: int) -> None:
    """Log the images that cannot be read, and how many of `count` they are."""
    for line in damaged[:_NAMED]:
        log.warning("left out: %s", line)
    if len(damaged) > _NAMED:
        log.warning("left out: %d more", len(damaged) - _NAMED)
    if damaged:
        log.warning("left out: %d of %d images, which cannot be read", len(damaged), count)


def _readable(samples: Sequence[tuple[int, Tensor | None]]) -> tuple[Tensor, Tensor]:
    """A batch of the readable images; an empty one if there are none."""
    kept = [(place, picture) for place, picture in samples if picture is not None]
    pictures = [picture for _, picture in kept]
    return torch.tensor([place for place, _ in kept], dtype=torch.long), torch.stack(
        pictures
    ) if pictures else torch.zeros(0)


def _damages(images: Images, numbers: Sequence[int]) -> list[str]:
    found = []
    for number in numbers:
        try:
            images[int(number)]
        except PictureError as error:
            found.append(str(error))
    return found


class Numbered(Dataset[tuple[int, Tensor]]):
    """Some of the images, each with its position among those requested."""

    def __init__(self, images: Images, places: Sequence[int]) -> None:
        self._images, self._places = images, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> tuple[int, Tensor]:
        return place, self._images[int(self._places[place])]


class _MaybeUnreadable(Dataset[tuple[int, Tensor | None]]):
    """The same; None for images that cannot be read."""

    def __init__(self, images: Images, places: Sequence[int]) -> None:
        self._numbered = Numbered(images, places)

    def __len__(self) -> int:
        return len(self._numbered)

    def __getitem__(self, place: int) -> tuple[int, Tensor | None]:
        try:
            return self._numbered[place]
        except PictureError:
            return place, None


class CachedActivations(Dataset[tuple[int, Tensor]]):
    """Outputs of the skipped layers, each with its image's position."""

    def __init__(self, activations: Tensor) -> None:
        self._activations = activations

    def __len__(self) -> int:
        return len(self._activations)

    def __getitem__(self, place: int) -> tuple[int, Tensor]:
        return place, self._activations[place]


class ModePreservingPass(LightningModule):
    """A pass over data that leaves every module of the probe in training or evaluation mode, as it was."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features
        self._modes = [(module, module.training) for module in features.modules()]

    def on_predict_start(self) -> None:
        """Restore the modes that the trainer has changed."""
        for module, training in self._modes:
            module.training = training


class _FeaturePass(ModePreservingPass):
    """Computes features, and activations of the skipped layers, batch by batch."""

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Outputs for one batch, on the CPU in single precision."""
        places, values = batch
        if not len(places):
            return {}
        found = {"place": places.cpu()}
        start, views = self.features.view.start, values.shape[:2]
        if start:
            several = values.ndim == 5
            values = self.features.probe.run_to(values.flatten(0, 1) if several else values, start)
            values = values.reshape(*views, *values.shape[1:]) if several else values
            found["activation"] = values.float().cpu()
        found["feature"] = self.features(values).float().cpu()
        found["look"] = self._looks(values, found["feature"])
        return found

    def _looks(self, values: Tensor, features: Tensor) -> Tensor:
        """Pooled features, (B, D'), averaged over views."""
        view = self.features.view
        if view.reading == "maps":
            features = self.features.probe.features(values, "pooled", view.start).float().cpu()
        views = values.shape[1] if values.ndim == 5 else 1
        return features.reshape(len(values), views, -1).mean(dim=1)
