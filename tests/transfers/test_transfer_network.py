"""One transfer under Lightning's trainer, at a size that takes a fraction of a second."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.representations.writing import StoreWriter
from lightning_taskonomy.data.shards.index import Keys
from lightning_taskonomy.data.stream.reading import ShardSet
from lightning_taskonomy.transfers.transfer_network import TransferNetwork
from tests.transfers.small_stores import BATCH, SIZE, SMALL, data, pack, store, trainer

SOURCES = ["edge_texture", "reshading", "depth_zbuffer"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("transfer"))


@pytest.fixture(scope="module")
def stores(packed: Path) -> Path:
    return store(packed, packed.parent / "stores", SOURCES)


def transfer(task: str, stores: Path, sources: list[str] = SOURCES[:1], **options: Any) -> TransferNetwork:  # noqa: ANN401
    return TransferNetwork(task, sources, str(stores), **{**SMALL, **options})


@pytest.mark.parametrize(
    "task", ["reshading", "class_scene", "segment_unsup25d", "fixated_pose", "egomotion", "colorization"]
)
@pytest.mark.parametrize("order", [1, 3])
def test_all_of_a_readout_learns(packed: Path, stores: Path, tmp_path: Path, task: str, order: int) -> None:
    network = transfer(task, stores, SOURCES[:order])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    options: dict[str, Any] = {"train_samples": None, "train_split": "val"}
    run = trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    run.fit(network, data(packed, task, **options))
    assert torch.isfinite(run.callback_metrics["train/loss"])
    for name, value in network.named_parameters():
        assert not torch.equal(value, before[name]), name
    (result,) = run.test(network, data(packed, task), verbose=False)
    assert result["test/loss"] > 0


def test_the_inputs_are_the_stored_representations_of_each_view(packed: Path, stores: Path) -> None:
    """Against rows looked up by key."""
    network = transfer("egomotion", stores, ["reshading", "edge_texture"])
    run = trainer(packed.parent)
    seen: list[tuple[dict[str, Any], torch.Tensor]] = []
    made = network.network_input

    def spy(batch: dict[str, Any]) -> torch.Tensor:
        seen.append((batch, made(batch)))
        return seen[-1][1]

    network.network_input = spy  # type: ignore[method-assign]
    run.test(network, data(packed, "egomotion"), verbose=False)
    keys = list(ShardSet(str(packed), "test", ("rgb",)).index.keys)
    for batch, given in seen:
        assert given.shape == (len(batch["key"]), 2 * 3 * 8, 2, 2)
        for row, (key, views) in enumerate(zip(batch["key"], batch["egomotion"]["views"], strict=True)):
            assert keys[views[0]] == key
            assert len({keys[view].rpartition("_view_")[0] for view in views}) == 1
            expected = [
                network.stored.open("test")[source].rows(views[place : place + 1])[0]
                for source in ("reshading", "edge_texture")
                for place in range(3)
            ]
            torch.testing.assert_close(given[row], torch.cat(expected).float())


def test_a_transfer_learns_no_more_than_its_source_knows(packed: Path, stores: Path, tmp_path: Path) -> None:
    """A source that distinguishes samples allows memorising them; another one leads to their mean."""
    keys = ShardSet(str(packed), "val", ("rgb",)).index.keys
    writer = StoreWriter(tmp_path / "blind" / "val", "blind", "weights", "data", SIZE, keys, 0)
    writer.append(torch.ones(len(keys), 8, 2, 2).half())
    writer.finish()
    (tmp_path / "edge_texture").symlink_to(stores / "edge_texture")
    module = data(packed, "class_scene", train_samples=None, batch_size=12)
    (batch,) = list(module.loader("val", shuffled=False))
    shares = batch["class_scene"]["target"]
    entropy = float(-(shares * shares.log()).sum(dim=1).mean())
    best_constant = float(-(shares * shares.mean(dim=0).log()).sum(dim=1).mean()) - entropy
    judge = data(packed, "class_scene", train_split="train", train_samples=None)
    found = {}
    for source in ("blind", "edge_texture"):
        network = transfer("class_scene", tmp_path, [source], learning_rate=1e-2, hidden=64)
        run = trainer(tmp_path, max_epochs=150, limit_val_batches=0)
        run.fit(network, module)
        (result,) = trainer(tmp_path).validate(network, judge, verbose=False)
        found[source] = result["val/loss"] - entropy
    assert found["blind"] > 0.99 * best_constant
    assert found["edge_texture"] < 0.5 * best_constant


def test_the_learning_rate_drops_once(packed: Path, stores: Path, tmp_path: Path) -> None:
    network = transfer("reshading", stores, learning_rate=0.01, drop_after=3)
    rates: list[float] = []

    class Note(pytorch_lightning.Callback):
        def on_train_batch_end(self, trainer: pytorch_lightning.Trainer, *_: Any) -> None:  # noqa: ANN401
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    trainer(tmp_path, callbacks=[Note()], limit_val_batches=0).fit(network, data(packed, "reshading"))
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("task", ["class_scene", "segment_unsup25d"])
def test_a_resumed_transfer_is_the_same_as_an_unbroken_one(
    packed: Path, stores: Path, tmp_path: Path, task: str
) -> None:
    module = {"train_samples": None}
    whole = transfer(task, stores)
    trainer(tmp_path, max_epochs=2, limit_val_batches=0).fit(whole, data(packed, task, **module))
    saving = pytorch_lightning.callbacks.ModelCheckpoint(
        tmp_path, "{step}", every_n_train_steps=2, save_top_k=-1
    )
    run = trainer(
        tmp_path,
        max_steps=4,
        max_epochs=-1,
        limit_val_batches=0,
        enable_checkpointing=True,
        callbacks=[saving],
    )
    run.fit(transfer(task, stores), data(packed, task, **module))
    for step in (2, 4):  # three steps an epoch: in the middle of the first one and of the second
        torch.manual_seed(step)
        resumed = transfer(task, stores)
        run = trainer(tmp_path, max_epochs=2, limit_val_batches=0)
        run.fit(resumed, data(packed, task, **module), ckpt_path=tmp_path / f"step={step}.ckpt")
        assert resumed.steps == whole.steps == 6
        for name, value in whole.state_dict().items():
            assert torch.equal(resumed.state_dict()[name], value), name


def test_bfloat16(packed: Path, stores: Path, tmp_path: Path) -> None:
    network = transfer("reshading", stores)
    run = trainer(tmp_path, precision="bf16-mixed")
    run.fit(network, data(packed, "reshading"))
    assert torch.isfinite(run.callback_metrics["val/loss"])
    assert all(weight.dtype == torch.float32 for weight in network.parameters())


def test_missing_stores_and_other_shapes_are_refused(packed: Path, stores: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="edge_occlusion/val: not a representation store"):
        trainer(tmp_path).fit(transfer("reshading", stores, ["edge_occlusion"]), data(packed, "reshading"))
    message = r"edge_texture/val: expected representations of shape \(8, 4, 4\), found \(8, 2, 2\); is `size`"
    with pytest.raises(InputError, match=message):
        trainer(tmp_path).fit(transfer("reshading", stores, size=64), data(packed, "reshading", size=64))


def test_stores_of_other_samples_are_refused(packed: Path, tmp_path: Path) -> None:
    keys = ShardSet(str(packed), "val", ("rgb",)).index.keys
    reversed_keys = Keys(keys.text.take(list(range(len(keys)))[::-1]))
    writer = StoreWriter(
        tmp_path / "s" / "edge_texture" / "val", "edge_texture", "w", "d", SIZE, reversed_keys, 0
    )
    writer.append(torch.zeros(len(keys), 8, 2, 2).half())
    writer.finish()
    with pytest.raises(
        InputError, match="edge_texture/val: expected representations of the samples in the shards"
    ):
        trainer(tmp_path).fit(
            transfer("reshading", tmp_path / "s", ["edge_texture"]), data(packed, "reshading")
        )


def test_a_store_of_fewer_samples_is_refused(packed: Path, tmp_path: Path) -> None:
    keys = ShardSet(str(packed), "val", ("rgb",)).index.keys
    few = Keys(keys.text[:BATCH])
    writer = StoreWriter(tmp_path / "s" / "edge_texture" / "val", "edge_texture", "w", "d", SIZE, few, 0)
    writer.append(torch.zeros(BATCH, 8, 2, 2).half())
    writer.finish()
    with pytest.raises(InputError, match="edge_texture/val: expected places from 0 to 3, found"):
        trainer(tmp_path).fit(
            transfer("reshading", tmp_path / "s", ["edge_texture"]), data(packed, "reshading")
        )


@pytest.mark.parametrize(
    ("sources", "message"),
    [(["edge_texture", "edge_texture"], "expected different sources"), ([], "expected different sources")],
)
def test_impossible_transfers_are_refused(sources: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransferNetwork("reshading", sources, "nowhere", **SMALL)


def test_a_checkpoint_of_another_transfer_is_refused(packed: Path, stores: Path, tmp_path: Path) -> None:
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0)
    run.fit(transfer("reshading", stores), data(packed, "reshading"))
    run.save_checkpoint(tmp_path / "one.ckpt")
    for options, message in (
        (
            {"sources": ["depth_zbuffer"]},
            r"expected one with sources \['depth_zbuffer'\], found \['edge_texture'\]",
        ),
        ({"variant": "deep"}, "expected one with variant deep, found standard"),
    ):
        other = transfer("reshading", stores, **options)
        with pytest.raises(InputError, match=message):
            trainer(tmp_path).test(
                other, data(packed, "reshading"), ckpt_path=tmp_path / "one.ckpt", weights_only=True
            )


def test_stores_are_found_by_any_name_of_their_source(stores: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "reshade").symlink_to(stores / "reshading")
    for folder in (stores, earlier):
        for name in ("reshade", "reshading", "Reshading"):
            network = transfer("normal", folder, [name])
            assert network.sources == ["reshading"]
            assert (
                TransferNetwork.contender_name({"representations": folder, "sources": [name]}) == "reshading"
            )
            opened = network.stored.open("val")["reshading"].path
            assert opened.samefile(stores / "reshading" / "val")
    (earlier / "reshading").symlink_to(stores / "edge_texture")
    for name in ("reshade", "reshading"):  # names of stores take precedence
        network = transfer("normal", earlier, [name])
        assert network.sources == [name]
        assert network.stored.open("val")[name].path == earlier / name / "val"


def test_a_checkpoint_with_the_internal_names_fits(stores: Path) -> None:
    network = transfer("normal", stores, SOURCES[:2])
    checkpoint: dict[str, Any] = {}
    network.on_save_checkpoint(checkpoint)
    checkpoint["contender"] |= {"task": "rgb2sfnorm", "sources": ["edge2d", "reshade"]}
    network.on_load_checkpoint(checkpoint)
    checkpoint["contender"]["task"] = "rgb2depth"
    with pytest.raises(InputError, match="expected one with task normal, found rgb2depth"):
        network.on_load_checkpoint(checkpoint)
