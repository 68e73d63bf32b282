"""`fit`, `test` and `predict` as a user runs them, in a temporary folder."""

import csv
import subprocess
import sys
from math import cos, sin, tan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pyarrow import parquet

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.tasks import dictionary, task_named
from tests.data.small_folder import make_folder
from tests.switching.data.small_sets import make_nyud, make_pascal

CONFIGS = Path(__file__).parents[2] / "configs"
SIZE = 32
HEAD = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
QUICK: dict[str, Any] = {"max_epochs": 1, "enable_progress_bar": False, "accelerator": "cpu"}
TINY = {
    "model": {
        "class_path": "TaskNetwork",
        "init_args": {
            "size": SIZE,
            "width": 4,
            "blocks": [1, 1, 1, 1],
            "decoder_width": 32,
            "hidden": 16,
            "adversarial_after": 2,
            "discriminator_width": 4,
        },
    },
    "data": {"batch_size": 4, "num_workers": 0, "statistics": "own"},
    "trainer": QUICK,
}
SWITCHING = {
    "model": {
        "class_path": "SwitchingNetwork",
        "init_args": {"size": 48, "network": {"code": 12, "width": 4, "decoder_width": 32}},
    },
    "data": {"class_path": "SwitchingTaskonomy", "init_args": {"batch_size": 6, "num_workers": 0}},
    "trainer": QUICK,
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("training")
    source = make_folder(root / "in", points=4, views=3, size=SIZE)
    split_of = {"ash": "train", "birch": "val", "cedar": "test"}
    PackPlan(source, root / "out", split_of, Packing()).run(1)
    return root / "out"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))


def command(word: str, config: str, packed: Path, *more: str) -> int:
    words = [word, "--config", str(CONFIGS / config), "--config", "tiny.yaml", "--data.shards", str(packed)]
    return main([*words, *more])


def test_every_task_of_the_dictionary_has_a_configuration() -> None:
    named = [
        yaml.safe_load(path.read_text())["model"]["init_args"]["task"]
        for path in sorted((CONFIGS / "task").glob("*.yaml"))
    ]
    assert sorted(named) == sorted(list(dictionary())[:26])


def test_batches_of_the_configurations_are_the_published_ones() -> None:
    for path in sorted((CONFIGS / "task").glob("*.yaml")):
        config = yaml.safe_load(path.read_text())
        published = task_named(config["model"]["init_args"]["task"]).training.batch_size
        assert config["data"].get("batch_size", 32) == published, path.name


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted(path.name for path in (CONFIGS / "task").glob("*.yaml")))
def test_every_configuration_of_a_task_trains(packed: Path, config: str) -> None:
    steps = ("--trainer.limit_train_batches", "3", "--trainer.limit_val_batches", "1")
    assert command("fit", f"task/{config}", packed, *steps) == 0


def test_fit_test_and_predict_leave_what_they_say(packed: Path) -> None:
    assert command("fit", "task/normal.yaml", packed, "--trainer.max_epochs", "2") == 0
    root = Path("runs/normal/self")
    assert (root / "checkpoints" / "best.ckpt").exists()
    assert (root / "checkpoints" / "last.ckpt").exists()
    assert yaml.safe_load((root / "config.yaml").read_text())["model"]["init_args"]["size"] == SIZE
    assert list(root.glob("events.out.tfevents*"))
    assert command("validate", "task/normal.yaml", packed) == 0
    assert command("test", "task/normal.yaml", packed) == 0
    table = parquet.read_table("runs/losses/normal.parquet")
    assert table.column_names == ["image", "self"]
    keys = [f"cedar/point_{point}_view_{view}" for point in range(4) for view in range(3)]
    assert table["image"].to_pylist() == keys
    assert command("predict", "task/normal.yaml", packed) == 0
    assert len(list((root / "predictions" / "cedar").glob("*.png"))) == 12
    assert (root / "predictions" / "sheet.png").exists()


def test_a_run_goes_on_from_its_last_checkpoint(packed: Path) -> None:
    assert command("fit", "task/class_scene.yaml", packed) == 0
    last = "runs/class_scene/self/checkpoints/last.ckpt"
    assert (
        command("fit", "task/class_scene.yaml", packed, "--ckpt_path", last, "--trainer.max_epochs", "2") == 0
    )


def test_baselines_are_contenders_of_the_same_table(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    average = ("--model", "ConstantGuess", "--contender", "average")
    random = ("--model.init_args.encoder_trained", "false", "--contender", "random")
    for more in ((), average, random):
        assert command("fit", "task/depth_zbuffer.yaml", packed, *more) == 0
        assert command("test", "task/depth_zbuffer.yaml", packed, *more) == 0
    table = parquet.read_table("runs/losses/depth_zbuffer.parquet")
    assert sorted(table.column_names) == ["average", "image", "random", "self"]
    capsys.readouterr()
    assert main(["taxonomy", "sanity", "--losses", "runs/losses", "--out", "runs/sanity"]) == 0
    own, average_losses = (table[name].to_numpy() for name in ("self", "average"))
    wins = ((own < average_losses) + 0.5 * (own == average_losses)).mean()
    assert f"{100 * wins:.1f}" in capsys.readouterr().out


def test_the_worked_example_of_ones_own_task_trains(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [*sys.path])
    own = f"{CONFIGS / 'own_task' / 'horizon.py'}:HORIZON"
    words = ["fit", "--config", "tiny.yaml", "--model.init_args.task", own, "--data.shards", str(packed)]
    assert main(words) == 0
    assert Path("runs/horizon/self/checkpoints/best.ckpt").exists()
    # Its label compared with the geometry of a camera that looks down by a known angle, without roll.
    down, view = 0.3, 1.2
    record = {
        "vanishing_points_gaussian_sphere": {"z": [0.0, cos(down), sin(down)]},
        "field_of_view_rads": view,
    }
    example = task_named(own).read(
        [{"rgb": np.zeros((16, 16, 3), np.uint8), "point_info": record}], 16, np.random.default_rng(0)
    )
    np.testing.assert_allclose(np.asarray(example.target), [tan(down) / tan(view / 2), 0.0], rtol=1e-6)


def test_one_network_for_several_tasks(packed: Path) -> None:
    Path("tiny.yaml").write_text(yaml.safe_dump(SWITCHING))
    tasks = ("normal", "depth_zbuffer", "edge_texture")
    pairs = enumerate((target, source) for target in tasks for source in tasks if source != target)
    rows = [f"{target},{source},1,0.{number},,\n" for number, (target, source) in pairs]
    Path("transfers.csv").write_text(HEAD + "".join(rows))
    for more in (("--model.transfers", "transfers.csv"), ("--model.init_args.method", "single")):
        for word in ("fit", "test"):
            assert command(word, "switching/rooms.yaml", packed, *more) == 0
    root = Path("runs/switching")
    found = list(csv.DictReader((root / "results.csv").read_text().splitlines()))
    assert [row["method"] for row in found] == ["single", "switching"]
    assert int(found[0]["parameters"]) > 4 * int(found[1]["parameters"])
    measured = [float(row["normal"]) for row in found]
    assert all(0 < degrees < 180 for degrees in measured)
    drawn = {path.stem for path in (*root.glob("*.png"), *root.glob("switching/*.png"))}
    assert drawn == {"parameters", "convergence", "embeddings", "affinities"}
    assert (root / "results.md").read_text().count("|\n") == 4
    assert command("predict", "switching/rooms.yaml", packed, "--task", "edge_texture,depth_zbuffer") == 0
    written = {path.stem.partition("view_")[2][2:] for path in (root / "switching").rglob("cedar/*.png")}
    assert written == {"edge_texture", "depth_zbuffer"}
    grown = ("--config", str(CONFIGS / "switching" / "add_task.yaml"), "--contender", "added")
    assert command("fit", "switching/rooms.yaml", packed, *grown, "--trainer.max_epochs", "1") == 0
    before, after = (
        torch.load(root / name / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for name in ("switching", "added")
    )
    assert set(after) - set(before) == {"network.codes.learned"}
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not Path("runs/losses").exists()


@pytest.mark.parametrize(
    ("configs", "batch_size"), [(["pascal"], 2), (["pascal", "pascal_improved"], 5), (["nyud"], 2)]
)
def test_published_sets_train_from_their_configurations(
    configs: list[str], batch_size: int, tmp_path: Path
) -> None:
    make = make_nyud if configs == ["nyud"] else make_pascal
    make(tmp_path / "set")
    arguments = {
        "size": 64,
        "network": {"code": 20, "width": 4, "decoder_width": 32},
        "encoder_weights": None,
    }
    small = {
        "model": {"class_path": "SwitchingNetwork", "init_args": arguments},
        "data": {"init_args": {"root": str(tmp_path / "set"), "batch_size": batch_size, "num_workers": 0}},
        "trainer": {**QUICK, "precision": "32-true"},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small))
    words = [f"--config={CONFIGS / 'switching' / name}.yaml" for name in configs]
    for word in ("fit", "test"):
        assert main([word, *words, "--config", "small.yaml"]) == 0
    (row,) = csv.DictReader(Path("runs/switching/results.csv").read_text().splitlines())
    tasks = yaml.safe_load((CONFIGS / "switching" / f"{configs[0]}.yaml").read_text())["model"]["init_args"]
    assert set(row) >= set(tasks["tasks"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("predict", "--task", "edge_texture,edgy"), "predicted: expected some of segment_semantic"),
        (("fit", "--task", "edge_texture"), "--task: expected with predict and a SwitchingNetwork only"),
        (("fit", "--model.metod", "rcm"), "unrecognized arguments: --model.metod"),
        (("fit", "--data.switching", "often"), "Expected a value of 'epoch', 'batch', 'mixed', 'all'. Got"),
        (("fit", "--model.weighting", "gradnorm"), "gradnorm compares the tasks of a batch"),
    ],
)
def test_mistakes_about_several_tasks(
    packed: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("tiny.yaml").write_text(yaml.safe_dump(SWITCHING))
    if words[0] == "predict":
        there = Path("runs/switching/switching/checkpoints/best.ckpt")
        there.parent.mkdir(parents=True)
        there.touch()
    assert command(words[0], "switching/rooms.yaml", packed, *words[1:]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in line


def test_a_command_without_a_model_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit"]) == 2
    assert "error: model: expected a class and its task" in capsys.readouterr().err


@pytest.mark.slow
def test_two_ranks_train_with_a_discriminator_and_write_one_table(packed: Path) -> None:
    words = ["--config", str(CONFIGS / "task" / "depth_zbuffer.yaml"), "--config", "tiny.yaml"]
    words += ["--data.shards", str(packed), "--trainer.devices", "2", "--data.batch_size", "2"]
    for subcommand in ("fit", "test"):
        program = [sys.executable, "-m", "lightning_taskonomy", subcommand, *words]
        run = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
        assert run.returncode == 0, run.stderr
    images = parquet.read_table("runs/losses/depth_zbuffer.parquet")["image"].to_pylist()
    assert images == [f"cedar/point_{point}_view_{view}" for point in range(4) for view in range(3)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--model.init_args.task", "rgb2depht"],
            "tasks: unknown task 'rgb2depht'; did you mean depth_zbuffer",
        ),
        (["--data.batch_size", "64"], "batch_size: 64 on 1 ranks needs 64 samples for one step"),
        (["--data.batch_sise", "3"], "unrecognized arguments: --data.batch_sise"),
        (["--model.init_args.size", "50"], "size: expected a multiple of 16 pixels, found 50"),
        (["--model.init_args.learning_rate", "1e30"], "expected a finite training loss, found"),
        (["--ckpt_path", "nowhere.ckpt"], "nowhere.ckpt: no such checkpoint"),
        (["--data.train_samples", "0"], "train_samples: expected at least 1, found 0"),
        (["--data.shards", "nowhere"], "nowhere/train: not a packed split"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    packed: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("fit", "task/fixated_pose.yaml", packed, "--trainer.max_epochs", "5", *words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in line


def test_a_gpu_where_there_is_none_is_one_line(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert command("fit", "task/normal.yaml", packed, "--trainer.accelerator", "gpu") == 2
    assert "No supported gpu backend found" in capsys.readouterr().err


def test_what_another_run_left_for_slurm_is_never_loaded_unasked(
    packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path("runs/normal/self")
    root.mkdir(parents=True)
    (root / "hpc_ckpt_1.ckpt").touch()
    assert command("fit", "task/normal.yaml", packed) == 2
    assert "hpc_ckpt_1.ckpt: left by another run" in capsys.readouterr().err


def test_testing_before_fitting_is_refused(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("test", "task/normal.yaml", packed) == 2
    assert "best.ckpt: nothing trained here yet" in capsys.readouterr().err
