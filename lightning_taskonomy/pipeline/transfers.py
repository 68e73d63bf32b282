"""Jobs of step II: every transfer writes a file of losses, and is not trained again while it is valid."""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import Callback

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import write_weights
from lightning_taskonomy.data import RepresentationStore
from lightning_taskonomy.data.representations.fingerprints import of_data
from lightning_taskonomy.data.stream.partners import Span, needed_domains
from lightning_taskonomy.pipeline.networks import about, samples_of, small_set, watching
from lightning_taskonomy.pipeline.records import fingerprint
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings
from lightning_taskonomy.pipeline.stores import stores_folder
from lightning_taskonomy.pipeline.trainer_runs import fit_and_test
from lightning_taskonomy.taxonomy.loss_files import notes_of
from lightning_taskonomy.taxonomy.losses import Floats, LossTable
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.racing import Racing
from lightning_taskonomy.transfers.readout_memory import readouts_that_fit
from lightning_taskonomy.transfers.readout_network import ReadoutSize, sources_of
from lightning_taskonomy.transfers.readouts import Readouts

log = logging.getLogger(__name__)
_LONGEST_NAME = 100
_ABOUT = "transfer"
_RUNNING = "running-"


@dataclass(frozen=True)
class TransferFiles:
    """The files of the transfers to one target.

    Attributes:
        settings: of the run, or of an experiment.
        target: the task.
        root: folder of the run, or of an experiment.
        stores: folder of the representations.
        readout_size: of the readouts.
    """

    settings: PipelineSettings
    target: str
    root: Path
    stores: Path
    readout_size: ReadoutSize

    @classmethod
    def of(cls, settings: PipelineSettings, target: str) -> "TransferFiles":
        """The files of the run itself."""
        return cls(settings, target, settings.root, stores_folder(settings), settings.readout_size)

    @property
    def folder(self) -> Path:
        """The folder of this target."""
        return self.root / "transfers" / self.target

    def path(self, transfer: str) -> Path:
        """The file of a transfer's losses; the names of many sources are shortened to a digest."""
        name = transfer
        if len(name) > _LONGEST_NAME:
            digest = hashlib.sha256(name.encode()).hexdigest()[:16]
            name = f"order{len(sources_of(transfer))}-{digest}"
        return self.folder / f"{name}.parquet"

    def inputs(self, transfer: str) -> str:
        """Fingerprint of everything that the transfer's losses depend on."""
        weights = [
            RepresentationStore(self.stores / source / "val").weights for source in sources_of(transfer)
        ]
        return fingerprint({"transfer": transfer, "weights": weights, **self.common_inputs})

    @cached_property
    def common_inputs(self) -> Mapping[str, Any]:
        """Plain values: what all transfers to the target depend on."""
        settings, transfer = self.settings, self.settings.transfer
        domains = needed_domains(settings.by_name[self.target])
        test_samples = samples_of(settings, "test")
        ends = {
            "val": min(transfer.samples, samples_of(settings, "val")),
            "test": test_samples
            if settings.test_samples is None
            else min(settings.test_samples, test_samples),
        }
        if settings.statistics == "own":  # measured on all of the training split
            ends["train"] = samples_of(settings, "train")
        return {
            "target": self.target,
            "defined": settings.definition(self.target),
            "labels": {
                split: of_data(settings.shards, split, domains, Span(0, end), settings.size)
                for split, end in ends.items()
            },
            "readout": self.readout_size._asdict(),
            "training": [
                transfer.whole_epochs,
                transfer.batch_size,
                transfer.drop_after,
                transfer.weight_decay,
            ],
            "racing": [transfer.watched, transfer.validate_every] if transfer.racing else None,
            "learning_rate": settings.network.learning_rate,
            "statistics": settings.statistics,
            "seed": settings.seed,
        }

    def is_current(self, transfer: str) -> bool:
        """Whether its losses exist and are up to date."""
        about = self._about(transfer)
        return about is not None and about["inputs"] == self.inputs(transfer)

    def read(self, transfer: str) -> "TransferLosses":
        """The losses of a transfer.

        Raises:
            InputError: there are none, or the file is damaged.
        """
        path = self.path(transfer)
        table = LossTable.read_parquet(path, self.target)
        about = self._about(transfer)
        if about is None or "diverged_at" not in about or len(table.contenders) != 1:
            raise InputError(f"{path}: expected the losses of the transfer {transfer}")
        images, losses = table.whole()
        return TransferLosses(transfer, list(images), losses[:, 0], about["diverged_at"])

    def write(self, transfer: str, images: Sequence[str], losses: Floats, diverged_at: int | None) -> None:
        """Write the losses of a transfer, or that it has diverged."""
        about = {"name": transfer, "inputs": self.inputs(transfer), "diverged_at": diverged_at}
        table = LossTable.from_arrays(self.target, images, ["loss"], losses[:, None])
        table.write_to(self.path(transfer), notes={_ABOUT: json.dumps(about)})

    def _about(self, transfer: str) -> Mapping[str, Any] | None:
        try:
            about: Mapping[str, Any] = json.loads(notes_of(self.path(transfer))[_ABOUT])
        except (InputError, KeyError, ValueError):
            return None  # absent or damaged: to be trained
        return about if about.get("name") == transfer else None


@dataclass(frozen=True)
class TransferLosses:
    """The losses of a transfer.

    Attributes:
        name: sources joined by +.
        images: keys, in order.
        losses: of each image, (images,); meaningless if it diverged.
        diverged_at: the step at which its loss became NaN or infinite; None if it did not.
    """

    name: str
    images: list[str]
    losses: Floats
    diverged_at: int | None


def trained_transfers(files: TransferFiles, transfers: Sequence[str]) -> str:
    """Train those of the given transfers whose losses are missing or stale, as many at once as fit.

    Returns:
        Fingerprint of all losses.
    """
    missing = [name for name in transfers if not files.is_current(name)]
    for group in _groups(files, missing):
        _train_together(files, group)
    for left in files.folder.glob(f"{_RUNNING}*"):  # of other settings, or killed before it was removed
        shutil.rmtree(left)
    return fingerprint({name: sha256_of(files.path(name)) for name in transfers})


def _groups(files: TransferFiles, missing: list[str]) -> list[list[str]]:
    if not missing:
        return []
    settings, options = files.settings, files.settings.transfer
    task = settings.by_name[files.target]
    if options.together is not None:
        return [
            missing[first : first + options.together] for first in range(0, len(missing), options.together)
        ]
    return readouts_that_fit(task, missing, files.readout_size, options.batch_size, None)


def _train_together(files: TransferFiles, transfers: list[str]) -> None:
    settings, options = files.settings, files.settings.transfer
    size = files.readout_size
    module = Readouts(
        settings.spelled[files.target],
        transfers,
        str(files.stores),
        size.size,
        size.variant,
        size.decoder_width,
        size.hidden,
        settings.network.learning_rate,
        options.drop_after,
        options.weight_decay,
        settings.seed,
        size.representation_channels,
    )
    run = fingerprint({name: files.inputs(name) for name in transfers})
    folder = files.folder / f"{_RUNNING}{run[:16]}"
    watched = watching(settings)
    tournament = LiveTournament()
    callbacks: list[Callback] = [tournament]
    if options.racing and "limit_val_batches" not in watched:
        callbacks.append(Racing(tournament))
    losses = fit_and_test(
        settings,
        module,
        small_set(settings, files.target),
        folder,
        run=run,
        epochs=options.whole_epochs,
        contender="transfers",
        callbacks=callbacks,
        **watched,
    )
    table = LossTable.read_parquet(losses / f"{files.target}.parquet")
    images, columns = table.whole()
    by_name = dict(zip(table.contenders, columns.T, strict=True))
    networks = module.networks
    for name in transfers:
        diverged = module.diverged.get(name)
        column = by_name[name] if diverged is None else np.full(len(images), np.nan)
        if options.keep_weights and diverged is None:
            weights = files.path(name).with_suffix(".safetensors")
            write_weights(weights, networks[name].state_dict(), about(settings, module.task))
        files.write(name, images, column, diverged)
    _keep_curves(folder, files.folder / "curves")
    shutil.rmtree(folder)


def _keep_curves(folder: Path, to: Path) -> None:
    """Move TensorBoard's files out of a folder that will be removed."""
    to = to / folder.name
    to.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("events.out.*"):
        shutil.move(path, to / path.name)


def first_order(settings: PipelineSettings) -> list[str]:
    """The transfers of order 1, the same for all targets: every source, and the random encoder."""
    return [*settings.source_names, RANDOM]
