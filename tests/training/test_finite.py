import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.training import finite
from lightning_taskonomy.training.finite import StopOnNan
from tests.training.one_convolution import BATCHES, OneConvolution, data, pack_every_label, trainer

TASK = "depth_zbuffer"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_every_label(tmp_path_factory.mktemp("finite"))


class Diverging(OneConvolution):
    """Its loss is `value` from a step on (counted from 1); returns it in one of the possible forms."""

    def __init__(self, wrong_from: int | None, value: float = torch.nan, form: str = "tensor") -> None:
        super().__init__(TASK)
        self.wrong_from, self.value, self.form = wrong_from, value, form
        self.automatic_optimization = form in ("tensor", "dictionary")
        self.keys: list[list[str]] = []
        self.validated = 0

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:  # noqa: ANN401 - several forms
        loss: Tensor = super().training_step(batch, batch_idx)
        self.keys.append(batch["key"])
        if self.wrong_from is not None and len(self.keys) >= self.wrong_from:
            loss = loss * self.value
        self.last_loss = loss.detach() if self.form in ("nothing", "manual dictionary") else None
        forms = {"tensor": loss, "dictionary": {"loss": loss}, "manual": loss, "manual dictionary": {}}
        return forms.get(self.form)

    def on_validation_start(self) -> None:
        self.validated += 1


def fit(packed: Path, root: Path, module: Diverging, *others: Callback, **options: Any) -> None:  # noqa: ANN401
    run = trainer(root, **{"max_epochs": 2, **options}, callbacks=[StopOnNan(), *others])
    run.fit(module, data(packed, [TASK]))


def message(module: Diverging, step: int, word: str) -> str:
    epoch, batch = divmod(step - 1, BATCHES)
    keys = module.keys[step - 1]
    return (
        f"task {TASK}, step {step} (epoch {epoch}, batch {batch + 1}), images {keys[0]} to {keys[-1]}: "
        f"expected a finite training loss, found {word}"
    )


FORMS = ("tensor", "dictionary", "manual", "manual dictionary", "nothing")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", [1, 2, 4, 5])
def test_the_batch_is_named_before_the_next_is_learned_from(
    packed: Path, tmp_path: Path, form: str, step: int
) -> None:
    module = Diverging(step, form=form)
    with pytest.raises(InputError) as caught:
        fit(packed, tmp_path, module)
    assert str(caught.value) == message(module, step, "nan")
    assert len(module.keys) == step


@pytest.mark.parametrize(("value", "word"), [(torch.inf, "inf"), (-torch.inf, "-inf")])
def test_infinite_losses_stop_it_too(packed: Path, tmp_path: Path, value: float, word: str) -> None:
    module = Diverging(2, value)
    with pytest.raises(InputError, match=re.escape("found " + word) + "$"):
        fit(packed, tmp_path, module)


@pytest.mark.parametrize("validated", [True, False])
def test_the_last_batch_of_an_epoch_is_judged_at_its_end(
    packed: Path, tmp_path: Path, validated: bool
) -> None:
    module = Diverging(BATCHES)
    options: dict[str, Any] = {} if validated else {"limit_val_batches": 0}
    with pytest.raises(InputError) as caught:
        fit(packed, tmp_path, module, max_epochs=1, **options)
    assert str(caught.value) == message(module, BATCHES, "nan")
    assert module.validated == 0


def test_no_checkpoint_holds_what_such_a_loss_left(packed: Path, tmp_path: Path) -> None:
    saving = ModelCheckpoint(tmp_path / "saved", "{step}", every_n_train_steps=1, save_top_k=-1)
    with pytest.raises(InputError):
        fit(packed, tmp_path, Diverging(3), saving, enable_checkpointing=True)
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"step=1.ckpt", "step=2.ckpt"}


@pytest.mark.parametrize("form", FORMS)
def test_finite_losses_of_any_size_go_on(packed: Path, tmp_path: Path, form: str) -> None:
    module = Diverging(1, 1e-30, form)
    fit(packed, tmp_path, module)
    assert len(module.keys) == 2 * BATCHES


class Late:
    """A loss that only arrives when it is waited for."""

    def __init__(self) -> None:
        self.waited_for = False

    def query(self) -> bool:
        return self.waited_for

    def synchronize(self) -> None:
        self.waited_for = True


def test_a_loss_under_way_is_not_waited_for_during_the_epoch(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Late] = []

    def slowly(loss: Tensor) -> tuple[Tensor, Late]:
        sent.append(Late())
        return loss.clone(), sent[-1]

    monkeypatch.setattr(finite, "_sent", slowly)
    module = Diverging(2)
    with pytest.raises(InputError) as caught:
        fit(packed, tmp_path, module)
    assert len(module.keys) == BATCHES
    assert str(caught.value) == message(module, 2, "nan")
    assert [late.waited_for for late in sent] == [True, True, False]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_loss_comes_over_from_a_gpu_without_being_waited_for() -> None:
    lost = torch.tensor(torch.nan, device="cuda")
    # The first time, memory is allocated for it, which may block.
    finite._sent(lost)
    torch.cuda.synchronize()
    torch.cuda._sleep(500_000_000)  # type: ignore[no-untyped-call]
    loss, arrived = finite._sent(lost)
    assert arrived is not None
    assert not arrived.query()  # type: ignore[no-untyped-call]
    arrived.synchronize()
    assert torch.isnan(loss)
