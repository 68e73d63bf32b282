"""Transitive transfers s → t1 → t2: the readout of one target as the source of another.

The paper tried them and found no benefit; whether they help here is an experiment, not part of the plan.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.core.weight_files import read_weights
from lightning_taskonomy.data import RepresentationStore
from lightning_taskonomy.data.representations.fingerprints import of_weights
from lightning_taskonomy.data.representations.writing import StoreWriter
from lightning_taskonomy.data.shards.index import Keys
from lightning_taskonomy.nn import Readout
from lightning_taskonomy.nn.readout import VARIANTS
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.stores import stores_folder
from lightning_taskonomy.pipeline.transfers import TransferFiles, TransferLosses, trained_transfers
from lightning_taskonomy.taxonomy.transfers import Transfers
from lightning_taskonomy.transfers.readout_network import readout_network

COLUMNS = ("target", "via", "source", "win_rate_vs_via_alone", "win_rate_vs_source_alone")
TABLE = "transitive.csv"
_ROWS_AT_ONCE = 256


def transitive_transfers(settings: PipelineSettings, root: Path) -> Path:
    """Transfer every source to every target through the target's best source; compare with direct transfers.

    Args:
        settings: of the run, whose first-order transfers have been trained.
        root: folder of the experiment.

    Returns:
        The table of win rates, `transitive.csv`.

    Raises:
        InputError: the weights of the run's readouts have not been kept.
    """
    measured = Transfers.read_csv(settings.root / "transfers.csv")
    rows = []
    for target in settings.target_names:
        via = best_intermediate(settings, measured, target)
        if via is None:
            continue
        sources = [name for name in settings.source_names if name not in (via, target)]
        named = {f"{source}~{via}": source for source in sources}
        for name, source in named.items():
            _store(settings, source, via, root / "representations" / name)
        direct = TransferFiles.of(settings, target)
        size = direct.readout_size._replace(
            representation_channels=Readout.outputs(VARIANTS[settings.transfer.variant])
        )
        files = replace(direct, root=root, stores=root / "representations", readout_size=size)
        trained_transfers(files, list(named))
        alone = direct.read(via)
        for name, source in named.items():
            through = files.read(name)
            rows.append(
                (target, via, source, win_rate(through, alone), win_rate(through, direct.read(source)))
            )
    write_csv(root / TABLE, COLUMNS, rows)
    return root / TABLE


def best_intermediate(settings: PipelineSettings, measured: Transfers, target: str) -> str | None:
    """The source of highest affinity that is itself a single-view target; None if there is none."""
    candidates = {
        row.sources[0]: row.affinity
        for row in measured.rows
        if row.target == target and row.order == 1 and row.affinity is not None
    }
    possible = [
        name
        for name in settings.target_names
        if name != target and name in candidates and settings.by_name[name].views == 1
    ]
    return max(possible, key=lambda name: candidates[name], default=None)


def win_rate(losses: TransferLosses, rival: TransferLosses) -> float | None:
    """Fraction of images on which a transfer has the lower loss; a tie counts half. None if one diverged."""
    if losses.diverged_at is not None or rival.diverged_at is not None:
        return None
    wins = (losses.losses < rival.losses) + 0.5 * (losses.losses == rival.losses)
    return float(np.mean(wins))


def _store(settings: PipelineSettings, source: str, via: str, folder: Path) -> None:
    """Store what a source's readout to the intermediate target passes to its decoder, for both splits."""
    path = TransferFiles.of(settings, via).path(source).with_suffix(".safetensors")
    if not path.exists():
        raise InputError(
            f"{path}: transitive transfers need the readouts' weights; set transfer.keep_weights"
        )
    weights = read_weights(path)
    readout = readout_network(settings.by_name[via], 1, settings.readout_size, settings.seed)
    readout.load_state_dict(weights)
    readout.eval()
    for split in ("val", "test"):
        store = RepresentationStore(stores_folder(settings) / source / split)
        writer = StoreWriter(
            folder / split,
            f"{source}~{via}",
            of_weights({"source": torch.tensor(list(store.weights.encode())), **weights}),
            store.data,
            store.size,
            _keys(store),
            store.span.first,
        )
        places = np.arange(store.span.first + writer.written, store.span.first + len(store))
        for first in range(0, len(places), _ROWS_AT_ONCE):
            rows = store.rows(places[first : first + _ROWS_AT_ONCE]).float()
            with torch.no_grad():
                writer.append(readout.read(rows).half())
        writer.finish()


def _keys(store: RepresentationStore) -> Keys:
    keys = store.keys
    assert isinstance(keys, Keys)
    return keys
