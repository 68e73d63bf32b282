"""Predictions in files: an image of every output, and the values where the output is a vector."""

import json
import math
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.pictures.drawing import Drawing
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.pictures.sheets import contact_sheet, enlarged, write_png
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.training.task_module import Evaluated, TaskModule

_SHEET_ROWS, _SHEET_PIXELS = 6, 192


class WritePredictions(Callback):
    """In `predict`, writes the drawn output of each image, and a sheet of the first ones.

    An image is written to `<folder>/<building>/point_<P>_view_<V>_<task>.png`; the sheet,
    `<folder>/sheet.png`, has a row for each image: input, target, prediction.
    Where the output is a vector, a `.json` beside it has its values, converted back to radians and metres
    where the task standardises its vectors; null stands for a value that is not finite. Every rank writes its
    own images, each file whole or not at all. The trainer keeps no outputs in memory, and so returns none.

    Args:
        folder: for the files; created if need be.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self._rows: list[list[Drawing]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Create the folder before long work begins.

        Raises:
            InputError: it cannot be created or written to.
        """
        if stage == "predict":
            make_folder(self.folder)
            # Kept in memory, embeddings of many images would exhaust it.
            trainer.predict_loop.return_predictions = False

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Evaluated,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the files of a batch.

        Raises:
            InputError: a key is not `<building>/point_<P>_view_<V>`, or a file cannot be written.
        """
        assert isinstance(pl_module, TaskModule)
        parts = pl_module.parts(batch)
        for number, key in enumerate(outputs["key"]):
            mask = parts["mask"][number] if "mask" in parts else None
            task, input = pl_module.task, parts["input"][number]
            picture = self._write(key, task, input, outputs["output"][number], mask)
            if len(self._rows) < _SHEET_ROWS:
                target = drawn_target(task, input, parts["target"][number], mask)
                row = (drawn_input(task, input), target, picture)
                self._rows.append([enlarged(part, _SHEET_PIXELS) for part in row])

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the sheet.

        Raises:
            InputError: it cannot be written.
        """
        if trainer.is_global_zero and self._rows:
            sheet = contact_sheet(self._rows, titles=("Input", "Target", "Prediction"))
            write_png(self.folder / "sheet.png", sheet)
        self._rows = []

    def _write(self, key: str, task: Task, input: Tensor, output: Tensor, mask: Tensor | None) -> Drawing:
        path = self._path(key, task)
        picture = drawn_output(task, input, output, mask)
        write_png(path, picture)
        if not task.output.per_pixel:
            numbers = [_rounded(number) for number in _in_units(task, output)]
            write_text(
                path.with_suffix(".json"), json.dumps({"key": key, "task": task.name, "output": numbers})
            )
        return picture

    def _path(self, key: str, task: Task) -> Path:
        try:
            view = ViewName.from_key(key)
        except ValueError as error:
            raise InputError(f"image {key}: {error}") from error
        return self.folder / view.building / f"{view.key.rsplit('/', 1)[1]}_{task.name}.png"


def _in_units(task: Task, output: Tensor) -> list[float]:
    numbers: list[float] = output.double().cpu().tolist()
    if task.standard is None:
        return numbers
    standard = zip(numbers, task.standard.mean, task.standard.deviation, strict=True)
    return [mean + deviation * number for number, mean, deviation in standard]


def _rounded(number: float) -> float | None:
    """Rounded to single precision; None if not finite, for which JSON has no number."""
    return float(f"{number:.7g}") if math.isfinite(number) else None
