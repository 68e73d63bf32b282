"""Jobs that turn the contenders' losses into loss tables, rankings and the table of transfers."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.higher_order import HigherOrderPlan
from lightning_taskonomy.pipeline.networks import AVERAGE
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.transfers import TransferFiles, first_order
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.taxonomy.tournament import Tournament
from lightning_taskonomy.taxonomy.transfers import SCRATCH, Transfers

log = logging.getLogger(__name__)


def plan_file(settings: PipelineSettings, target: str) -> Path:
    """The plan of a target's higher-order transfers."""
    return settings.root / "higher_order" / f"{target}.csv"


def rank_sources(settings: PipelineSettings, target: str, estimated_seconds: float | None) -> str:
    """Rank a target's sources by the tournament among its first-order transfers; plan the higher orders."""
    files = TransferFiles.of(settings, target)
    others = [name for name in settings.source_names if name != target]
    ranked = [name for name in others if files.read(name).diverged_at is None]
    if len(ranked) > 1:
        tournament = Tournament.from_losses(losses_of_transfers(files, ranked))
        order = np.argsort(-tournament.affinities(), kind="stable")
        ranked = [tournament.contenders[place] for place in order]
    plan = HigherOrderPlan.of(target, ranked, settings.transfer, estimated_seconds)
    path = plan_file(settings, target)
    plan.write(path)
    return "+".join(plan.transfers)


def write_loss_table(settings: PipelineSettings, target: str) -> str:
    """The loss table of a target: the special contenders, and every transfer that has not diverged."""
    plan = HigherOrderPlan.read(plan_file(settings, target), target)
    files = TransferFiles.of(settings, target)
    special = (
        settings.root / "networks" / target / "losses",
        settings.root / "baselines" / target / AVERAGE / "losses",
        settings.root / "baselines" / target / SCRATCH / "losses",
    )
    transfers = losses_of_transfers(files, [*first_order(settings), *plan.transfers])
    table = with_special(transfers, [folder / f"{target}.parquet" for folder in special])
    return sha256_of(table.write_parquet(settings.root / "losses"))


def hold_tournaments(tables: Sequence[Path], out: Path) -> Transfers:
    """Hold the tournaments of some loss tables and write the table of transfers."""
    rows = [
        transfer
        for path in tables
        for transfer in Tournament.from_losses(LossTable.read_parquet(path)).transfers()
    ]
    transfers = Transfers(tuple(rows), origin=str(out))
    transfers.write_csv(out)
    return transfers


def losses_of_transfers(files: TransferFiles, transfers: Sequence[str]) -> LossTable:
    """The losses of some transfers side by side; those that diverged are logged and left out."""
    columns, names, images = [], [], None
    for name in transfers:
        read = files.read(name)
        if read.diverged_at is not None:
            log.warning("%s from %s: diverged at step %d: left out", files.target, name, read.diverged_at)
            continue
        if images is not None and read.images != images:
            raise InputError(f"{files.path(name)}: expected the images of the other transfers")
        images = read.images
        names.append(name)
        columns.append(read.losses)
    if images is None:
        raise InputError(f"target {files.target}: every transfer has diverged; lower the learning rate")
    return LossTable.from_arrays(files.target, images, names, np.stack(columns, axis=1))


def with_special(transfers: LossTable, paths: Sequence[Path]) -> LossTable:
    """A table with special contenders, read from files, placed before its own.

    Raises:
        InputError: a file cannot be read, or has other images.
    """
    images, transfer_losses = transfers.whole()
    special = [LossTable.read_parquet(path) for path in paths]
    columns = []
    for path, table in zip(paths, special, strict=True):
        keys, losses = table.whole()
        if keys != images:
            raise InputError(f"{path}: expected the images of the transfers to {transfers.target}")
        columns.append(losses)
    contenders = [name for table in (*special, transfers) for name in table.contenders]
    return LossTable.from_arrays(
        transfers.target, images, contenders, np.column_stack([*columns, transfer_losses])
    )
