"""From a labelled data set to its embedding: features, classifier, Fisher information."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.batch_gradient import batch_gradient
from lightning_taskonomy.task2vec.classifier import Fitting, fit_heads
from lightning_taskonomy.task2vec.embedding import Embedding
from lightning_taskonomy.task2vec.features import (
    CachedActivations,
    Features,
    Numbered,
    View,
    cache,
    log_left_out,
)
from lightning_taskonomy.task2vec.fisher import Expectation, Share, fisher
from lightning_taskonomy.task2vec.heads import Head, own_head
from lightning_taskonomy.task2vec.labelled_task import LabelledTask, Rows, as_task
from lightning_taskonomy.task2vec.observations import observations
from lightning_taskonomy.task2vec.pixel_pairs import PixelPairs
from lightning_taskonomy.task2vec.probe import Probe, as_probe
from lightning_taskonomy.task2vec.running import Running
from lightning_taskonomy.task2vec.settings import Method, Preset, Settings
from lightning_taskonomy.task2vec.settings import preset as preset_settings
from lightning_taskonomy.task2vec.targets import Kind
from lightning_taskonomy.task2vec.variational import Variational, variational

log = logging.getLogger(__name__)


def embed(
    probe: nn.Module,
    dataset: Any,  # noqa: ANN401 - anything that returns (image, target) by index
    method: Method = "exact",
    head_epochs: int = 10,
    *,
    preset: Preset = "improved",
    name: str = "unnamed",
    kind: Kind | None = None,
    running: Running | None = None,
    **settings: Any,  # noqa: ANN401 - fields of Settings
) -> Embedding:
    """Embed a labelled data set.

    Args:
        probe: A `Probe`, or a network that names its classifier; not changed.
        dataset: A task, or any sequence of (image, target); see `as_task`.
        method: How the Fisher information is estimated; see `Settings`.
        head_epochs: Epochs of fitting the classifier; 0 keeps the probe's own classifier unchanged.
        preset: `improved`, or `reference`, whose methods are batch and variational.
        name: Name of the task.
        kind: Kind of the targets; by default inferred from their type and shape.
        running: Devices, precision, workers, progress.
        **settings: Any other field of `Settings`.

    Raises:
        InputError: a setting or the data set does not fit.
    """
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise InputError(f"settings: no {unknown[0]!r}; expected some of {', '.join(sorted(known))}")
    chosen = replace(preset_settings(preset, method), head_epochs=head_epochs, **settings)
    return embed_tasks(probe, [as_task(dataset, name, kind)], chosen, running)[0]


def embed_tasks(
    probe: nn.Module,
    tasks: Sequence[LabelledTask],
    settings: Settings | None = None,
    running: Running | None = None,
) -> list[Embedding]:
    """Embed many tasks; tasks on the same set of images share features, classifier fits and passes.

    Args:
        probe: A `Probe`, or a network that names its classifier; not changed.
        tasks: Each keeps its name.
        settings: The improved preset by default.
        running: Devices, precision, workers, progress.

    Raises:
        InputError: a setting or a task does not fit.
    """
    settings, running = settings or Settings(), running or Running()
    probe = as_probe(probe)
    if others := probe.without_filters(settings.skip_layers):
        log.warning("probe: not filters, left out of the embedding: %s", ", ".join(others))
    groups: dict[tuple[int, View], list[int]] = {}
    chosen = [_chosen(task, settings) for task in tasks]
    for number, task in enumerate(chosen):
        view = View("pooled", settings.skip_layers)
        if task.targets.dense:
            view = View("maps", settings.skip_layers, settings.side)
        groups.setdefault((id(task.images), view), []).append(number)
    found: dict[int, Embedding] = {}
    for (_, view), numbers in groups.items():
        group = _Group(probe, [chosen[number] for number in numbers], view, settings, running)
        found.update(zip(numbers, group.embeddings(), strict=True))
    return [found[number] for number in range(len(tasks))]


def _chosen(task: LabelledTask, settings: Settings) -> LabelledTask:
    """The task restricted to the images that are used."""
    if settings.max_samples is None:
        return task
    if not settings.first_samples:
        return task.sample(settings.max_samples, settings.seed)
    batches = settings.max_samples // settings.fit_batch - 1  # the reference stops one batch early
    if batches < 1:
        least = 2 * settings.fit_batch
        raise InputError(f"max_samples: the reference needs {least} or more, found {settings.max_samples}")
    return task.first(batches * settings.fit_batch)


class _Group:
    """Tasks on one set of images, seen in the same view."""

    def __init__(
        self, probe: Probe, tasks: list[LabelledTask], view: View, settings: Settings, running: Running
    ) -> None:
        if settings.batch_statistics:  # its running statistics change
            probe = copy.deepcopy(probe)
        probe.train(settings.batch_statistics)
        self.features = Features(probe, view)
        self.settings, self.running = settings, running
        self.tasks, self.images, self.left_out = tasks, tasks[0].images, [0] * len(tasks)
        self._keep(np.unique(np.concatenate([task.rows for task in tasks])))

    def _keep(self, pictures: Rows) -> None:
        """Restrict the tasks to these images."""
        self.pictures = pictures
        for number, task in enumerate(self.tasks):
            kept = np.flatnonzero(np.isin(task.rows, pictures))
            self.left_out[number] += len(task.rows) - len(kept)
            if not len(kept):
                raise InputError(f"task {task.name}: none of its {len(task.rows)} images can be read")
            self.tasks[number] = task.part(kept)
        self.targets = [task.targets.at_side(self.features.view.side) for task in self.tasks]
        if self.settings.head_epochs == 0:  # the probe's own classifier has its own class indices
            self.targets = [targets.as_numbered() for targets in self.targets]
        # Of each task, the positions of its images among these.
        self.places = [np.searchsorted(pictures, task.rows) for task in self.tasks]

    def embeddings(self) -> list[Embedding]:
        """Embeddings in the order of the tasks."""
        # With batch statistics, features depend on the batch.
        batch = self.settings.fit_batch if self.settings.batch_statistics else self.settings.batch
        cached = cache(self.features, self.images, self.pictures.tolist(), self.running, batch)
        if cached.damaged:
            log_left_out(cached.damaged, len(self.pictures))
            self._keep(self.pictures[cached.places.numpy()])
        heads = self._heads(cached.features)
        values: Dataset[tuple[int, Tensor]] = Numbered(self.images, self.pictures.tolist())
        if cached.activations is not None:
            values = CachedActivations(cached.activations)
        hessians, scales = self._estimates(values, heads)
        domains = [cached.looks[places].mean(dim=0).double().numpy() for places in self.places]
        return [
            Embedding(hessian.numpy(), scale.numpy(), self._meta(number), domain)
            for number, (hessian, scale, domain) in enumerate(zip(hessians, scales, domains, strict=True))
        ]

    def _heads(self, features: Tensor) -> list[Head]:
        if self.settings.head_epochs == 0:
            return [own_head(self.features.probe, targets.outputs) for targets in self.targets]
        fitting = Fitting(
            self.settings.head_epochs,
            self.settings.epoch_samples,
            self.settings.fit_batch,
            from_zero=not self.settings.random_start,
            seed=self.settings.seed,
        )
        readings = [self._reading(number) for number in range(len(self.tasks))]
        learned = [
            observations(features, places, targets, reading, self.settings.seed)
            for places, targets, reading in zip(self.places, self.targets, readings, strict=True)
        ]
        heads = fit_heads(learned, fitting, self.running)
        return [replace(head, reading=reading) for head, reading in zip(heads, readings, strict=True)]

    def _reading(self, number: int) -> PixelPairs | None:
        """The pixel pairs that represent a segmentation task."""
        if not self.tasks[number].pairs:
            return None
        return PixelPairs.drawn(len(self.pictures), self.features.view.side**2, self.settings.seed)

    def _estimates(
        self, values: Dataset[tuple[int, Tensor]], heads: list[Head]
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        settings = self.settings
        if settings.method in ("exact", "montecarlo"):
            expectation = Expectation(settings.method, settings.draws, settings.seed)
            shares = [self._share(number, head) for number, head in enumerate(heads)]
            found = fisher(
                self.features, values, shares, expectation, self.running, settings.norms, settings.batch
            )
            prior = settings.prior or 1.0
            return list(found + settings.prior), [torch.full_like(row, prior) for row in found]
        each = [self._estimate(number, head, values) for number, head in enumerate(heads)]
        return [hessian for hessian, _ in each], [scale for _, scale in each]

    def _estimate(
        self, number: int, head: Head, values: Dataset[tuple[int, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """By a method in which tasks share only the features."""
        settings, weights = self.settings, self._weights(number)
        if settings.method == "batch":
            found = batch_gradient(
                self.features,
                values,
                head,
                weights,
                self.running,
                settings.norms,
                settings.epoch_samples,
                settings.fit_batch,
                settings.seed,
            )
            return found + settings.prior, torch.full_like(found, settings.prior or 1.0)
        noise = Variational(
            settings.beta,
            settings.noise_epochs,
            settings.epoch_samples,
            settings.fit_batch,
            settings.noise_rate,
            seed=settings.seed,
        )
        targets = self._spread(number, self.targets[number].tensor(), 0)
        if head.reading is not None:
            everything, known = torch.arange(len(targets)), self._share(number, head).counted
            targets = head.reading.same(targets, everything).where(known.unsqueeze(1), torch.nan)
        return variational(self.features, values, targets, head, weights, noise, self.running)

    def _share(self, number: int, head: Head) -> Share:
        counted = self._spread(number, self.targets[number].counted(), False)
        weights = self._weights(number)
        if head.reading is not None:
            counted = head.reading.counted(counted)
        weights = weights * counted.any(dim=1)
        return Share(self.tasks[number].name, head, weights / weights.sum(), counted)

    def _weights(self, number: int) -> Tensor:
        """Weights of all images of the group; 0 for images of other tasks."""
        targets = self.targets[number]
        weights = targets.balancing_weights() if self.settings.balanced else np.ones(len(targets))
        return self._spread(number, torch.from_numpy(weights).float(), 0)

    def _spread(self, number: int, values: Tensor, filling: float | bool) -> Tensor:
        """Scatter values of a task's images over all images of the group."""
        spread = torch.full((len(self.pictures), *values.shape[1:]), filling, dtype=values.dtype)
        return spread.index_copy_(0, torch.from_numpy(self.places[number]), values)

    def _meta(self, number: int) -> dict[str, Any]:
        task, settings = self.tasks[number], self.settings
        filters = self.features.filters(settings.norms)
        return {
            "name": task.name,
            "group": task.group,
            "kind": task.targets.kind,
            "outputs": task.targets.outputs,
            "samples": len(task.rows),
            "left_out": self.left_out[number],
            "probe": self.features.probe.about,
            "has_prior": settings.method == "variational" or settings.prior > 0,
            "layers": {name: len(each) for name, each in filters.items()},
            **asdict(settings),
            **task.about,
        }
