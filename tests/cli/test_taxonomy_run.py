"""`taxonomy run` as a user sees it: help, and one-line errors with status 2, before any work."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lightning_taskonomy.cli import main
from lightning_taskonomy.nn import Encoder
from tests.pipeline.tiny_run import config, pack, taxonomy_run


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("taxonomy_run"))


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_the_group_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["taxonomy", "--help"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  run ")]
    assert "the whole pipeline: task networks, transfers, tournaments, the program and the evidence" in line


def test_its_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["taxonomy", "run", "--help"])
    assert exit_.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    for option, meaning in (
        ("--shards", "the packed images"),
        ("--tasks", "the dictionary of this run"),
        ("--network.epochs", "over the training split"),
        ("--transfer.max_order", "largest number of sources of a transfer"),
        ("--program.budget", "of the taxonomy that is written"),
        ("--machine.checkpoint_seconds", "from one checkpoint of a running job to the next"),
        ("--dry-run", "print the plan and its cost, do nothing"),
    ):
        assert option in words
        assert meaning in words
    assert "<class" not in words
    assert "lightning_taskonomy." not in words


def test_the_other_commands_of_the_group_start_without_torch(tmp_path: Path) -> None:
    words = ["taxonomy", "solve", "--transfers", str(tmp_path / "no.csv"), "--budget", "1", "--out", "x"]
    code = (
        "import sys; from lightning_taskonomy.cli import main; main(['taxonomy', '--help'])\n"
        f"main({words})\n"
        "sys.exit('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "no.csv: cannot read" in run.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ["autoencoding", "edge2dd"]}, "tasks: unknown task 'edge2dd'; did you mean edge_texture"),
        ({"tasks": ["autoencoding"]}, "tasks: expected at least two, found 1"),
        (
            {"tasks": ["edge_texture", "edge_texture"]},
            "tasks: expected each task once, found edge_texture more than once",
        ),
        ({"targets": ["reshading"]}, "targets: reshading is not among tasks (autoencoding, class_scene"),
        ({"sources": ["reshading"]}, "sources: reshading is not among tasks"),
        ({"weights": {"reshading": "file"}}, "weights: reshading is not among tasks"),
        ({"program": {"cost": {"reshading": 1}}}, "program.cost: reshading is not among tasks"),
        ({"size": 40}, "size: expected a multiple of 16 pixels, found 40"),
        ({"size": 0}, "size: expected at least 16, found 0"),
        ({"size": "big"}, "--size: Expected a whole number. Got value: big"),
        ({"tassks": ["edge_texture"]}, "'tassks' is not accepted"),
        ({"network": {"widht": 3}}, "'network' does not accept option 'widht'"),
        ({"network": {"epochs": 0}}, "network.epochs: expected at least 1, found 0"),
        ({"network": {"samples": 3}}, "network.samples: expected at least a batch (4), found 3"),
        ({"transfer": {"samples": 3}}, "transfer.samples: expected at least a batch (4), found 3"),
        ({"transfer": {"variant": "huge"}}, "--transfer.variant"),
        ({"transfer": {"watched": -1}}, "transfer.watched: expected at least 0, found -1"),
        ({"test_samples": 0}, "test_samples: expected at least 1, found 0"),
        ({"program": {"budget": -1}}, "program.budget: expected at least 0, found -1"),
        ({"program": {"max_orders": [1, 0]}}, "program.max_orders: expected at least 1, found 0"),
        (
            {"program": {"importance": {"edge_texture": -2}}},
            "program.importance: expected at least 0, found -2",
        ),
        (
            {"machine": {"accelerator": "abacus"}},
            "--machine.accelerator: Expected a value of 'auto', 'cpu', 'gpu'",
        ),
        ({"experiments": {"few": {"samples": 0}}}, "experiments.few.samples: expected at least 1, found 0"),
        ({"shards": "nowhere"}, "not a packed split, or not packed to its end: no nowhere/"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_mistakes_are_found_before_any_work(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    assert taxonomy_run(config(tmp_path / "run", packed, **changes)) == 2
    assert message in refused(capsys)
    assert not (tmp_path / "run" / "networks").exists()


def test_no_configuration_at_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["taxonomy", "run"]) == 2
    assert "required: shards" in refused(capsys)
    assert main(["taxonomy", "run", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in refused(capsys)
    (tmp_path / "broken.yaml").write_text("tasks: [a")
    assert main(["taxonomy", "run", "--config", str(tmp_path / "broken.yaml")]) == 2
    refused(capsys)


def test_a_folder_that_cannot_be_written_to(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("mine")
    for words in ((), ("--dry-run",)):
        assert taxonomy_run(config(tmp_path / "run", packed), *words) == 2
        assert "run: cannot create this output folder" in refused(capsys)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "cannot read these weights (No such file"),
        ("damaged", "cannot read these weights (Error while deserializing header"),
        ("of another width", "conv1.weight: expected [4, 3, 7, 7], found [8, 3, 7, 7]"),
        ("of a deeper network", "expected none, found"),
        ("without an encoder", "expected [4, 3, 7, 7], found none"),
    ],
)
def test_weights_that_do_not_fit(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, message: str
) -> None:
    path = tmp_path / "given.safetensors"
    networks = {
        "of another width": Encoder(3, 8, (1, 1, 1, 1)),
        "of a deeper network": Encoder(3, 4, (2, 1, 1, 1)),
    }
    if kind in networks:
        save_file({f"encoder.{name}": values for name, values in networks[kind].state_dict().items()}, path)
    elif kind == "damaged":
        path.write_bytes(b"something else")
    elif kind == "without an encoder":
        save_file({"conv1.weight": torch.zeros(4, 3, 7, 7)}, path)
    for words in ((), ("--dry-run",)):
        run = config(tmp_path / "run", packed, weights={"edge_texture": str(path)})
        assert taxonomy_run(run, *words) == 2
        error = refused(capsys)
        assert str(path) in error
        assert message in error
        assert not (tmp_path / "run").exists()


def test_a_damaged_record_is_named(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "run" / "jobs" / "network.edge_texture.json"
    record.parent.mkdir(parents=True)
    for content in ("{", "[]", '{"inputs": 1}'):
        record.write_text(content)
        assert taxonomy_run(config(tmp_path / "run", packed)) == 2
        error = refused(capsys)
        assert f"{record}: not the record of a job" in error
        assert "remove it to do it again" in error


def test_a_split_smaller_than_a_batch(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = config(tmp_path / "run", packed, network={"batch_size": 13})
    assert taxonomy_run(run) == 2
    error = refused(capsys)
    assert "network/autoencoding: batch_size: 13 on 1 ranks needs 13 samples for one step" in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert taxonomy_run(config(tmp_path / "run", packed, machine={"accelerator": "gpu"})) == 2
    assert "machine: No supported gpu backend found" in refused(capsys)


def test_a_budget_that_serves_nobody_or_everybody(
    packed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If too small, the least feasible budget is used and reported; a large one is not an error."""
    tasks = ["keypoints2d", "edge_texture"]
    run = tmp_path / "run"
    assert taxonomy_run(config(run, packed, tasks=tasks, program={"budget": 0})) == 0
    assert "0 cannot serve every target" in caplog.text
    assert '"budget": 1' in (run / "taxonomy" / "taxonomy.json").read_text()
    assert taxonomy_run(config(run, packed, tasks=tasks, program={"budget": 9})) == 0
    assert '"budget": 9' in (run / "taxonomy" / "taxonomy.json").read_text()


def test_tasks_whose_label_is_the_picture_cost_nothing(packed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    tasks = ["autoencoding", "edge_texture"]
    assert taxonomy_run(config(run, packed, tasks=tasks, program={"budget": 0})) == 0
    solved = json.loads((run / "taxonomy" / "taxonomy.json").read_text())
    assert (solved["sources"], solved["spent"], solved["budget"]) == (["autoencoding"], 0, 0)
