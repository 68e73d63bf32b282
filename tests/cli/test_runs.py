"""What `fit` starts from and leaves, and Lightning's options alongside this project's callbacks."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.training import task_network
from tests.data.small_folder import make_folder

SIZE = 32
TINY = {
    "model": {
        "class_path": "TaskNetwork",
        "init_args": {
            "task": "normal",
            "size": SIZE,
            "width": 4,
            "blocks": [1, 1, 1, 1],
            "decoder_width": 32,
            "adversarial_after": None,
        },
    },
    "data": {"batch_size": 4, "num_workers": 0},
    "trainer": {"max_epochs": 1, "enable_progress_bar": False, "accelerator": "cpu", "log_every_n_steps": 1},
}
ROOT = Path("runs/normal/self")
KEPT = ROOT / "checkpoints"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    source = make_folder(
        root / "in", points=4, views=3, size=SIZE, domains=("rgb", "normal", "depth_zbuffer")
    )
    split_of = {"ash": "train", "birch": "val", "cedar": "test"}
    PackPlan(source, root / "out", split_of, Packing()).run(1)
    return root / "out"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Path) -> None:
    monkeypatch.chdir(tmp_path)
    TINY["data"]["shards"] = str(packed)  # type: ignore[index]
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY))


def run(word: str, *more: str) -> int:
    return main([word, "--config", "tiny.yaml", *more])


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    return line


def checkpoints() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in KEPT.glob("*.ckpt")}


def steps(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["global_step"])


def test_a_trained_network_is_not_replaced_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit") == 0
    assert "wrote runs/normal/self/checkpoints: best.ckpt, last.ckpt" in capsys.readouterr().out
    before = checkpoints()
    for again in ((), ("--model.learning_rate", "0.1"), ("--trainer.max_epochs", "2")):
        assert run("fit", *again) == 2
        assert "a trained network is here already; choose another --contender or --runs" in refusal(capsys)
    assert checkpoints() == before
    assert run("fit", "--trainer.fast_dev_run", "true") == 0
    assert run("fit", "--contender", "other") == 0
    assert checkpoints() == before
    assert run("fit", "--model.learning_rate", "0.1", "--overwrite", "true") == 0
    after = checkpoints()
    assert set(after) == {"best.ckpt", "last.ckpt"}
    assert all(after[name] != before[name] for name in after)


def test_a_run_that_failed_is_started_again_and_another_one_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A killed run differs from a failed one only in that its end was never recorded."""
    assert run("fit") == 0
    KEPT.joinpath("last.ckpt").unlink()
    failing = ("--overwrite", "true", "--trainer.max_epochs", "9", "--model.learning_rate", "1e30")
    assert run("fit", *failing) == 2
    assert "expected a finite training loss" in refusal(capsys)
    KEPT.joinpath("best.ckpt").touch()
    assert run("fit", *failing[2:]) == 2
    assert "expected a finite training loss" in refusal(capsys)
    KEPT.joinpath("best.ckpt").touch()
    assert run("fit", "--trainer.max_epochs", "9") == 2
    assert "a trained network is here already" in refusal(capsys)


def test_best_and_last_are_the_folders_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", "--ckpt_path", "best") == 2
    assert "runs/normal/self/checkpoints/best.ckpt: no such checkpoint" in refusal(capsys)
    assert run("fit") == 0
    for word in ("best", "last"):
        assert run("validate", "--ckpt_path", word) == 0
    assert run("fit", "--ckpt_path", "last", "--trainer.max_epochs", "2") == 0
    assert steps(KEPT / "last.ckpt") == 6
    events = EventAccumulator(str(ROOT)).Reload().Scalars("val/loss")
    assert [event.step for event in events] == [2, 5]  # one curve, nothing of it hidden


@pytest.mark.parametrize("batch_size", [2, 6])
def test_an_epochs_end_goes_on_with_batches_of_another_size(batch_size: int) -> None:
    assert run("fit") == 0
    more = ("--ckpt_path", "last", "--trainer.max_epochs", "2", "--data.batch_size", str(batch_size))
    assert run("fit", *more) == 0
    assert steps(KEPT / "last.ckpt") == 12 // 4 + 12 // batch_size


@pytest.mark.parametrize(("batch_size", "left"), [(1, 8), (2, 4), (3, 2), (8, 1), (12, 1)])
def test_an_epochs_middle_goes_on_by_samples(batch_size: int, left: int) -> None:
    own = (
        "ModelCheckpoint",
        "--trainer.callbacks.every_n_train_steps",
        "1",
        "--trainer.callbacks.save_top_k=-1",
    )
    assert run("fit", "--trainer.callbacks", *own) == 0
    middle = str(KEPT / "epoch=0-step=1.ckpt")
    more = ("--ckpt_path", middle, "--data.batch_size", str(batch_size), "--contender", "other")
    assert run("fit", *more, "--trainer.max_epochs", "2") == 0
    assert steps(Path("runs/normal/other/checkpoints/last.ckpt")) == 1 + left + 12 // batch_size


def yaml_of(trainer: dict[str, Any]) -> str:
    Path("more.yaml").write_text(yaml.safe_dump({"trainer": trainer}))
    return "more.yaml"


ONE = {"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss"}}


@pytest.mark.parametrize("callbacks", [ONE, [ONE]])
def test_callbacks_are_one_or_several(callbacks: object) -> None:
    assert run("fit", "--config", yaml_of({"callbacks": callbacks})) == 0
    assert set(checkpoints()) == {"best.ckpt", "last.ckpt"}
    assert "EarlyStopping" in str(list(torch.load(KEPT / "last.ckpt", weights_only=True)["callbacks"]))


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (
            ("--trainer.callbacks", "RichProgressBar", "--trainer.enable_progress_bar", "true"),
            {"best.ckpt", "last.ckpt"},
        ),
        (
            ("--trainer.callbacks", "Timer", "--trainer.callbacks.duration", "00:00:10:00"),
            {"best.ckpt", "last.ckpt"},
        ),
        (("--trainer.callbacks", "ModelCheckpoint"), {"best.ckpt", "last.ckpt", "epoch=0-step=3.ckpt"}),
        (("--trainer.limit_val_batches", "0"), {"last.ckpt"}),
        (("--trainer.check_val_every_n_epoch", "5"), {"last.ckpt"}),
        (("--trainer.enable_checkpointing", "false"), set()),
    ],
)
def test_options_of_lightning_beside_our_own(words: tuple[str, ...], left: set[str]) -> None:
    assert run("fit", *words) == 0
    assert set(checkpoints()) == left
    assert run("test", *words) == (0 if left else 2)


def test_barebones_leaves_out_all_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", "--trainer.barebones", "true", "--trainer.enable_progress_bar", "null") == 0
    assert not Path("runs").exists()
    assert "wrote" not in capsys.readouterr().out


def test_what_is_told_at_the_start_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit") == 0
    said = capsys.readouterr().out
    assert "FLOPs" not in said
    whole = sum(
        value.numel()
        for name, value in torch.load(KEPT / "best.ckpt", weights_only=True)["state_dict"].items()
        if "running" not in name and "num_batches" not in name
    )
    assert f"{whole / 1000:.1f} K parameters" in said
    assert run("predict") == 0
    assert "wrote runs/normal/self/predictions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data.shards", "nowhere"), "error: nowhere/train: not a packed split"),
        (
            ("--trainer.strategy", "ddp_spawn"),
            "error: trainer.strategy: expected one that starts the command",
        ),
        (("--model", "BoringModel"), "error: "),
    ],
)
def test_refused_before_a_network_is_built(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_network, "TaskNet", lambda *_: pytest.fail("a network was built"))
    assert run("fit", *words) == 2
    assert refusal(capsys).startswith(message)


@pytest.mark.parametrize(("logger", "package"), [("WandbLogger", "wandb"), ("MLFlowLogger", "mlflow")])
def test_a_logger_without_its_package_is_one_line(
    logger: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    assert run("fit", "--trainer.logger", logger) == 2
    assert refusal(capsys) == f"error: {logger}: needs {package}: pip install {package}"


def test_a_callbacks_bad_argument_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("ModelCheckpoint", "--trainer.callbacks.save_top_k=-7")
    assert run("fit", "--trainer.callbacks", *words) == 2
    assert "ModelCheckpoint: Invalid value for save_top_k=-7" in refusal(capsys)
