"""Many readouts at once: each ends up as if trained alone, whatever happens to the others."""

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning
import torch
from pyarrow import parquet

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.training.finite import StopOnNan
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.transfer_network import TransferNetwork
from tests.transfers.small_stores import SMALL, data, pack, store, trainer

SOURCES = ["edge_texture", "reshading", "depth_zbuffer", "random"]
MIXED = ["edge_texture", "reshading", "edge_texture+depth_zbuffer", "random+reshading+edge_texture", "random"]
TARGETS = {
    "pixels": "normal",
    "vector with dropout": "class_scene",
    "pairs of pixels": "segment_unsup25d",
    "two views": "fixated_pose",
    "three views": "egomotion",
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("readouts"))


@pytest.fixture(scope="module")
def stores(packed: Path) -> Path:
    return store(packed, packed.parent / "stores", SOURCES)


@pytest.fixture(autouse=True)
def _on_one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def readouts(task: str, stores: Path, transfers: list[str] = MIXED, **options: Any) -> Readouts:  # noqa: ANN401
    return Readouts(task, transfers, str(stores), **{**SMALL, **options})


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def require_equal(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


class Losses(pytorch_lightning.Callback):
    """Records the losses of each training step and of each validation image."""

    def __init__(self) -> None:
        self.train: list[float] = []
        self.val: list[np.ndarray[Any, Any]] = []

    def on_train_batch_end(self, trainer: pytorch_lightning.Trainer, *_: Any) -> None:  # noqa: ANN401
        self.train.append(float(trainer.callback_metrics["train/loss"]))

    def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:  # noqa: ANN401
        self.val.append((outputs["losses"] if "losses" in outputs else outputs["loss"]).numpy())


@pytest.mark.parametrize("task", TARGETS.values(), ids=TARGETS)
def test_together_is_as_alone_by_the_trainers_own_steps(
    packed: Path, stores: Path, tmp_path: Path, task: str
) -> None:
    together, watched = readouts(task, stores), Losses()
    options = {"train_samples": 9} if "pose" not in task and "ego" not in task else {"train_samples": 6}
    trainer(tmp_path, max_epochs=3, callbacks=[watched]).fit(together, data(packed, task, **options))
    for column, name in enumerate(MIXED):
        alone, seen = TransferNetwork(task, name.split("+"), str(stores), **SMALL), Losses()
        assert alone.automatic_optimization
        trainer(tmp_path, max_epochs=3, callbacks=[seen]).fit(alone, data(packed, task, **options))
        for key, value in alone.readout.state_dict().items():
            found = together.networks[name].state_dict()[key]
            torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-6, msg=f"{name}: {key}")
        assert len(seen.val) == len(watched.val) > 0
        for mine, its in zip(watched.val, seen.val, strict=True):
            np.testing.assert_allclose(mine[:, column], its, rtol=1e-5)


@pytest.mark.parametrize("task", TARGETS.values(), ids=TARGETS)
def test_beside_others_or_not_is_the_same_to_the_last_bit(
    packed: Path, stores: Path, tmp_path: Path, task: str
) -> None:
    beside = readouts(task, stores)
    trainer(tmp_path, limit_val_batches=0).fit(beside, data(packed, task, train_samples=None))
    for name in (MIXED[1], MIXED[3]):
        own = readouts(task, stores, [name])
        trainer(tmp_path, limit_val_batches=0).fit(own, data(packed, task, train_samples=None))
        require_equal(beside.networks[name].state_dict(), own.networks[name].state_dict())


def test_as_many_threads_as_there_are_cores_change_nothing(
    packed: Path, stores: Path, tmp_path: Path
) -> None:
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        module = readouts("normal", stores)
        trainer(tmp_path, limit_val_batches=0).fit(module, data(packed, "normal"))
        found.append(state(module))
        assert torch.get_num_threads() == threads
    require_equal(*found)


class Poison(pytorch_lightning.Callback):
    """Makes a weight of one readout infinite before some step."""

    def __init__(self, name: str, step: int) -> None:
        self.name, self.step = name, step

    def on_train_batch_start(self, trainer: Any, module: Readouts, *_: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        if module.steps == self.step:
            with torch.no_grad():
                next(module.networks[self.name].streams.parameters())[0] = torch.inf


@pytest.mark.parametrize("task", ["normal", "class_scene"])
def test_one_that_diverges_is_left_out_and_changes_no_other(
    packed: Path, stores: Path, tmp_path: Path, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    calm, struck = readouts(task, stores), readouts(task, stores)
    trainer(tmp_path, max_epochs=3).fit(calm, data(packed, task))
    tournament = LiveTournament()
    run = trainer(tmp_path, max_epochs=3, callbacks=[Poison("reshading", 3), tournament])
    run.fit(struck, data(packed, task))
    assert struck.diverged == {"reshading": 3}
    message = f"target {task}: the transfer from reshading has diverged at step 3: left out"
    assert caplog.text.count(message) == 1
    others = [name for name in MIXED if name != "reshading"]
    assert struck.sound == struck.learning == others
    for name in others:
        require_equal(struck.networks[name].state_dict(), calm.networks[name].state_dict())
    assert tournament.latest is not None
    assert tournament.latest.contenders == tuple(others)
    assert float(run.callback_metrics["val/loss"]) == pytest.approx(tournament.latest.mean_losses.mean())
    table = trainer(tmp_path, callbacks=[WriteLossTable(str(tmp_path / "losses"))])
    table.test(struck, data(packed, task), verbose=False)
    path = tmp_path / "losses" / f"{task}.parquet"
    assert parquet.read_table(path).column_names == ["image", *others]


def test_one_that_diverges_loses_its_column_of_an_earlier_run(
    packed: Path, stores: Path, tmp_path: Path
) -> None:
    module = readouts("reshading", stores)
    writing = WriteLossTable(str(tmp_path / "losses"))
    trainer(tmp_path, callbacks=[writing]).test(module, data(packed, "reshading"), verbose=False)
    path = tmp_path / "losses" / "reshading.parquet"
    before = parquet.read_table(path)
    assert before.column_names == ["image", *MIXED]
    with torch.no_grad():
        next(module.networks["random"].decoder.parameters()).fill_(torch.nan)
    trainer(tmp_path, callbacks=[writing]).test(module, data(packed, "reshading"), verbose=False)
    after = parquet.read_table(path)
    assert after.column_names == ["image", *MIXED[:-1]]
    assert list(module.diverged) == ["random"]
    assert after["edge_texture"].equals(before["edge_texture"])


def test_one_that_fails_in_validation_alone_is_left_out(packed: Path, stores: Path, tmp_path: Path) -> None:
    module, tournament = readouts("reshading", stores), LiveTournament()

    class Spoil(pytorch_lightning.Callback):
        def on_validation_start(self, *_: Any) -> None:  # noqa: ANN401
            module.networks["random"].whiten.running_mean.fill_(torch.nan)

    run = trainer(tmp_path, callbacks=[Spoil(), tournament])
    run.fit(module, data(packed, "reshading"))
    assert module.diverged == {"random": 2}
    assert tournament.latest is not None
    assert tournament.latest.contenders == tuple(MIXED[:-1])
    assert np.isfinite(float(run.callback_metrics["val/loss"]))


def test_whitening_takes_huge_representations(packed: Path, tmp_path: Path) -> None:
    """Half precision holds up to 65,504."""
    store(packed, tmp_path / "huge", ["edge_texture", "reshading"], scale=30_000)
    module = readouts("normal", tmp_path / "huge", ["edge_texture", "reshading"])
    trainer(tmp_path).fit(module, data(packed, "normal"))
    assert module.diverged == {}


def test_training_ends_when_all_have_diverged(packed: Path, stores: Path, tmp_path: Path) -> None:
    wild = readouts("normal", stores, learning_rate=1e38)
    run = trainer(tmp_path, max_epochs=9, callbacks=[WriteLossTable(str(tmp_path)), LiveTournament()])
    run.fit(wild, data(packed, "normal"))
    assert list(wild.diverged) == MIXED
    assert wild.sound == []
    assert run.global_step < 9 * 2
    run.test(wild, data(packed, "normal"), verbose=False)
    assert parquet.read_table(tmp_path / "normal.parquet").column_names == ["image"]
    with pytest.raises(InputError, match="expected a finite training loss, found nan"):
        trainer(tmp_path, max_epochs=9, callbacks=[StopOnNan()]).fit(
            readouts("normal", stores, learning_rate=1e38), data(packed, "normal")
        )


def test_a_stopped_one_keeps_its_weights_and_its_place(packed: Path, stores: Path, tmp_path: Path) -> None:
    short, long, tournament = readouts("reshading", stores), readouts("reshading", stores), LiveTournament()
    trainer(tmp_path, max_epochs=1, limit_val_batches=0).fit(short, data(packed, "reshading"))

    class Stop(pytorch_lightning.Callback):
        def on_train_epoch_end(self, *_: Any) -> None:  # noqa: ANN401
            if long.steps == 2:
                long.stop("random")

    run = trainer(tmp_path, max_epochs=3, callbacks=[Stop(), tournament])
    run.fit(long, data(packed, "reshading"))
    assert long.stopped == {"random": 2}
    assert long.sound == MIXED
    require_equal(long.networks["random"].state_dict(), short.networks["random"].state_dict())
    assert not torch.equal(
        long.networks["edge_texture"].streams[0].weight,  # type: ignore[arg-type]
        short.networks["edge_texture"].streams[0].weight,  # type: ignore[arg-type]
    )
    assert tournament.latest is not None
    assert "random" in tournament.latest.contenders


def test_the_learning_rate_drops_once(packed: Path, stores: Path, tmp_path: Path) -> None:
    module = readouts("reshading", stores, learning_rate=0.01, drop_after=3)
    run = trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    run.fit(module, data(packed, "reshading"))
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)
    run = trainer(tmp_path, max_epochs=2, limit_val_batches=0)
    run.fit(module, data(packed, "reshading"))
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.001)


@pytest.mark.parametrize("task", ["class_scene", "segment_unsup25d"])
def test_a_resumed_run_is_the_same_as_an_unbroken_one(
    packed: Path, stores: Path, tmp_path: Path, task: str
) -> None:
    poisoned = [Poison("reshading", 1)]
    whole = readouts(task, stores)
    everything: dict[str, Any] = {"train_samples": None}
    run = trainer(tmp_path, limit_val_batches=0, callbacks=poisoned)
    run.fit(whole, data(packed, task, **everything))

    class Save(pytorch_lightning.Callback):
        def on_train_batch_end(self, trainer: pytorch_lightning.Trainer, *_: Any) -> None:  # noqa: ANN401
            trainer.save_checkpoint(tmp_path / f"step={trainer.global_step}.ckpt")

    run = trainer(tmp_path, max_steps=4, max_epochs=-1, limit_val_batches=0, callbacks=[Save(), *poisoned])
    run.fit(readouts(task, stores), data(packed, task, **everything))
    for step in (2, 4):  # three steps an epoch: in the middle of the first one and of the second
        torch.manual_seed(step)
        resumed = readouts(task, stores)
        run = trainer(tmp_path, limit_val_batches=0)
        run.fit(resumed, data(packed, task, **everything), ckpt_path=tmp_path / f"step={step}.ckpt")
        assert resumed.steps == whole.steps == 6
        assert resumed.diverged == whole.diverged == {"reshading": 1}
        for name in resumed.sound:
            require_equal(resumed.networks[name].state_dict(), whole.networks[name].state_dict())


def test_the_tournament_is_that_of_the_losses(packed: Path, stores: Path, tmp_path: Path) -> None:
    """Against a comparison of the written columns, image by image."""
    tournament, seen = LiveTournament(), Losses()
    run = trainer(tmp_path, callbacks=[tournament, seen], max_epochs=1)
    run.fit(readouts("reshading", stores), data(packed, "reshading", train_samples=5))
    losses = np.concatenate(seen.val)
    assert losses.shape == (7, len(MIXED))
    assert tournament.latest is not None
    assert (tournament.latest.images, tournament.latest.target) == (7, "reshading")
    for i in range(len(MIXED)):
        for j in range(len(MIXED)):
            wins = (losses[:, i] < losses[:, j]).mean() + 0.5 * (losses[:, i] == losses[:, j]).mean()
            assert tournament.latest.win_rates[i, j] == pytest.approx(wins)
    np.testing.assert_allclose(tournament.latest.mean_losses, losses.mean(axis=0), rtol=1e-6)
    for column, name in enumerate(MIXED):
        assert float(run.callback_metrics[f"val/loss/{name}"]) == pytest.approx(losses[:, column].mean())
    assert float(run.callback_metrics["val/loss"]) == pytest.approx(losses.mean())
    affinities = [float(run.callback_metrics[f"val/affinity/{name}"]) for name in MIXED]
    assert sum(affinities) == pytest.approx(1)


def test_the_activations_of_one_readout_a_thread_are_alive(
    packed: Path, stores: Path, tmp_path: Path
) -> None:
    module = readouts("normal", stores)
    alive: set[str] = set()
    most: list[int] = []

    def note(name: str) -> Any:  # noqa: ANN401 - a hook
        def hook(_: object, inputs: object, output: torch.Tensor) -> None:
            alive.add(name)
            most.append(len(alive))
            weakref.finalize(output, alive.discard, name)

        return hook

    for name, network in module.networks.items():
        network.whiten.register_forward_hook(note(name))
    trainer(tmp_path, limit_val_batches=0).fit(module, data(packed, "normal"))
    assert len(most) == 4 * len(MIXED)
    assert max(most) == torch.get_num_threads() == 1


def test_bfloat16(packed: Path, stores: Path, tmp_path: Path) -> None:
    module = readouts("reshading", stores)
    seen: list[torch.dtype] = []
    for network in module.networks.values():
        network.streams[0].register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    run = trainer(tmp_path, precision="bf16-mixed")
    run.fit(module, data(packed, "reshading"))
    assert set(seen) == {torch.bfloat16}
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert module.diverged == {}
    assert all(weight.dtype == torch.float32 for weight in module.parameters())


def test_missing_stores_are_refused_before_the_first_step(packed: Path, stores: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="edge_occlusion/val: not a representation store"):
        trainer(tmp_path).fit(
            readouts("reshading", stores, ["edge_texture", "edge_occlusion"]), data(packed, "reshading")
        )


@pytest.mark.parametrize(
    ("transfers", "message"),
    [
        ([], "transfers: expected at least one, and none twice"),
        (["edge_texture", "edge_texture"], "transfers: expected at least one, and none twice"),
        (["edge_texture", "reshading+"], r"transfer 'reshading\+': expected different sources joined by \+"),
    ],
)
def test_impossible_transfers_are_refused(transfers: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Readouts("reshading", transfers, "nowhere", **SMALL)


def test_a_transfer_that_is_not_there_cannot_be_stopped(stores: Path) -> None:
    with pytest.raises(
        InputError, match="transfer 'edge_occlusion': expected one of edge_texture, reshading, "
    ):
        readouts("reshading", stores).stop("edge_occlusion")


def test_a_checkpoint_of_other_readouts_is_refused(packed: Path, stores: Path, tmp_path: Path) -> None:
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0)
    run.fit(readouts("reshading", stores, MIXED[:2]), data(packed, "reshading"))
    run.save_checkpoint(tmp_path / "one.ckpt")
    with pytest.raises(InputError, match=r"expected one with transfers .*, found "):
        trainer(tmp_path).test(
            readouts("reshading", stores),
            data(packed, "reshading"),
            ckpt_path=tmp_path / "one.ckpt",
            weights_only=True,
        )


def test_readouts_predict_nothing(packed: Path, stores: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="predict: expected one transfer, a TransferNetwork, found readouts"):
        trainer(tmp_path).predict(readouts("reshading", stores), data(packed, "reshading"))
