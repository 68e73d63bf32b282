"""A callback that writes down the test loss of every image: what the tournament reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytorch_lightning
import torch
from pytorch_lightning.callbacks import Callback

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, whole_file
from lightning_taskonomy.taxonomy.losses import IMAGE
from lightning_taskonomy.training.task_module import TaskModule

if TYPE_CHECKING:
    import pyarrow as pa


class WriteLossTable(Callback):
    """Writes the loss of every image of `test` as a contender's column of `<folder>/<task>.parquet`.

    Readouts that are judged together have a column each, of their own name; one that has diverged has none.
    The table is made, or the column is added to the one there, by image; a column of the same name is
    replaced. Rows are sorted by image. The file is written whole or not at all, by the first rank. Two runs
    that end at the same moment must not write the same table: the column of one would be lost.

    Args:
        folder: of the loss tables, one per task; every rank must see it.
        contender: name of the column, like the `sources` of a transfers table: `self`, `random`, `average`,
            or tasks joined by +.

    Raises:
        InputError: the name cannot be a column's.
    """

    def __init__(self, folder: str, contender: str = "self") -> None:
        if contender in ("", IMAGE):
            raise InputError(f"contender: expected a name other than {IMAGE!r}, found {contender!r}")
        self.folder, self.contender = Path(folder), contender
        self._keys: list[str] = []
        self._losses: list[torch.Tensor] = []

    def setup(
        self, trainer: pytorch_lightning.Trainer, pl_module: pytorch_lightning.LightningModule, stage: str
    ) -> None:
        """Find out before long work begins whether the table can be written.

        Raises:
            InputError: the folder cannot be written to, or what is there is not a loss table.
        """
        if stage == "test" and trainer.is_global_zero:
            path = make_folder(self.folder) / f"{_task(pl_module)}.parquet"
            if path.exists():
                _read(path)

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
        # Left where they are: fetching them would make a GPU wait at every batch.
        self._losses.append(losses_of(outputs))

    def on_test_epoch_end(
        self, trainer: pytorch_lightning.Trainer, pl_module: pytorch_lightning.LightningModule
    ) -> None:
        """Write the table.

        Raises:
            InputError: an image occurs twice; the table there has other images; or it cannot be written.
        """
        target = _task(pl_module)
        contenders = self._contenders(pl_module)
        losses = torch.cat(self._losses) if self._losses else torch.zeros(0, len(contenders))
        own = _table(self._keys, contenders, losses.cpu().double().numpy())
        trainer.strategy.barrier("loss table: start")
        if trainer.world_size > 1:
            _write(own, self._part(target, trainer.global_rank))
        trainer.strategy.barrier("loss table: parts")
        error: InputError | None = None
        if trainer.is_global_zero:
            # The other ranks wait: they are told first, and only then is the error raised.
            try:
                self._join(target, own, trainer.world_size, pl_module)
            except InputError as found:
                error = found
        failed = trainer.strategy.reduce(
            torch.tensor(float(error is not None), device=trainer.strategy.root_device), reduce_op="sum"
        )
        if error is not None:
            raise error
        if float(failed):
            raise InputError(f"{self.folder / target}.parquet: not written; the first rank says why")

    def _contenders(self, module: pytorch_lightning.LightningModule) -> list[str]:
        if not isinstance(module, TaskModule) or not module.contenders:
            return [self.contender]
        return [name for name in module.contenders if name not in module.diverged]

    def _part(self, target: str, rank: int) -> Path:
        # Not named like a table, so that no reader of the folder takes it for one.
        return self.folder / f".{target}-{quote(self.contender, safe='+')}-{rank}.part"

    def _join(
        self, target: str, own: "pa.Table", world_size: int, module: pytorch_lightning.LightningModule
    ) -> None:
        import pyarrow as pa

        path = self.folder / f"{target}.parquet"
        if world_size > 1:
            parts = [self._part(target, rank) for rank in range(world_size)]
            try:
                own = pa.concat_tables([_read(part) for part in parts])
            finally:
                for part in parts:
                    part.unlink(missing_ok=True)
        own = own.sort_by(IMAGE)
        repeated = [key for key, count in Counter(own[IMAGE].to_pylist()).items() if count > 1]
        if repeated:
            raise InputError(
                f"{path}: expected every image once, found {len(repeated)} more than once, "
                f"such as {repeated[0]}"
            )
        diverged: set[str] = set()
        if isinstance(module, TaskModule) and module.contenders:
            own = own.select([name for name in own.column_names if name == IMAGE or _is_finite(own[name])])
            diverged = {name for name in module.contenders if name not in own.column_names}
        _write(_joined(path, _read(path), own, diverged) if path.exists() else own, path)


def _is_finite(column: "pa.ChunkedArray") -> bool:
    return bool(np.isfinite(column.to_numpy()).all())


def _joined(path: Path, there: "pa.Table", own: "pa.Table", diverged: Collection[str]) -> "pa.Table":
    """The table there with the contenders' columns, each at its own place if it has one, else at the end.

    A column that one of them has from an earlier run goes where it has diverged in this one.
    """
    there = there.sort_by(IMAGE)
    if there[IMAGE].to_pylist() != own[IMAGE].to_pylist():
        before, now = Counter(there[IMAGE].to_pylist()), Counter(own[IMAGE].to_pylist())
        raise InputError(
            f"{path}: expected the same images for every contender, found "
            f"{(now - before).total()} not in the table and {(before - now).total()} only there"
        )
    there = there.drop_columns([name for name in there.column_names if name in diverged])
    for name in own.column_names[1:]:
        if name in there.column_names:
            there = there.set_column(there.column_names.index(name), name, own[name])
        else:
            there = there.append_column(name, own[name])
    return there


def losses_of(outputs: Mapping[str, Any]) -> torch.Tensor:
    """Losses of each image and contender, (B, contenders), of what evaluating a batch has given.

    Args:
        outputs: `Evaluated`, or `EvaluatedTogether`.
    """
    losses: torch.Tensor = outputs["losses"] if "losses" in outputs else outputs["loss"].unsqueeze(1)
    return losses.detach()


def _task(module: pytorch_lightning.LightningModule) -> str:
    if not isinstance(module, TaskModule):
        raise InputError(f"loss table: expected a contender for a task, found {type(module).__name__}")
    return module.task.name


def _table(keys: list[str], contenders: Sequence[str], losses: np.ndarray[Any, Any]) -> "pa.Table":
    import pyarrow as pa

    columns = {name: pa.array(losses[:, n], pa.float64()) for n, name in enumerate(contenders)}
    return pa.table({IMAGE: pa.array(keys, pa.string()), **columns})


def _read(path: Path) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # As one file: in a folder, names before the last could be taken for columns.
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{path}: expected a loss table, found a file that cannot be read ({error})"
        ) from error
    if IMAGE not in table.column_names:
        raise InputError(
            f"{path}: expected a column {IMAGE!r}, found {', '.join(table.column_names) or 'none'}"
        )
    return table


def _write(table: "pa.Table", path: Path) -> None:
    from pyarrow import parquet

    with whole_file(path) as temporary:
        parquet.write_table(table, temporary)
