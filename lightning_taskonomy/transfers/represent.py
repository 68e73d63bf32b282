"""Running an encoder once over the samples of a split (Taskonomy, step II); transfers read the results."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.representations.fingerprints import covered, of_data, of_weights
from lightning_taskonomy.data.representations.store import RepresentationStore
from lightning_taskonomy.data.representations.writing import PART_ROWS, StoreWriter
from lightning_taskonomy.data.shards.index import Keys
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from lightning_taskonomy.data.stream.loader import PlannedLoader
from lightning_taskonomy.data.stream.partners import Span, needed_domains
from lightning_taskonomy.data.stream.reading import ShardSet
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.task import Example, Task, ViewLabels

_COLOUR_PICTURES = "autoencoding"
"""The task whose input is the plain colour image."""


class Represent(pytorch_lightning.LightningModule):
    """Computes the representation of each image, for `Trainer.predict`; nothing is trained.

    Args:
        encoder: (B, C, S, S) -> (B, c, s, s).
        pictures: the task in a batch whose input the encoder takes.
    """

    def __init__(self, encoder: nn.Module, pictures: str = _COLOUR_PICTURES) -> None:
        super().__init__()
        self.encoder, self.pictures = encoder, pictures

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, c, s, s)."""
        representations: Tensor = self.encoder(pictures)
        return representations

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The representations of a batch, in half precision."""
        representations: Tensor = self(batch[self.pictures]["input"][:, 0])
        return representations.half()


def represent(
    encoder: nn.Module,
    source: Task | None,
    shards: str,
    split: str,
    span: Span,
    size: int,
    folder: Path,
    *,
    source_name: str,
    trainer_options: Mapping[str, Any] = {},
    batch_size: int = 32,
    workers: int = 2,
    part_rows: int = PART_ROWS,
) -> RepresentationStore:
    """Create an encoder's store, complete an unfinished one, or return an existing one.

    Every encoder takes whole single images, even if it was trained on pairs, triplets or tiles. A store of
    other weights or images in the folder is removed first.

    Args:
        encoder: (B, C, S, S) -> (B, c, s, s); is left on the CPU, in its previous mode.
        source: the task that it was trained for; None if there is none: then it takes colour images.
        shards: the packed folder, as for the DataModule.
        split: `train`, `val` or `test`.
        span: the samples.
        size: pixels per side of the images.
        folder: of the store, for this encoder and split only.
        source_name: name of the encoder.
        trainer_options: for the trainer: device, precision, progress.
        batch_size: images per batch.
        workers: processes that read and decode.
        part_rows: largest number of rows in each part: what a killed run may have to repeat.

    Raises:
        InputError: an image is missing or broken, a representation is not finite in half precision, or the
            arguments do not fit together.
    """
    if batch_size < 1:
        raise InputError(f"batch_size: expected at least 1, found {batch_size}")
    pictures = pictures_for(source)
    domains = needed_domains(pictures)
    weights = of_weights(encoder.state_dict())
    data = of_data(shards, split, domains, span, size)
    finished = _current(folder, source_name, weights, data)
    if finished is not None:
        return finished
    places, keys = _checked(shards, split, domains, span)
    # In whole batches, so that a resumed run makes the same batches as an uninterrupted one.
    part_rows = max(1, part_rows // batch_size) * batch_size
    writer = StoreWriter(folder, source_name, weights, data, size, keys, places.start, part_rows)
    if writer.written < len(places):
        left = Span(places.start + writer.written, places.stop)
        trainer = _trainer(trainer_options, _WriteRows(writer))
        samples = _Pictures(shards, pictures, split, left, size, batch_size, workers)
        trainer.predict(Represent(encoder, pictures.name), samples, return_predictions=False)
    writer.finish()
    return RepresentationStore(folder)


def pictures_for(source: Task | None) -> Task:
    """The task whose input an encoder takes: one whole image.

    Args:
        source: the task that it was trained for, or None.

    Raises:
        InputError: it takes neither colour images nor a single image that its task derives from a view.
    """
    colour = task_named(_COLOUR_PICTURES)
    if source is None or source.input_channels == colour.input_channels:
        return colour
    if source.views > 1 or (source.pictures or 1) > 1:
        raise InputError(
            f"{source.name}: expected a source that takes colour images, or a single image; "
            f"found {source.pictures or source.views} images of {source.input_channels} channels"
        )
    return replace(source, standard=None, read=_InputAlone(source))


@dataclass(frozen=True)
class _InputAlone:
    """Reads a task's input, without its target."""

    task: Task

    def __call__(self, views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
        inputs = self.task.read(views, size, random).inputs
        return Example(inputs, inputs[0])


class _Pictures(TaskonomyDataModule):
    """The images of a span of a split, in order; broken ones are not skipped."""

    def __init__(
        self, shards: str, pictures: Task, split: str, span: Span, size: int, batch_size: int, workers: int
    ) -> None:
        super().__init__(shards, [_COLOUR_PICTURES], size, batch_size, workers, broken_share=0)
        self.tasks = [pictures]
        self.split, self.span = split, span

    def predict_dataloader(self) -> PlannedLoader:
        return self.loader(self.split, shuffled=False, within=self.span)


class _WriteRows(Callback):
    """Passes the representations of a batch to the writer."""

    def __init__(self, writer: StoreWriter) -> None:
        self.writer = writer

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Tensor,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.writer.append(outputs)


def _current(folder: Path, source: str, weights: str, data: str) -> RepresentationStore | None:
    try:
        store = RepresentationStore(folder)
        store.require(weights, data)
    except InputError:
        return None  # missing, unfinished, stale or damaged
    return store if store.source == source else None


def _checked(shards: str, split: str, domains: Sequence[str], span: Span) -> tuple[range, Keys]:
    """The positions of the samples and their keys.

    Raises:
        InputError: one of them lacks a domain.
    """
    index = ShardSet(shards, split, domains).index
    places = covered(span, len(index.keys), f"{shards}/{split}")
    for domain in domains:
        present = index.present.get(domain, np.zeros(len(index.keys), np.bool_))[places.start : places.stop]
        if not present.all():
            first = places.start + int(np.argmin(present))
            raise InputError(
                f"{shards}/{split}: expected {domain} of every sample; {index.keys[first]} has none, "
                f"as have {len(places) - int(present.sum())} of {len(places)}"
            )
    return places, Keys(index.keys.text[places.start : places.stop])


def _trainer(options: Mapping[str, Any], writing: Callback) -> Trainer:
    standard = {
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": sys.stdout.isatty(),
    }
    callbacks = [*options.get("callbacks", ()), writing]
    trainer = Trainer(**{**standard, **options, "callbacks": callbacks})
    if trainer.world_size > 1:
        # Ranks take every n-th sample, but rows are written in order; use one device per encoder instead.
        raise InputError(f"devices: an encoder runs on one, found {trainer.world_size}")
    return trainer
