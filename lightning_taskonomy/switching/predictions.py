"""The callback that writes predictions of several tasks: a picture of each, and a sheet of some."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.names import leads_out
from lightning_taskonomy.core.output import make_folder
from lightning_taskonomy.pictures.drawing import Drawing
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.pictures.sheets import contact_sheet, enlarged, write_png
from lightning_taskonomy.switching.several_tasks import SeveralTasks, TaskOutputs
from lightning_taskonomy.tasks.task import Task

_SHEET_ROWS, _SHEET_PIXELS = 6, 128
_UNITS_PER_METRE, _CODES = 512, 2.0**16


class WriteTaskPredictions(Callback):
    """In `predict`, writes the drawn outputs of each image, and a sheet of the first ones.

    A picture is called `<folder>/<key>_<task>.png`; the sheet, `<folder>/sheet.png`, has a row for each
    image: the input, then for each task the target and the prediction. Each file is written whole or not at
    all. The trainer keeps no outputs in memory meanwhile, and so returns none.

    Args:
        folder: where to; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: list[list[Drawing]] = []
        self._titles: list[str] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the folder before long work begins.

        Raises:
            InputError: it cannot be made or written to.
        """
        if stage == "predict":
            make_folder(self.folder)
            trainer.predict_loop.return_predictions = False
        self._rows = []

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: TaskOutputs,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the files of a batch.

        Raises:
            InputError: a key that leads out of the folder, or a file that cannot be written.
        """
        assert isinstance(pl_module, SeveralTasks)
        tasks = {task.name: task for task in pl_module.tasks}
        for place, key in enumerate(outputs["key"]):
            if leads_out(key):
                raise InputError(f"image {key[:80]!r}: expected a name below the data set's folder")
            row: list[Drawing] = []
            for name, its in outputs["outputs"].items():
                parts = {part: values[place] for part, values in batch[name].items()}
                if not row:
                    row.append(drawn_input(tasks[name], parts["input"]))
                target, prediction = drawn_pair(tasks[name], parts, its[place])
                row += [target, prediction]
                write_png(self.folder / f"{key}_{name}.png", prediction)
            if len(self._rows) < _SHEET_ROWS:
                self._rows.append([enlarged(drawing, _SHEET_PIXELS) for drawing in row])
                drawn = [tasks[name].title for name in outputs["outputs"]]
                pairs = [f"{title}\n{part}" for title in drawn for part in ("target", "prediction")]
                self._titles = ["Input", *pairs]

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the sheet.

        Raises:
            InputError: it cannot be written.
        """
        if trainer.is_global_zero and self._rows:
            write_png(self.folder / "sheet.png", contact_sheet(self._rows, titles=self._titles))


def drawn_pair(task: Task, parts: Mapping[str, Tensor], output: Tensor) -> tuple[Drawing, Drawing]:
    """Target and output of one example as pictures, (H, W, 3).

    Args:
        task: which it belongs to.
        parts: of the example: `input`, `target` and perhaps `mask`.
        output: of the network, (C, H, W).
    """
    mask = parts.get("mask")
    target, given = parts["target"], output.float()
    if task.name in _DRAWABLE:
        of_target, of_output = _DRAWABLE[task.name]
        target, given = of_target(target), of_output(given)
    return (
        drawn_target(task, parts["input"], target, mask),
        drawn_output(task, parts["input"], given, mask),
    )


def _share(values: Tensor) -> Tensor:
    """0 to 1 as −1 to 1."""
    return 2 * values.float() - 1


def _chance(logits: Tensor) -> Tensor:
    return _share(torch.sigmoid(logits))


def _coded(metres: Tensor) -> Tensor:
    """Metres as depths are drawn: log-coded."""
    return torch.log1p(metres.float().clamp(min=0) * _UNITS_PER_METRE) / torch.tensor(_CODES).log()


_DRAWABLE: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "pascal_edge": (_share, _chance),
    "pascal_saliency": (_share, _chance),
    "nyud_edge": (_share, _chance),
    "nyud_depth": (_coded, _coded),
}
"""Of tasks whose targets and outputs are not drawn as they are: what is drawn instead."""
