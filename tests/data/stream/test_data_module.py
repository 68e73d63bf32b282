"""The DataModule under Lightning's trainer: alone, on two ranks, and resumed in the middle of an epoch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning
import torch
from lightning_utilities.core.apply_func import apply_to_collection

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.point_info_check import ROOM_FIELDS
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from tests.data.small_folder import label_file, make_folder

DOMAINS = ("rgb", "normal", "depth_zbuffer", "class_scene")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("module")
    source = make_folder(root / "in", points=8, views=2, domains=DOMAINS)
    split_of = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=8)).run(1)
    return root / "out"


class Recorder(pytorch_lightning.LightningModule):
    """Writes down which samples it is given, and learns next to nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> torch.Tensor:
        self.note("train", batch)
        target: torch.Tensor = batch["normal"]["target"]
        return torch.square(self.weight + target.mean())

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.note("val", batch)

    def note(self, stage: str, batch: dict[str, Any]) -> None:
        line = {"stage": stage, "epoch": self.current_epoch, "rank": self.global_rank, "keys": batch["key"]}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def noted(path: Path, stage: str, epoch: int | None = None) -> list[list[str]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["keys"] for line in lines if line["stage"] == stage and epoch in (None, line["epoch"])]


def trainer(root: Path, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401 - passed on
    return pytorch_lightning.Trainer(
        default_root_dir=root,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )


def module(packed: Path, **options: Any) -> TaskonomyDataModule:  # noqa: ANN401 - passed on
    return TaskonomyDataModule(
        str(packed), ["normal", "class_scene"], size=16, batch_size=4, **{"num_workers": 0, **options}
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_two_epochs_and_their_validation(packed: Path, tmp_path: Path, workers: int) -> None:
    recorder = Recorder(tmp_path / "seen")
    trainer(tmp_path, max_epochs=2, enable_checkpointing=False).fit(
        recorder, module(packed, num_workers=workers)
    )
    for epoch in range(2):
        keys = [key for batch in noted(recorder.path, "train", epoch) for key in batch]
        assert len(keys) == len(set(keys)) == 32
        assert len([key for batch in noted(recorder.path, "val", epoch) for key in batch]) == 16
    assert noted(recorder.path, "train", 0) != noted(recorder.path, "train", 1)


@pytest.mark.parametrize("stopped_after", [3, 8, 11])
def test_a_run_resumed_from_a_checkpoint_sees_what_an_unbroken_one_sees(
    packed: Path, tmp_path: Path, stopped_after: int
) -> None:
    whole = Recorder(tmp_path / "whole")
    trainer(tmp_path, max_epochs=2, enable_checkpointing=False, limit_val_batches=0).fit(
        whole, module(packed)
    )
    checkpoints = pytorch_lightning.callbacks.ModelCheckpoint(
        tmp_path / "saved", every_n_train_steps=1, save_top_k=-1
    )
    first = Recorder(tmp_path / "first")
    stopped = trainer(tmp_path, max_steps=stopped_after, callbacks=[checkpoints], limit_val_batches=0)
    stopped.fit(first, module(packed))
    (saved,) = (tmp_path / "saved").glob(f"*step={stopped_after}.ckpt")
    second = Recorder(tmp_path / "second")
    second.path.touch()
    resumed = trainer(tmp_path, max_epochs=2, enable_checkpointing=False, limit_val_batches=0)
    resumed.fit(second, module(packed), ckpt_path=saved)
    assert noted(first.path, "train") + noted(second.path, "train") == noted(whole.path, "train")
    assert len(noted(whole.path, "train")) == 16


def test_two_ranks_share_every_epoch(packed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.data.stream.test_data_module import Recorder, module, trainer\n"
        "if __name__ == '__main__':\n"
        "    packed, root = map(Path, sys.argv[1:3])\n"
        "    run = trainer(root, max_epochs=2, enable_checkpointing=False, devices=2, strategy='ddp')\n"
        "    run.fit(Recorder(root / 'seen'), module(packed, num_workers=2))\n"
    )
    script = tmp_path / "two_ranks.py"
    script.write_text(code)
    words = [sys.executable, str(script), str(packed), str(tmp_path)]
    repository = Path(__file__).parents[3]
    run = subprocess.run(
        words,
        cwd=repository,
        env={**_environment(), "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    for epoch in range(2):
        steps = {
            rank: [x for x in lines if (x["stage"], x["epoch"], x["rank"]) == ("train", epoch, rank)]
            for rank in (0, 1)
        }
        assert len(steps[0]) == len(steps[1]) == 4
        keys = [key for rank in steps for line in steps[rank] for key in line["keys"]]
        assert len(keys) == len(set(keys)) == 32
        validated = sorted(
            key for x in lines if (x["stage"], x["epoch"]) == ("val", epoch) for key in x["keys"]
        )
        assert len(validated) == len(set(validated)) == 16


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "MASTER"))}


def test_only_the_domains_of_the_tasks_are_read(packed: Path) -> None:
    loader = module(packed).loader("train", shuffled=True)
    assert loader.examples.shards.domains == ("rgb", "normal", "depth_zbuffer", "class_scene")
    other = TaskonomyDataModule(str(packed), ["class_scene"], size=16, batch_size=4, num_workers=0)
    loader = other.loader("train", shuffled=True)
    list(loader)
    assert {path.parent.name for path in loader.examples.shards._files} == {"rgb"}


def test_samples_without_a_label_are_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_folder(tmp_path / "in", domains=DOMAINS)
    label_file(source, "ash", 0, 1, "normal").unlink()
    split_of = dict.fromkeys(("ash", "birch", "cedar"), "train")
    PackPlan(source, tmp_path / "out", split_of, Packing(shard_size=4)).run(1)
    loader = module(tmp_path / "out")
    keys = [key for batch in loader.loader("train", shuffled=False) for key in batch["key"]]
    assert len(keys) == 11
    assert "ash/point_0_view_1" not in keys
    assert "1 of 12 samples lack a label or a view that normal, class_scene needs: left out" in caplog.text


def test_bad_settings_are_one_line(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tasks: unknown task 'depth'"):
        TaskonomyDataModule(str(packed), ["depth"])
    with pytest.raises(InputError, match="tasks: expected at least one task"):
        TaskonomyDataModule(str(packed), [])
    with pytest.raises(InputError, match="num_workers: expected at least 0, found -1"):
        TaskonomyDataModule(str(packed), ["depth_zbuffer"], num_workers=-1)
    with pytest.raises(InputError, match="not a packed split"):
        TaskonomyDataModule(str(tmp_path), ["depth_zbuffer"]).train_dataloader()
    with pytest.raises(InputError, match="no sample has all of rgb, edge_texture"):
        TaskonomyDataModule(str(packed), ["edge_texture"]).train_dataloader()
    with pytest.raises(
        InputError, match="batch_size: 64 on 1 ranks needs 64 samples for one step; the split has 32"
    ):
        TaskonomyDataModule(str(packed), ["depth_zbuffer"], batch_size=64).train_dataloader()


def test_samples_beyond_the_split_are_told(packed: Path, caplog: pytest.LogCaptureFixture) -> None:
    there = len(module(packed, train_split="val").loader("val", shuffled=False).plan.order(0))
    module(packed, train_samples=10_000).train_dataloader()
    assert "train: 10000 samples were requested; there are" in caplog.text
    beyond = module(packed, train_split="val", train_samples=there)
    with pytest.raises(InputError, match=f"it has {there} samples, and all are trained on .*none is left"):
        beyond.val_dataloader()


def test_records_without_rooms_serve_all_but_room_layout(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", points=4, domains=("rgb", "point_info"))
    for path in (source / "point_info").rglob("*.json"):
        info = json.loads(path.read_text())
        path.write_text(json.dumps({name: info[name] for name in info if name not in ROOM_FIELDS}))
    PackPlan(source, tmp_path / "out", {"ash": "train", "birch": "val"}, Packing()).run(1)

    def batches(task: str) -> list[dict[str, Any]]:
        data = TaskonomyDataModule(str(tmp_path / "out"), [task], size=16, batch_size=4, num_workers=0)
        return list(data.loader("train", shuffled=False))

    (first, _) = batches("vanishing_point")
    assert first["vanishing_point"]["target"].shape == (4, 9)
    with pytest.raises(InputError) as failed:
        batches("room_layout")
    assert "\n" not in str(failed.value)
    assert "train, ash/point_" in str(failed.value)
    assert "room_layout: cannot be decoded (its point_info has no bounding_box_ranges" in str(failed.value)


def test_tasks_of_a_batch_are_found_by_any_of_their_names(packed: Path) -> None:
    data = TaskonomyDataModule(
        str(packed), ["rgb2sfnorm", "Scene class."], size=16, batch_size=4, num_workers=0
    )
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    assert sorted(batch) == ["class_scene", "key", "normal"]
    assert batch["rgb2sfnorm"] is batch["Normals"] is batch["normal"]
    assert batch["class_places"] is batch["class_scene"]
    with pytest.raises(KeyError, match="rgb2depth"):
        batch["rgb2depth"]
    moved = apply_to_collection(batch, torch.Tensor, torch.clone)
    assert torch.equal(moved["rgb2sfnorm"]["input"], batch["normal"]["input"])
