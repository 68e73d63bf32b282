"""A callback that writes the test loss of every image, for the tournament."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytorch_lightning
import torch
from pytorch_lightning.callbacks import Callback

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder
from lightning_taskonomy.taxonomy.loss_columns import GROUP, IMAGE
from lightning_taskonomy.taxonomy.losses import Floats, LossTable
from lightning_taskonomy.training.task_module import TaskModule


class WriteLossTable(Callback):
    """Writes the loss of every image of `test` as a contender's column of `<folder>/<task>.parquet`.

    Readouts that are evaluated together have one column each, under their own names; a diverged one has none.
    The column is joined by image to an existing table, or starts a new one; a column of the same name is
    replaced. Rows are sorted by image. The first rank writes the file, whole or not at all. Two runs that end
    at the same moment must not write the same table: the column of one would be lost.

    Args:
        folder: of the loss tables, one per task; every rank must have access to it.
        contender: name of the column, like the `sources` of a transfers table: `self`, `random`, `average`,
            or tasks joined by +.

    Raises:
        InputError: the name is reserved or empty.
    """

    def __init__(self, folder: str, contender: str = "self") -> None:
        if contender in ("", IMAGE, GROUP):
            raise InputError(
                f"contender: expected a name other than {IMAGE!r} and {GROUP!r}, found {contender!r}"
            )
        self.folder, self.contender = Path(folder), contender
        self._keys: list[str] = []
        self._losses: list[torch.Tensor] = []

    def setup(
        self, trainer: pytorch_lightning.Trainer, pl_module: pytorch_lightning.LightningModule, stage: str
    ) -> None:
        """Check before long work begins that the table can be written.

        Raises:
            InputError: the folder cannot be written to, or the existing file is not a loss table.
        """
        if stage == "test" and trainer.is_global_zero:
            path = make_folder(self.folder) / f"{_task(pl_module)}.parquet"
            if path.exists():
                LossTable.read_parquet(path)

    def on_test_start(
        self, trainer: pytorch_lightning.Trainer, pl_module: pytorch_lightning.LightningModule
    ) -> None:
        """Forget an earlier test."""
        self._keys, self._losses = [], []

    def on_test_batch_end(
        self,
        trainer: pytorch_lightning.Trainer,
        pl_module: pytorch_lightning.LightningModule,
        outputs: Any,  # noqa: ANN401 - the callback's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect keys and losses of a batch."""
        self._keys.extend(outputs["key"])
        # They stay on the device: fetching them would stall a GPU at every batch.
        self._losses.append(losses_of(outputs))

    def on_test_epoch_end(
        self, trainer: pytorch_lightning.Trainer, pl_module: pytorch_lightning.LightningModule
    ) -> None:
        """Write the table.

        Raises:
            InputError: an image occurs twice, the existing table has other images, or the file cannot be
                written.
        """
        target = _task(pl_module)
        contenders = self._contenders(pl_module)
        losses = torch.cat(self._losses) if self._losses else torch.zeros(0, len(contenders))
        table = LossTable.from_arrays(target, self._keys, contenders, losses.cpu().double().numpy())
        trainer.strategy.barrier("loss table: start")
        if trainer.world_size > 1:
            table.write_to(self._part(target, trainer.global_rank))
        trainer.strategy.barrier("loss table: parts")
        error: InputError | None = None
        if trainer.is_global_zero:
            # The other ranks wait: they learn of the failure before the error is raised.
            try:
                self._join(table, trainer.world_size, pl_module)
            except InputError as failure:
                error = failure
        failed = trainer.strategy.reduce(
            torch.tensor(float(error is not None), device=trainer.strategy.root_device), reduce_op="sum"
        )
        if error is not None:
            raise error
        if float(failed):
            raise InputError(
                f"{self.folder / target}.parquet: not written; the first rank reports the reason"
            )

    def _contenders(self, module: pytorch_lightning.LightningModule) -> list[str]:
        if not isinstance(module, TaskModule) or not module.contenders:
            return [self.contender]
        return [name for name in module.contenders if name not in module.diverged]

    def _part(self, target: str, rank: int) -> Path:
        # Not named like a table, so that readers of the folder ignore it.
        return self.folder / f".{target}-{quote(self.contender, safe='+')}-{rank}.part"

    def _of_all_ranks(self, table: LossTable, world_size: int) -> tuple[list[str], dict[str, Floats]]:
        if world_size == 1:
            return _sorted_columns([table])
        parts = [self._part(table.target, rank) for rank in range(world_size)]
        try:
            return _sorted_columns([LossTable.read_parquet(part, table.target) for part in parts])
        finally:
            for part in parts:
                part.unlink(missing_ok=True)

    def _join(self, table: LossTable, world_size: int, module: pytorch_lightning.LightningModule) -> None:
        path = self.folder / f"{table.target}.parquet"
        images, columns = self._of_all_ranks(table, world_size)
        repeated = [key for key, count in Counter(images).items() if count > 1]
        if repeated:
            raise InputError(
                f"{path}: expected every image once, found {len(repeated)} more than once, "
                f"such as {repeated[0]}"
            )
        diverged: set[str] = set()
        if isinstance(module, TaskModule) and module.contenders:
            columns = {name: losses for name, losses in columns.items() if np.isfinite(losses).all()}
            diverged = set(module.contenders) - set(columns)
        groups: Sequence[str] | None = None
        if path.exists():
            existing = LossTable.read_parquet(path)
            columns = _joined(existing, images, columns, diverged)
            groups = _sorted_groups(existing) if existing.grouped else None
        losses = np.column_stack([np.empty((len(images), 0)), *columns.values()])
        joined = LossTable.from_arrays(table.target, images, list(columns), losses, groups)
        joined.write_parquet(self.folder, joined.grouped)


def _sorted_columns(tables: Sequence[LossTable]) -> tuple[list[str], dict[str, Floats]]:
    """The sorted images of tables of the same contenders, and each contender's losses for them."""
    wholes = [table.whole() for table in tables]
    images = [image for keys, _ in wholes for image in keys]
    order = sorted(range(len(images)), key=images.__getitem__)
    losses = np.concatenate([rows for _, rows in wholes])[order]
    return [images[place] for place in order], dict(zip(tables[0].contenders, losses.T, strict=True))


def _sorted_groups(table: LossTable) -> list[str]:
    """The groups in the order of the sorted images."""
    groups = [group for block in table.groups() for group in block]
    return [group for _, group in sorted(zip(table.whole()[0], groups, strict=True))]


def _joined(
    existing: LossTable, images: list[str], new: Mapping[str, Floats], diverged: Collection[str]
) -> dict[str, Floats]:
    """The existing columns, with the new ones replacing those of the same name or appended.

    A contender that diverged in this run loses its column of an earlier run.
    """
    existing_images, columns = _sorted_columns([existing])
    if existing_images != images:
        known, given = Counter(existing_images), Counter(images)
        raise InputError(
            f"{existing.origin}: expected the same images for every contender, found "
            f"{(given - known).total()} not in the table and {(known - given).total()} only there"
        )
    return {name: losses for name, losses in columns.items() if name not in diverged} | dict(new)


def losses_of(outputs: Mapping[str, Any]) -> torch.Tensor:
    """The losses of each image and contender, (B, contenders), from the outputs for a batch.

    Args:
        outputs: `Evaluated`, or `EvaluatedTogether`.
    """
    losses: torch.Tensor = outputs["losses"] if "losses" in outputs else outputs["loss"].unsqueeze(1)
    return losses.detach()


def _task(module: pytorch_lightning.LightningModule) -> str:
    if not isinstance(module, TaskModule):
        raise InputError(f"loss table: expected a contender for a task, found {type(module).__name__}")
    return module.task.name
