"""The `task2vec` commands as a user calls them, on small real images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lightning_taskonomy.cli import main
from lightning_taskonomy.nn.resnet import ResNet
from lightning_taskonomy.task2vec import Embedding
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.transfers import Transfer


def run(command: str, *words: object) -> int:
    return main(["task2vec", command, *map(str, words)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits with six questions about them."""
    loaded = load_digits()
    digit = np.asarray(loaded.target[:160])
    questions = {f"is {number}": (digit == number).astype(int) for number in (0, 1, 3, 8)}
    path = tmp_path_factory.mktemp("arrays") / "digits.npz"
    labels = {**questions, "odd": digit % 2, "digit": digit}
    np.savez(path, images=loaded.images[:160] / 16, **labels)
    return path


@pytest.fixture(scope="module")
def embedded(arrays: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded")
    torch.manual_seed(0)
    torch.save(ResNet("resnet18", 5, width=4).state_dict(), folder / "weights.pt")
    options = [
        "--source",
        "arrays",
        "--root",
        arrays,
        "--probe",
        "resnet18",
        "--size",
        "32",
        "--prior",
        "1e-3",
    ]
    weights = ["--weights", folder / "weights.pt", "--head-epochs", "1"]
    assert run("embed", *options, *weights, "--out", folder / "out") == 0
    return folder / "out"


def test_embed(embedded: Path) -> None:
    files = {path.name for path in embedded.iterdir()}
    assert {"digit.safetensors", "digit.json", "is_8.safetensors", "is_8.json", "compare"} <= files
    meta = json.loads((embedded / "digit.json").read_text())
    assert (meta["probe"], meta["samples"], meta["has_prior"]) == (
        "resnet18, weights of weights.pt",
        160,
        True,
    )
    assert len(Embedding.load(embedded / "digit.safetensors").hessian) == 300
    assert sum(meta["layers"].values()) == 300


def test_embed_trains_a_probe_and_says_so(
    tmp_path: Path, arrays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--root",
        arrays,
        "--tasks",
        "odd",
        "--probe",
        "resnet18",
        "--size",
        "32",
        "--head-epochs",
        "1",
    ]
    probe = ["--probe-width", "4", "--probe-steps", "2", "--max-samples", "50"]
    assert run("embed", "--source", "arrays", *options, *probe, "--out", tmp_path) == 0
    words = capsys.readouterr().out
    assert "no --weights given; training a resnet18 without labels" in words
    assert {path.name for path in tmp_path.iterdir()} == {"odd.safetensors", "odd.json", "probe.pt"}
    meta = json.loads((tmp_path / "odd.json").read_text())
    assert meta["probe"].startswith("resnet18, width 4, trained on rotations of 160 pictures")
    assert meta["samples"] == 50


def test_embed_by_the_references_preset(tmp_path: Path, arrays: Path) -> None:
    options = [
        "--root",
        arrays,
        "--tasks",
        "odd",
        "--probe",
        "resnet18",
        "--size",
        "32",
        "--head-epochs",
        "1",
    ]
    preset = ["--preset-name", "reference", "--untrained", "--probe-width", "4"]
    assert run("embed", "--source", "arrays", *options, *preset, "--out", tmp_path) == 0
    meta = json.loads((tmp_path / "odd.json").read_text())
    assert (meta["method"], meta["norms"], meta["batch_statistics"]) == ("batch", True, True)
    assert len(Embedding.load(tmp_path / "odd.safetensors").hessian) == 600


def test_compare(tmp_path: Path, embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "--embeddings", embedded, "--clusters", "2", "--out", tmp_path) == 0
    pictures = {f"{stem}.{kind}" for stem in ("matrix", "map", "norms") for kind in ("svg", "png")}
    tables = {"distances.csv", "nearest.csv", "norms.csv", "clusters.json", "domain_distances.csv"}
    assert {path.name for path in tmp_path.iterdir()} == pictures | tables
    distances = rows(tmp_path / "distances.csv")
    assert len(distances) == 6
    assert all(abs(float(row[row["from"]])) < 1e-9 for row in distances)
    # All tasks are on the same images.
    assert all(
        abs(float(value)) < 1e-9
        for row in rows(tmp_path / "domain_distances.csv")
        for key, value in row.items()
        if key != "from"
    )
    assert len(rows(tmp_path / "nearest.csv")) == 6 * 5
    assert "cluster 2:" in capsys.readouterr().out
    groups = json.loads((tmp_path / "clusters.json").read_text())["clusters"]
    assert sorted(name for group in groups for name in group) == [
        "digit",
        "is 0",
        "is 1",
        "is 3",
        "is 8",
        "odd",
    ]


def test_compare_by_another_distance_and_with_transfers(tmp_path: Path, embedded: Path) -> None:
    names = ["digit", "is 0", "is 1", "odd"]
    generator = np.random.default_rng(0)
    table = [Transfer(a, (b,), float(generator.random())) for a in names for b in names if a != b]
    Transfers(tuple(table)).write_csv(tmp_path / "transfers.csv")
    options = ["--transfers", tmp_path / "transfers.csv", "--distance", "asymmetric"]
    assert run("compare", "--embeddings", embedded, *options, "--out", tmp_path / "out") == 0
    agreement = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert -1 <= agreement["spearman"] <= 1
    assert 0 < agreement["mantel_p"] <= 1
    last = rows(tmp_path / "out" / "pruning.csv")[-1]
    assert (last["sources_tried"], last["share_of_cost"], last["kept_of_5_best"]) == ("3", "1.0", "1.0")
    assert (tmp_path / "out" / "agreement.png").exists()


def write_history(path: Path) -> Path:
    lines = ["task,expert,error"]
    generator = np.random.default_rng(0)
    for task in ("is 0", "is 1", "is 3", "is 8", "odd"):
        lines += [
            f"{task},{expert},{generator.uniform(0.1, 0.5)}" for expert in ("is 0", "is 1", "odd", "generic")
        ]
    path.write_text("\n".join(lines))
    return path


def test_select(tmp_path: Path, embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--history",
        write_history(tmp_path / "history.csv"),
        "--folds",
        "5",
        "--curve",
        "2,4",
        "--steps",
        "5",
    ]
    assert run("select", *options, "--embeddings", embedded, "--out", tmp_path / "out") == 0
    words = capsys.readouterr().out
    assert "digit: start from" in words
    assert "brute force: 0.0 % more error than the best expert" in words
    ranking = rows(tmp_path / "out" / "ranking.csv")
    assert {row["task"] for row in ranking} == {"digit"}
    assert len(ranking) == 4 * 4
    assert len(rows(tmp_path / "out" / "selection.csv")) == 5 * 6
    assert [row["known_tasks"] for row in rows(tmp_path / "out" / "curve.csv")] == ["2", "4"]
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".csv", ".svg", ".png"}


@pytest.mark.parametrize("config", ["digits", "bundled", "taskonomy", "cub_inaturalist"])
def test_the_shipped_configurations_name_options_that_exist(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    words = [
        "--config",
        f"configs/task2vec/{config}.yaml",
        "--out",
        tmp_path / "out",
        "--weights",
        tmp_path / "none",
    ]
    if config not in ("bundled", "digits"):
        words += ["--root", tmp_path / "nowhere"]
    assert run("embed", *words) == 2
    missing = (
        "none: cannot read these weights"
        if config in ("bundled", "digits")
        else "nowhere: no such folder or file"
    )
    assert missing in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["embed", "--source", "folder", "--out", "x"], "root: the source folder needs the folder or file"),
        (["embed", "--source", "flickr", "--out", "x"], "source"),
        (
            ["embed", "--source", "bundled", "--tasks", "cats", "--out", "x"],
            "tasks: bundled has no 'cats'; it has",
        ),
        (["embed", "--source", "bundled", "--size", "8", "--out", "x"], "size: expected at least 32 pixels"),
        (["embed", "--source", "bundled", "--method", "guess", "--out", "x"], "method"),
        (["compare", "--embeddings", "none.safetensors", "--out", "x"], "none.safetensors: cannot read"),
        (["select", "--history", "none.csv", "--embeddings", ".", "--out", "x"], "none.csv: cannot read"),
        (
            ["guess"],
            "guess: no such command; python -m lightning_taskonomy task2vec has embed, compare, select",
        ),
    ],
)
def test_mistakes_get_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["task2vec", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_selection_without_a_prior_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("is 0", "is 1", "odd"):
        Embedding(np.ones(4), np.ones(4), {"name": name, "method": "montecarlo"}).save(tmp_path / "bare")
    history = write_history(tmp_path / "history.csv")
    history.write_text("task,expert,error\nis 0,odd,0.1\nis 1,odd,0.1\nodd,is 0,0.1\n")
    assert (
        run("select", "--history", history, "--embeddings", tmp_path / "bare", "--out", tmp_path / "x") == 2
    )
    assert "the trivial task is not defined for the method montecarlo" in capsys.readouterr().err
    assert (
        run("compare", "--embeddings", tmp_path / "bare", "--distance", "asymmetric", "--out", tmp_path / "x")
        == 2
    )


@pytest.mark.parametrize("command", ["embed", "compare", "select"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(command, "--help")
    assert "--out" in capsys.readouterr().out
