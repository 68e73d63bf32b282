"""Jobs that run each source's encoder once over the samples that transfers are trained and tested on."""

import sys
from pathlib import Path

from lightning_taskonomy.data.stream.partners import Span
from lightning_taskonomy.pipeline.networks import encoder_of, samples_of
from lightning_taskonomy.pipeline.records import fingerprint
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings
from lightning_taskonomy.transfers.represent import represent


def stores_folder(settings: PipelineSettings) -> Path:
    """The folder that holds `<source>/<split>/`."""
    return settings.root / "representations"


def make_stores(settings: PipelineSettings, source: str) -> str:
    """Store the representations of a source for both splits and return their fingerprint."""
    encoder = encoder_of(settings, source)
    task = None if source == RANDOM else settings.by_name[source]
    if task is not None and encoder.input_channels != task.input_channels:
        task = None  # an encoder of colorization that takes colour images
    stores = {}
    for split, span in spans(settings).items():
        store = represent(
            encoder,
            task,
            settings.shards,
            split,
            span,
            settings.size,
            stores_folder(settings) / source / split,
            source_name=source,
            batch_size=settings.network.batch_size,
            workers=settings.machine.num_workers,
            trainer_options={
                "accelerator": settings.machine.accelerator,
                "precision": settings.machine.precision,
                "enable_progress_bar": sys.stdout.isatty(),
            },
        )
        stores[split] = {"weights": store.weights, "data": store.data}
    return fingerprint(stores)


def spans(settings: PipelineSettings) -> dict[str, Span]:
    """The samples of each split that transfers need, as many as there are."""
    most = [settings.transfer.samples, *(e.samples or 0 for e in settings.experiments.values())]
    wanted = {"val": max(most) + settings.transfer.watched, "test": settings.test_samples}
    spans = {}
    for split, number in wanted.items():
        samples = samples_of(settings, split)
        spans[split] = Span(0, samples if number is None else min(number, samples))
    return spans
