"""Experiments on the transfers: other amounts of data, other readouts, and how the affinities change."""

from dataclasses import replace
from pathlib import Path

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.pipeline.loss_tables import hold_tournaments, losses_of_transfers, with_special
from lightning_taskonomy.pipeline.networks import train_from_scratch
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.transfers import TransferFiles, first_order, trained_transfers
from lightning_taskonomy.pipeline.transitive import TABLE, transitive_transfers
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.sensitivity import Sensitivity


def folder_of(settings: PipelineSettings, name: str) -> Path:
    """The folder of an experiment."""
    return settings.root / "experiments" / name


def table_of(settings: PipelineSettings, name: str) -> Path:
    """The table that an experiment ends with."""
    table = TABLE if settings.experiments[name].transitive else "correlations.csv"
    return folder_of(settings, name) / table


def run_experiment(settings: PipelineSettings, name: str, run: str) -> str:
    """Train the first-order transfers under other settings and compare the affinities with the run's own."""
    root, changed = folder_of(settings, name), settings.under(settings.experiments[name])
    if settings.experiments[name].transitive:
        return sha256_of(transitive_transfers(changed, root))
    tables = []
    for target in settings.target_names:
        files = replace(TransferFiles.of(changed, target), root=root)
        trained_transfers(files, first_order(changed))
        scratch = train_from_scratch(changed, target, root / "baselines" / target, run)
        full = settings.root / "networks" / target / "losses" / f"{target}.parquet"
        whole = with_special(losses_of_transfers(files, first_order(changed)), [full, scratch])
        tables.append(whole.write_parquet(root / "losses"))
    transfers = hold_tournaments(tables, root / "transfers.csv")
    first = Transfers.read_csv(settings.root / "transfers.csv")
    Sensitivity.of({"run": first, name: transfers}, [settings.budget], max_order=1).save_tables(root)
    return sha256_of(root / "correlations.csv")
