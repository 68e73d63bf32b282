from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pytorch_lightning
import torch
from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pictures.drawing import draw
from lightning_taskonomy.training.pictures import LogPictures
from tests.training.one_convolution import (
    BATCHES,
    SIZE,
    OneConvolution,
    data,
    pack_every_label,
    trainer,
)

ROW = SIZE + 6
TITLES = 18 + 6


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_every_label(tmp_path_factory.mktemp("pictures"))


class RecordingTensorBoard(TensorBoardLogger):
    """TensorBoard's logger without TensorBoard: keeps the images it receives."""

    name = version = save_dir = root_dir = log_dir = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.pictures: list[tuple[str, int, npt.NDArray[np.uint8]]] = []

    @property
    def experiment(self) -> Any:  # noqa: ANN401 - TensorBoard carries no types
        return self

    def add_image(self, tag: str, picture: npt.NDArray[np.uint8], step: int, dataformats: str) -> None:
        assert dataformats == "HWC"
        self.pictures.append((tag, step, picture))

    def _nothing(self, *values: object, **named: object) -> None: ...

    log_metrics = log_hyperparams = log_graph = save = finalize = _nothing


def tags(logger: RecordingTensorBoard) -> list[tuple[str, int]]:
    return [(tag, step) for tag, step, _ in logger.pictures]


def test_pictures_come_every_so_many_batches_and_with_every_validation(packed: Path, tmp_path: Path) -> None:
    logger = RecordingTensorBoard()
    run = trainer(tmp_path, max_epochs=2, logger=logger, callbacks=[LogPictures(every_n_steps=2, images=3)])
    run.fit(OneConvolution("depth_zbuffer"), data(packed, ["depth_zbuffer"]))
    assert BATCHES == 3
    # Batches 2, 4 and 6, counted from 0 like the trainer's logged steps.
    expected = [("train/pictures", 1), ("val/pictures", 2), ("train/pictures", 3), ("train/pictures", 5)]
    assert tags(logger) == [*expected, ("val/pictures", 5)]
    for _, _, picture in logger.pictures:
        assert picture.shape == (TITLES + 3 * ROW - 6, 3 * ROW - 6, 3)


class TwoOptimizers(OneConvolution):
    """Steps twice a batch, as adversarial training does."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.automatic_optimization = False

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        loss = super().training_step(batch, batch_idx)
        both = self.optimizers()
        assert isinstance(both, list)
        self.manual_backward(loss)
        for optimizer in both:
            optimizer.step()

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - two
        weights = list(self.parameters())
        return [torch.optim.SGD(weights[:1], 0.1), torch.optim.SGD(weights[1:], 0.1)]


def test_batches_are_counted_and_not_the_steps_of_optimizers(packed: Path, tmp_path: Path) -> None:
    logger = RecordingTensorBoard()
    run = trainer(
        tmp_path, max_epochs=1, logger=logger, callbacks=[LogPictures(every_n_steps=3)], limit_val_batches=0
    )
    run.fit(TwoOptimizers("reshading"), data(packed, ["reshading"]))
    assert run.global_step == 6
    assert tags(logger) == [("train/pictures", 2)]


class Seen(Callback):
    """Keeps the network's state and the last batch's parts when a training batch has ended."""

    def on_train_batch_end(
        self,
        trainer: pytorch_lightning.Trainer,
        pl_module: pytorch_lightning.LightningModule,
        outputs: object,
        batch: dict[str, dict[str, Tensor]],
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, OneConvolution)
        self.parts = batch["normal"]
        self.weights = [weight.detach().clone() for weight in pl_module.layers.state_dict().values()]


def test_rows_are_input_target_and_what_the_network_says_in_evaluation(packed: Path, tmp_path: Path) -> None:
    logger, seen = RecordingTensorBoard(), Seen()
    module = OneConvolution("normal")
    run = trainer(
        tmp_path, max_steps=1, logger=logger, callbacks=[seen, LogPictures(1, 2)], limit_val_batches=0
    )
    run.fit(module, data(packed, ["normal"]))
    ((_, _, sheet),) = logger.pictures
    again = OneConvolution("normal").layers.eval()
    again.load_state_dict(dict(zip(again.state_dict(), seen.weights, strict=True)))
    with torch.no_grad():
        outputs = again(seen.parts["input"].flatten(1, 2))
    for row in range(2):
        top, counted = TITLES + row * ROW, seen.parts["mask"][row].numpy()
        strip = sheet[top : top + SIZE]
        assert np.array_equal(strip[:, :SIZE], draw("picture", seen.parts["input"][row, 0]))
        expected = (("target", seen.parts["target"][row], ROW), ("output", outputs[row], 2 * ROW))
        for name, values, left in expected:
            drawn = strip[:, left : left + SIZE][counted].astype(int)
            assert np.abs(drawn - draw("normals", values)[counted]).max() <= 1, name


class PartlyFrozen(OneConvolution):
    """Keeps a submodule in evaluation mode, like a frozen encoder; records modes and random numbers."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.frozen = nn.BatchNorm2d(3).eval()
        self.modes: set[tuple[bool, ...]] = set()

    def on_train_epoch_start(self) -> None:
        self.frozen.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        # Random even in evaluation.
        noise = 0.01 * torch.randn_like(pictures)
        return super().forward(self.frozen(pictures.flatten(0, 1)).view_as(pictures) + noise)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:  # noqa: ANN401
        self.modes.add(tuple(part.training for part in self.modules()))
        assert torch.is_grad_enabled()
        return super().training_step(batch, batch_idx)


def trained(packed: Path, root: Path, callbacks: list[Callback]) -> tuple[PartlyFrozen, Tensor]:
    torch.manual_seed(3)
    module = PartlyFrozen("normal")
    trainer(root, max_epochs=2, logger=RecordingTensorBoard(), callbacks=callbacks).fit(
        module, data(packed, ["normal"])
    )
    return module, torch.get_rng_state()


def test_training_goes_on_as_if_nothing_had_been_drawn(packed: Path, tmp_path: Path) -> None:
    plain, state = trained(packed, tmp_path, [])
    drawn, state_drawn = trained(packed, tmp_path, [LogPictures(every_n_steps=1)])
    assert drawn.losses == plain.losses
    assert drawn.modes == plain.modes
    assert len(drawn.modes) == 1
    assert torch.equal(state, state_drawn)
    for name, values in plain.state_dict().items():
        assert torch.equal(values, drawn.state_dict()[name]), name


def test_without_tensorboard_and_on_other_ranks_nothing_is_done(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for logger in (False, CSVLogger(tmp_path)):
        run = trainer(tmp_path, max_epochs=1, logger=logger, callbacks=[LogPictures(every_n_steps=1)])
        run.fit(OneConvolution("reshading"), data(packed, ["reshading"]))
    monkeypatch.setattr(pytorch_lightning.Trainer, "is_global_zero", False)
    recording = RecordingTensorBoard()
    run = trainer(tmp_path, max_epochs=1, logger=recording, callbacks=[LogPictures(every_n_steps=1)])
    run.fit(OneConvolution("reshading"), data(packed, ["reshading"]))
    assert recording.pictures == []


def test_tensorboard_itself_takes_them(packed: Path, tmp_path: Path) -> None:
    reading = "tensorboard.backend.event_processing.event_accumulator"
    events = pytest.importorskip(reading, reason="TensorBoard is not installed")
    logger = TensorBoardLogger(tmp_path, default_hp_metric=False)
    run = trainer(tmp_path, max_epochs=1, logger=logger, callbacks=[LogPictures(every_n_steps=3)])
    run.fit(OneConvolution("depth_zbuffer"), data(packed, ["depth_zbuffer"]))
    read = events.EventAccumulator(logger.log_dir)
    read.Reload()
    assert sorted(read.Tags()["images"]) == ["train/pictures", "val/pictures"]
    (event,) = read.Images("train/pictures")
    assert (event.step, event.height, event.width) == (2, TITLES + 4 * ROW - 6, 3 * ROW - 6)


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="every_n_steps: expected at least 1, found 0"):
        LogPictures(every_n_steps=0)
    with pytest.raises(InputError, match="images: expected at least 1, found -2"):
        LogPictures(images=-2)
