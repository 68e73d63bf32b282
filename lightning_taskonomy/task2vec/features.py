"""Features of pictures: the part of a probe below the classifier, and the pass that caches what it gives."""

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
"""Damaged pictures that are named; of more, their number."""


class Images(Protocol):
    """Pictures by number, each (C, H, W) or several views (V, C, H, W), as the probe takes them."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, place: int, /) -> Tensor:
        """The picture of this number."""


@dataclass(frozen=True)
class View:
    """How a task looks through a probe.

    Attributes:
        reading: One feature vector per picture, or one at each of side × side places.
        start: Layers below this one are run once, and what they give is kept (`skip_layers`).
        side: Height and width of maps.
    """

    reading: Reading = "pooled"
    start: int = 0
    side: int = 0


class Features(nn.Module):
    """A probe without its classifier: pictures, or what the skipped layers made of them, to (B, D, P)."""

    def __init__(self, probe: Probe, view: View) -> None:
        super().__init__()
        probe.require_start(view.start)
        self.probe, self.view = probe, view

    def filters(self, norms: bool) -> dict[str, Filters]:
        """The filters that embeddings have numbers for."""
        return self.probe.filters(self.view.start, norms)

    def forward(self, values: Tensor) -> Tensor:
        """Features, (B, D, P)."""
        return self.probe.features(values, self.view.reading, self.view.start, self.view.side)


@dataclass(frozen=True)
class Cached:
    """What a probe makes of some pictures.

    Attributes:
        features: (N, D, P); the classifier is fitted on them.
        looks: (N, D'), the classifier's usual input, a mean over views: what a picture looks like. The same
            numbers whatever kind of task the features are for.
        activations: What the first skipped layers made of each, (N, …); None where nothing is skipped.
        places: Which of the asked pictures these are, (N,): all that could be read.
        damaged: What is wrong with the others, a line each.
    """

    features: Tensor
    looks: Tensor
    activations: Tensor | None
    places: Tensor
    damaged: list[str]


def cache(
    features: Features, images: Images, numbers: Sequence[int], running: Running, batch: int = 64
) -> Cached:
    """Run pictures through a probe once, in its mode of normalisation.

    Args:
        features: What of a probe is wanted. With batch statistics, its running ones change.
        images: Pictures by number.
        numbers: Of those that are needed, in the order of the result.
        running: On what.
        batch: Pictures at a time.

    Raises:
        InputError: not one picture can be read.
    """
    module = _FeaturePass(features)
    trainer = running.trainer()
    loader = DataLoader(
        _Sought(images, numbers),
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
        raise InputError(f"none of the {len(numbers)} pictures can be read: {damaged[0]}")
    order = places.argsort()
    activations = merged["activation"][order] if "activation" in merged else None
    return Cached(merged["feature"][order], merged["look"][order], activations, places[order], damaged)


def say_left_out(damaged: Sequence[str], count: int) -> None:
    """Name pictures that cannot be read, and say how many of how many they are."""
    for line in damaged[:_NAMED]:
        log.warning("left out: %s", line)
    if len(damaged) > _NAMED:
        log.warning("left out: %d more", len(damaged) - _NAMED)
    if damaged:
        log.warning("left out: %d of %d pictures, which cannot be read", len(damaged), count)


def _readable(samples: Sequence[tuple[int, Tensor | None]]) -> tuple[Tensor, Tensor]:
    """A batch of the pictures that could be read; an empty one if there are none."""
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
    """Some of the pictures, each with its place among those that were asked for."""

    def __init__(self, images: Images, places: Sequence[int]) -> None:
        self._images, self._places = images, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> tuple[int, Tensor]:
        return place, self._images[int(self._places[place])]


class _Sought(Dataset[tuple[int, Tensor | None]]):
    """The same; None for what cannot be read."""

    def __init__(self, images: Images, places: Sequence[int]) -> None:
        self._numbered = Numbered(images, places)

    def __len__(self) -> int:
        return len(self._numbered)

    def __getitem__(self, place: int) -> tuple[int, Tensor | None]:
        try:
            return self._numbered[place]
        except PictureError:
            return place, None


class Kept(Dataset[tuple[int, Tensor]]):
    """What the skipped layers made of pictures, each with its place."""

    def __init__(self, activations: Tensor) -> None:
        self._activations = activations

    def __len__(self) -> int:
        return len(self._activations)

    def __getitem__(self, place: int) -> tuple[int, Tensor]:
        return place, self._activations[place]


class InItsMode(LightningModule):
    """A pass over data that leaves every module of the probe in the mode it was in."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features
        self._modes = [(module, module.training) for module in features.modules()]

    def on_predict_start(self) -> None:
        """Undo what the trainer does."""
        for module, training in self._modes:
            module.training = training


class _FeaturePass(InItsMode):
    """Features, and activations of the skipped layers, batch by batch."""

    def predict_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Of one batch, on the CPU in single precision."""
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
