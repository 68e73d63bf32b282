"""What is done again after a change, and nothing else; what comes out is what a fresh run gives."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from lightning_taskonomy.pipeline.plan import Plan
from tests.pipeline.tiny_run import (
    TARGETS,
    TASKS,
    config,
    copy,
    files,
    pack,
    require_same_results,
    settings,
    taxonomy_run,
    written,
)

ADDED = "edge_texture"
OWN_TASK = """
import numpy as np
from lightning_taskonomy.tasks import Example, Task, Vector
from lightning_taskonomy.tasks.losses import {loss}
from lightning_taskonomy.tasks.pictures import colour_input


def read(views, size, random):
    picture = colour_input(views[0]["rgb"], size)
    return Example((picture,), np.float32([views[0]["rgb"].mean() / 255]))


BRIGHTNESS = Task("brightness", "Brightness", (), Vector(1, hidden=16), {loss}, read)
"""


def states(run: Path, packed: Path, **changes: Any) -> dict[str, str]:  # noqa: ANN401
    """The jobs that a dry run lists as left."""
    assert taxonomy_run(config(run, packed, **changes), "--dry-run") == 0
    with (run / "plan.csv").open(newline="") as file:
        return {row["job"]: row["state"] for row in csv.DictReader(file)}


def left(run: Path, packed: Path, **changes: Any) -> set[str]:  # noqa: ANN401
    return {job for job, state in states(run, packed, **changes).items() if state == "waiting"}


def kinds(jobs: set[str]) -> set[str]:
    return {job.split("/")[0] for job in jobs}


@pytest.fixture(scope="module")
def grown(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], set[str]]:
    """A run to which a task has been added: its folder, the files before, and those written since."""
    run = tmp_path_factory.mktemp("grown") / "run"
    assert taxonomy_run(config(run, packed, tasks=[task for task in TASKS if task != ADDED])) == 0
    before = files(run)
    assert taxonomy_run(config(run, packed)) == 0
    return run, set(before), written(before, files(run))


def test_a_run_with_an_added_task_is_the_same_as_a_fresh_one(
    grown: tuple[Path, set[str], set[str]], finished: Path
) -> None:
    require_same_results(grown[0], finished)


def test_an_added_task_trains_its_row_and_column_only(
    grown: tuple[Path, set[str], set[str]], finished: Path
) -> None:
    _, before, since = grown
    of_transfers = {name for name in since if name.startswith("transfers/") and name.endswith(".parquet")}
    assert not of_transfers & before
    for target in TARGETS:
        trained = {name.split("/")[2] for name in of_transfers if name.split("/")[1] == target}
        wanted = {path.name for path in (finished / "transfers" / target).glob("*.parquet")}
        there = {name.split("/")[2] for name in before if name.startswith(f"transfers/{target}/")}
        assert trained == wanted - there
        assert f"{ADDED}.parquet" in trained
    others = [name for name in since if name.startswith(("networks/", "baselines/", "representations/"))]
    assert others
    assert {name.split("/")[1] for name in others} == {ADDED}


def test_program_settings_redo_the_results_only(finished: Path, packed: Path, tmp_path: Path) -> None:
    run = copy(finished, tmp_path / "run")
    before = files(run)
    assert taxonomy_run(config(run, packed, program={"budget": 3, "cost": {"autoencoding": 2}})) == 0
    results = {
        "taxonomy",
        "evaluation",
        "jobs",
        "made_by.json",
        "summary.md",
        "transfers.csv",
        "plan.csv",
        ".running",
    }
    changed = written(before, files(run))
    assert {name.split("/")[0] for name in changed} <= results
    assert {name for name in changed if name.startswith("jobs/")} == {"jobs/results.json"}
    assert "taxonomy/taxonomy.json" in changed
    assert '"budget": 3' in (run / "taxonomy" / "taxonomy.json").read_text()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transfer": {"epochs": 3}}, {"baselines", "first_order"}),
        ({"transfer": {"variant": "slim"}}, {"first_order"}),
        ({"transfer": {"best": 4}}, {"ranking"}),
        ({"transfer": {"together": 2, "keep_weights": False}}, {"ranking"}),
        ({"network": {"epochs": 3}}, {"network", "baselines", "store"}),
        ({"machine": {"num_workers": 1, "checkpoint_seconds": 9}}, set()),
        ({"seed": 1}, {"network", "baselines", "store", "first_order"}),
        ({"statistics": "taskonomy"}, {"network", "baselines", "first_order"}),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_settings_make_stale_what_depends_on_them(
    finished: Path, packed: Path, changes: dict[str, Any], expected: set[str]
) -> None:
    """Those given, and whatever needs them; all other jobs whose needs are done stay done."""
    following = {
        "network": ["store"],
        "store": ["first_order", "higher_order"],
        "baselines": ["losses"],
        "first_order": ["ranking", "losses"],
        "ranking": ["higher_order"],
        "higher_order": ["losses"],
        "losses": ["results", "pictures"],
        "results": [],
        "pictures": [],
    }
    stale = set(expected)
    while more := {need for kind in stale for need in following[kind]} - stale:
        stale |= more
    plan = Plan(settings(finished, packed, **changes))
    found = {name for name, job in plan.jobs.items() if plan.current(job) is None}
    drawn = changes.get("transfer", {}).get("keep_weights", True)
    assert kinds(found) == (stale if drawn else stale - {"pictures"})


def test_shards_that_have_moved_are_the_same(finished: Path, packed: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(packed, tmp_path / "elsewhere"))
    assert left(copy(finished, tmp_path / "run"), moved) == set()


def test_other_shards_make_everything_stale(finished: Path, tmp_path: Path) -> None:
    other = pack(tmp_path, points=5)
    found = states(copy(finished, tmp_path / "run"), other)
    assert set(found.values()) == {"waiting"}


def test_a_lost_file_is_made_again(finished: Path, packed: Path, tmp_path: Path) -> None:
    run = copy(finished, tmp_path / "run")
    for lost in ("representations/edge_texture/val/index.json", "transfers/fixated_pose/random.parquet"):
        (run / lost).unlink()
    (run / "transfers" / "autoencoding" / "random.parquet").write_bytes(b"damaged")
    before = files(run)
    assert taxonomy_run(config(run, packed)) == 0
    changed = written(before, files(run))
    trained = {name for name in changed if name.startswith("transfers/") and name.endswith("parquet")}
    assert trained == {"transfers/fixated_pose/random.parquet"}
    require_same_results(run, finished)


@pytest.mark.slow
def test_given_weights_and_others_in_their_place(finished: Path, packed: Path, tmp_path: Path) -> None:
    run, given = copy(finished, tmp_path / "run"), tmp_path / "given.safetensors"
    weights = load_file(finished / "networks" / "inpainting" / "weights.safetensors")
    encoder = {name: values for name, values in weights.items() if name.startswith("encoder.")}
    save_file(encoder, given)
    path = config(run, packed, weights={"inpainting": str(given)})
    assert taxonomy_run(path) == 0
    require_same_results(run, finished)
    before = files(run)
    save_file({name: values.neg() if "conv1" in name else values for name, values in encoder.items()}, given)
    assert taxonomy_run(path) == 0
    changed = written(before, files(run))
    trained = [name for name in changed if name.startswith("transfers/") and name.endswith("parquet")]
    assert {f"transfers/{target}/inpainting.parquet" for target in TARGETS} <= set(trained)
    assert not [name for name in trained if name in before and "inpainting" not in name]
    assert not [name for name in changed if name.startswith(("networks/", "baselines/"))]
    assert {name.split("/")[1] for name in changed if name.startswith("repr")} == {"inpainting"}


@pytest.mark.slow
def test_a_changed_definition_of_an_own_task(packed: Path, tmp_path: Path) -> None:
    """The transfers to it from other tasks, too, are trained with its loss."""
    definition = tmp_path / "own.py"
    changes: dict[str, Any] = {"tasks": [f"{definition}:BRIGHTNESS", "autoencoding"]}
    definition.write_text(OWN_TASK.format(loss="l1"))
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    assert taxonomy_run(config(run, packed, **changes)) == 0
    before = files(run)
    definition.write_text(OWN_TASK.format(loss="l2"))
    assert taxonomy_run(config(run, packed, **changes)) == 0
    assert taxonomy_run(config(fresh, packed, **changes)) == 0
    require_same_results(run, fresh)
    changed = written(before, files(run))
    trained = {name for name in changed if name.startswith("transfers/") and name.endswith("parquet")}
    assert {
        f"transfers/brightness/{name}.parquet" for name in ("brightness", "autoencoding", "random")
    } <= trained
    assert "transfers/autoencoding/random.parquet" not in trained
    assert "transfers/autoencoding/autoencoding.parquet" not in trained


@pytest.mark.slow
def test_another_number_of_test_samples(packed: Path, tmp_path: Path) -> None:
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    few: dict[str, Any] = {"tasks": ["autoencoding", "edge_texture"]}
    assert taxonomy_run(config(run, packed, **few)) == 0
    assert taxonomy_run(config(run, packed, **few, test_samples=8)) == 0
    assert taxonomy_run(config(fresh, packed, **few, test_samples=8)) == 0
    require_same_results(run, fresh)
