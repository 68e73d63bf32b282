"""The callback that writes predictions of several tasks: an image of each, and a contact sheet."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.names import leads_out
from lightning_taskonomy.core.output import make_folder
from lightning_taskonomy.pictures.drawing import Drawing
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.pictures.sheets import contact_sheet, enlarged, write_png
from lightning_taskonomy.switching.metrics import as_scored
from lightning_taskonomy.switching.several_tasks import SeveralTasks, TaskOutputs
from lightning_taskonomy.tasks.task import Task

_SHEET_ROWS, _SHEET_PIXELS = 6, 128
_UNITS_PER_METRE, _CODES = 512, 2.0**16


class WriteTaskPredictions(Callback):
    """In `predict`, writes the drawn outputs of each image, and a sheet of the first ones.

    An image is written to `<folder>/<key>_<task>.png`; the sheet, `<folder>/sheet.png`, has a row for each
    image: the input, then for each task the target and the prediction. Where labels have their own size,
    everything is drawn at that size, as it is scored; elsewhere at the size of the network. Each file is
    written whole or not at all. The trainer keeps no outputs in memory, and so returns none.

    Args:
        folder: for the files; created if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: list[list[Drawing]] = []
        self._titles: list[str] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Create the folder before long work begins.

        Raises:
            InputError: it cannot be created or written to.
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
            InputError: a key leads out of the folder, or a file cannot be written.
        """
        assert isinstance(pl_module, SeveralTasks)
        tasks = {task.name: task for task in pl_module.tasks}
        for place, key in enumerate(outputs["key"]):
            if leads_out(key):
                raise InputError(f"image {key[:80]!r}: expected a name below the data set's folder")
            row: list[Drawing] = []
            size = _own_size([batch[name] for name in outputs["outputs"]], place)
            for name, task_outputs in outputs["outputs"].items():
                parts = _example(tasks[name], batch[name], place, size)
                output = task_outputs[place].float()
                if size is not None:
                    output = as_scored(tasks[name], output[None], size, pl_module.metrics.eight_bit)[0]
                if not row:
                    row.append(drawn_input(tasks[name], parts["input"]))
                target, prediction = drawn_pair(tasks[name], parts, output)
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
    """Target and output of one example as images, (H, W, 3).

    Args:
        task: that they belong to.
        parts: of the example: `input`, `target` and perhaps `mask`; a missing target is greyed out.
        output: of the network, (C, H, W).
    """
    mask, drawable = parts.get("mask"), output.float()
    target = parts.get("target", torch.zeros_like(drawable))
    if task.name in _DRAWABLE:
        convert_target, convert_output = _DRAWABLE[task.name]
        target, drawable = convert_target(target), convert_output(drawable)
    unknown = None if "target" in parts else torch.zeros(drawable.shape[-2:], dtype=torch.bool)
    return (
        drawn_target(task, parts["input"], target, mask if unknown is None else unknown),
        drawn_output(task, parts["input"], drawable, mask),
    )


def _own_size(labels: Sequence[Mapping[str, Any]], place: int) -> tuple[int, int] | None:
    """Height and width of the labels of one image of a batch, where they have their own size."""
    for parts in labels:
        if "own_target" in parts and _is_there(parts, place):
            height, width = parts["own_target"][place].shape[-2:]
            return height, width
    return None


def _example(
    task: Task, parts: Mapping[str, Any], place: int, size: tuple[int, int] | None
) -> dict[str, Tensor]:
    """One example of a batch at its own size; without a target where the image lacks the label."""
    own_size = {"target": "own_target", "mask": "own_mask"} if "own_target" in parts else {}
    pictures = parts["input"][place]
    if size is not None:
        pictures = functional.interpolate(pictures.float(), size, mode="bilinear", antialias=True).clamp(
            -1, 1
        )
    example = {"input": pictures}
    if _is_there(parts, place):
        for name in ("target", "mask"):
            if name in parts:
                example[name] = parts[own_size.get(name, name)][place]
    return example


def _is_there(parts: Mapping[str, Any], place: int) -> bool:
    """Whether an image of a batch has the label; where it lacks one, another image's fills its place."""
    return "present" not in parts or bool(parts["present"][place])


def _centred(values: Tensor) -> Tensor:
    """Rescale from [0, 1] to [−1, 1]."""
    return 2 * values.float() - 1


def _probability(logits: Tensor) -> Tensor:
    return _centred(torch.sigmoid(logits))


def _log_coded(metres: Tensor) -> Tensor:
    """Metres as the log-coded depths that are drawn."""
    return torch.log1p(metres.float().clamp(min=0) * _UNITS_PER_METRE) / torch.tensor(_CODES).log()


_DRAWABLE: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "pascal_edge": (_centred, _probability),
    "pascal_saliency": (_centred, _probability),
    "nyud_edge": (_centred, _probability),
    "nyud_depth": (_log_coded, _log_coded),
}
"""Conversions of targets and outputs before drawing, for the tasks that need them."""
