"""From packed images to a taxonomy in one command: its results, and that they follow from the losses."""

import csv
import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from tests.pipeline.tiny_run import (
    BEST,
    COMBINED_UP_TO,
    MAX_ORDER,
    TARGETS,
    TASKS,
    config,
    files,
    table,
    taxonomy_run,
    written,
)

SPECIAL = ["self", "average", "pixels"]
FIRST = [*TASKS, "random"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def losses_of(run: Path, target: str) -> tuple[list[str], dict[str, np.ndarray]]:
    read = table(run / "losses" / f"{target}.parquet")
    return read["image"].to_pylist(), {name: read[name].to_numpy() for name in read.column_names[1:]}


def win_rate(losses: Iterable[float], rival: Iterable[float]) -> float:
    """One image after another."""
    wins = [
        1.0 if mine < theirs else 0.5 if mine == theirs else 0.0
        for mine, theirs in zip(losses, rival, strict=True)
    ]
    return sum(wins) / len(wins)


def affinities(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The principal eigenvector of the odds, by numpy's routine for general matrices."""
    wins = np.array([[win_rate(a, b) for b in columns.values()] for a in columns.values()])
    wins = np.clip(wins, 0.001, 0.999)
    values, vectors = np.linalg.eig(wins / wins.T)
    principal = np.abs(vectors[:, np.argmax(values.real)].real)
    return dict(zip(columns, principal / principal.sum(), strict=True))


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_loss_of_every_contender_and_image(finished: Path, target: str) -> None:
    images, columns = losses_of(finished, target)
    assert images == [f"cedar/point_{point}_view_{view}" for point in range(4) for view in range(3)]
    assert list(columns)[: len(SPECIAL) + len(FIRST)] == [*SPECIAL, *FIRST]
    assert all(column.dtype == np.float64 and np.isfinite(column).all() for column in columns.values())


@pytest.mark.parametrize("target", TARGETS)
def test_the_best_sources_are_combined_in_all_ways(finished: Path, target: str) -> None:
    """By brute force: every set of sources, keeping those that the paper's recipe keeps."""
    _, columns = losses_of(finished, target)
    others = [name for name in TASKS if name != target]
    held = affinities({name: columns[name] for name in others})
    ranked = sorted(others, key=lambda name: -held[name])
    expected = set()
    for order in range(2, MAX_ORDER + 1):
        for chosen in itertools.permutations(others, order):
            ranks = [ranked.index(name) for name in chosen]
            if ranks != sorted(ranks):
                continue
            if order <= COMBINED_UP_TO and max(ranks) < BEST:
                expected.add("+".join(chosen))
            if order > COMBINED_UP_TO and ranks == list(range(order)):
                expected.add("+".join(chosen))
    assert len(expected) == 3 + 1 + 1
    assert set(columns) - {*SPECIAL, *FIRST} == expected
    planned = rows_of(finished / "higher_order" / f"{target}.csv")
    assert {row["sources"] for row in planned} == expected
    assert all(int(row["order"]) == row["sources"].count("+") + 1 for row in planned)
    assert all(float(row["estimated_seconds"]) > 0 for row in planned)


def test_the_table_of_transfers_is_what_the_losses_say(finished: Path) -> None:
    found = {(row["target"], row["sources"]): row for row in rows_of(finished / "transfers.csv")}
    counted = 0
    for target in TARGETS:
        _, columns = losses_of(finished, target)
        held = affinities(columns)
        for name, losses in columns.items():
            row = found[target, name]
            assert int(row["order"]) == name.count("+") + 1
            assert float(row["affinity"]) == pytest.approx(held[name], rel=1e-6)
            for column, rival in (("win_rate_vs_scratch", "pixels"), ("win_rate_vs_full", "self")):
                assert float(row[column]) == pytest.approx(win_rate(losses, columns[rival])), (target, name)
            counted += 1
    assert counted == len(found)


def test_the_taxonomy_is_the_best_of_all_sets_of_sources(finished: Path) -> None:
    """The label of two tasks is the image itself; a third of the other three is one label unit."""
    taxonomy = json.loads((finished / "taxonomy" / "taxonomy.json").read_text())
    rows = [
        row
        for row in rows_of(finished / "transfers.csv")
        if row["sources"] not in ("random", "pixels", "average")
    ]
    best = 0.0
    free = {"autoencoding", "inpainting"}
    for chosen in itertools.chain(*(itertools.combinations(TASKS, number) for number in (1, 2, 3))):
        if len(set(chosen) - free) > 1:
            continue
        per_target: dict[str, float] = {}
        for row in rows:
            needed = {row["target"]} if row["sources"] == "self" else set(row["sources"].split("+"))
            if needed <= set(chosen) and int(row["order"]) <= 2:
                per_target[row["target"]] = max(per_target.get(row["target"], 0.0), float(row["affinity"]))
        if len(per_target) == len(TARGETS):
            best = max(best, sum(per_target.values()))
    assert taxonomy["objective"] == pytest.approx(best)
    assert taxonomy["budget"] == 1
    assert taxonomy["max_order"] == 2
    assert taxonomy["spent"] == len(set(taxonomy["sources"]) - free) <= 1
    assert sorted(transfer["target"] for transfer in taxonomy["transfers"]) == sorted(TARGETS)


def test_the_files_that_others_read(finished: Path) -> None:
    table = Transfers.read_csv(finished / "transfers.csv")
    problem = TaxonomyProblem(table, budget=1, max_order=2, free_self_supervised=True)
    again = problem.solve()
    assert again.objective == json.loads((finished / "taxonomy" / "taxonomy.json").read_text())["objective"]
    policies = rows_of(finished / "evaluation" / "policies.csv")
    assert list(policies[0])[:5] == ["max_order", "budget", "objective", "target", "sources"]
    assert {row["budget"] for row in policies} == {"1", "2", "3"}
    summary = (finished / "summary.md").read_text()
    assert all(target in summary for target in TARGETS)
    for picture in ("taxonomy/taxonomy", "evaluation/affinity", "evaluation/significance"):
        assert (finished / f"{picture}.svg").read_text().lstrip().startswith("<?xml")
        with Image.open(finished / f"{picture}.png") as image:
            assert min(image.size) > 200
    for task in TASKS:
        assert (finished / "networks" / task / "weights.safetensors").exists()


def test_nothing_is_left_of_what_was_under_way(finished: Path) -> None:
    names = [str(path.relative_to(finished)) for path in finished.rglob("*")]
    assert not [
        name for name in names if name.endswith((".ckpt", ".part")) or "running-" in name.split("/curves")[0]
    ]
    curves = [name for name in names if "events.out" in name]
    assert {name.split("/")[0] for name in curves} == {"networks", "baselines", "transfers"}


def test_running_again_does_nothing(finished: Path, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(finished)
    assert taxonomy_run(config(finished, packed)) == 0
    assert written(before, files(finished)) <= {"plan.csv", ".running"}
    assert {row["state"] for row in rows_of(finished / "plan.csv")} == {"done"}
    printed = capsys.readouterr().out
    assert "[" not in printed.split("# Taxonomy")[0]
    assert "Label and train fully" in printed
