"""Single and joint transfers by `fit` and `test`, as a user runs them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pyarrow import parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_taskonomy.cli import main
from tests.transfers.small_stores import SIZE, pack, store

CONFIGS = Path(__file__).parents[2] / "configs" / "transfer"
SOURCES = ["reshading", "depth_zbuffer", "edge_texture", "autoencoding"]
TRANSFERS = [*SOURCES, "reshading+depth_zbuffer", "reshading+depth_zbuffer+edge_texture"]
KEYS = [f"cedar/point_{point}_view_{view}" for point in range(4) for view in range(3)]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("transfers")
    packed = pack(root)
    store(packed, root / "stores", SOURCES)
    return packed


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Path) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = {
        "model": {
            "init_args": {
                "size": SIZE,
                "decoder_width": 32,
                "learning_rate": 0.001,
                "representations": str(packed.parent / "stores"),
            }
        },
        "data": {
            "shards": str(packed),
            "batch_size": 4,
            "num_workers": 0,
            "train_samples": 8,
            "val_samples": 3,
        },
        "trainer": {"max_epochs": 2, "enable_progress_bar": False, "accelerator": "cpu"},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny))


def words(word: str, config: str, *more: str) -> list[str]:
    return [word, "--config", str(CONFIGS / config), "--config", "tiny.yaml", *more]


def test_one_transfer(packed: Path) -> None:
    for word in ("fit", "validate", "test", "predict"):
        assert main(words(word, "normal_from_reshading.yaml")) == 0, word
    root = Path("runs/normal/reshading")
    assert [path.name for path in (root / "checkpoints").iterdir()] == ["last.ckpt"]
    table = parquet.read_table("runs/losses/normal.parquet")
    assert table.column_names == ["image", "reshading"]
    assert table["image"].to_pylist() == KEYS
    assert len(list((root / "predictions" / "cedar").glob("*.png"))) == 12


def test_one_transfer_draws_pictures_while_it_learns(packed: Path) -> None:
    callbacks = Path("callbacks.yaml")
    logging = {
        "class_path": "lightning_taskonomy.training.pictures.LogPictures",
        "init_args": {"every_n_steps": 2},
    }
    callbacks.write_text(yaml.safe_dump({"trainer": {"callbacks": [logging]}}))
    assert main([*words("fit", "normal_from_reshading.yaml"), "--config", str(callbacks)]) == 0
    events = EventAccumulator("runs/normal/reshading").Reload()
    assert set(events.Tags()["images"]) == {"train/pictures", "val/pictures"}


def test_many_transfers_and_one_beside_them(packed: Path) -> None:
    assert main(words("fit", "normal_from_many.yaml")) == 0
    assert main(words("test", "normal_from_many.yaml")) == 0
    table = parquet.read_table("runs/losses/normal.parquet")
    assert table.column_names == ["image", *TRANSFERS]
    assert table["image"].to_pylist() == KEYS
    events = EventAccumulator("runs/normal/transfers").Reload()
    assert events.Tags()["images"] == ["val/win_rates"]
    scalars = set(events.Tags()["scalars"])
    assert {f"val/{what}/{name}" for what in ("loss", "affinity") for name in TRANSFERS} <= scalars
    alone = ("--model.init_args.sources", "[reshading,depth_zbuffer]", "--contender", "alone")
    assert main(words("fit", "normal_from_reshading.yaml", *alone)) == 0
    assert main(words("test", "normal_from_reshading.yaml", *alone)) == 0
    table = parquet.read_table("runs/losses/normal.parquet")
    assert table.column_names == ["image", *TRANSFERS, "alone"]
    np.testing.assert_allclose(
        table["alone"].to_numpy(), table["reshading+depth_zbuffer"].to_numpy(), rtol=1e-4
    )


def test_many_transfers_go_on_from_a_checkpoint(packed: Path) -> None:
    assert main(words("fit", "normal_from_many.yaml", "--trainer.max_epochs", "1")) == 0
    last = "runs/normal/transfers/checkpoints/last.ckpt"
    assert main(words("fit", "normal_from_many.yaml", "--ckpt_path", last)) == 0
    resumed = torch.load(last, weights_only=True)
    assert main(words("fit", "normal_from_many.yaml", "--runs", "whole")) == 0
    whole = torch.load(f"whole/{last.removeprefix('runs/')}", weights_only=True)
    assert resumed["steps"] == whole["steps"] == 4
    for name, value in whole["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], value), name


@pytest.mark.slow
def test_two_ranks_hold_the_same_weights_and_write_one_table(packed: Path) -> None:
    two = ("--trainer.devices", "2", "--data.batch_size", "2")
    for word in ("fit", "test"):
        program = [sys.executable, "-m", "lightning_taskonomy", *words(word, "normal_from_many.yaml", *two)]
        run = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
        assert run.returncode == 0, run.stderr
    table = parquet.read_table("runs/losses/normal.parquet")
    assert table.column_names == ["image", *TRANSFERS]
    assert table["image"].to_pylist() == KEYS
    assert all(np.isfinite(table[name].to_numpy()).all() for name in TRANSFERS)


@pytest.mark.parametrize(
    ("config", "more", "message"),
    [
        (
            "normal_from_many.yaml",
            ["--model.init_args.transfers", "[reshading,reshading]"],
            "expected at least one",
        ),
        (
            "normal_from_many.yaml",
            ["--model.init_args.transfers", "[edge_occlusion]"],
            "edge_occlusion/val: not a represent",
        ),
        (
            "normal_from_many.yaml",
            ["--model.init_args.transfers", "[edge_texture+]"],
            "transfer 'edge_texture+': expected",
        ),
        (
            "normal_from_many.yaml",
            ["--model.init_args.learning_rate", "1e38"],
            "expected a finite training loss",
        ),
        (
            "normal_from_reshading.yaml",
            ["--model.init_args.size", "64"],
            "is `size` that of the encoders' pic",
        ),
        (
            "normal_from_reshading.yaml",
            ["--model.init_args.sources", "[edge_occlusion]"],
            "not a representation store",
        ),
        ("normal_from_reshading.yaml", ["--model.init_args.task", "nromla"], "unknown task 'nromla'"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    packed: Path, config: str, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("fit", config, *more, "--trainer.max_epochs", "9")) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in line


def test_many_predict_nothing(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("fit", "normal_from_many.yaml")) == 0
    assert main(words("predict", "normal_from_many.yaml")) == 2
    assert "predict: expected one transfer, a TransferNetwork, found readouts" in capsys.readouterr().err


def test_nothing_trained_yet_is_said(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("test", "normal_from_reshading.yaml")) == 2
    assert "runs/normal/reshading/checkpoints/last.ckpt: nothing trained here yet" in capsys.readouterr().err
