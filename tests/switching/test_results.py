"""The average drop against the published table, and the tables' rows."""

import csv
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.results import (
    Results,
    Score,
    average_drop,
    results_below,
    write_comparison,
)

MEASURES = {"edge": "ods_f", "semseg": "miou", "parts": "miou", "normals": "mean", "saliency": "miou"}
SINGLE = (71.3, 64.3, 55.5, 16.3, 62.9)
# Edges, segmentation, parts, normals, saliency; the published drop.
PUBLISHED = [
    ((72.2, 55.4, 55.5, 16.8, 59.1), 4.32),
    ((71.6, 55.9, 54.1, 16.7, 60.0), 4.38),
    ((70.7, 62.8, 54.6, 16.8, 63.1), 1.43),
    ((70.6, 64.2, 55.0, 16.3, 63.3), 0.30),
    ((70.8, 63.6, 55.2, 16.3, 63.4), 0.32),
    ((70.5, 64.3, 54.9, 16.3, 63.2), 0.38),
    ((70.5, 63.8, 54.8, 16.4, 63.1), 0.75),
    ((70.8, 64.1, 55.1, 16.3, 63.0), 0.30),
    ((70.3, 63.2, 54.4, 16.5, 63.1), 1.22),
    ((70.7, 63.6, 54.8, 16.3, 63.4), 0.44),
]


def scores(values: tuple[float, ...], tasks: tuple[str, ...] = tuple(MEASURES)) -> dict[str, Score]:
    return {
        task: Score(task, task.title(), MEASURES[task], value)
        for task, value in zip(tasks, values, strict=True)
    }


@pytest.mark.parametrize(("values", "published"), PUBLISHED)
def test_the_published_drops_follow_from_the_published_scores(
    values: tuple[float, ...], published: float
) -> None:
    drop = average_drop(scores(values), scores(SINGLE))
    assert drop == pytest.approx(published, abs=0.1)  # the scores are rounded


def test_there_is_no_drop_without_every_task() -> None:
    assert average_drop(scores((71.3,), ("edge",)), scores(SINGLE)) is None
    assert average_drop(scores(SINGLE), {}) is None
    assert average_drop(scores(SINGLE), scores(SINGLE)) == 0


def test_single_task_runs_become_one_row(tmp_path: Path) -> None:
    for task, value in (("edge", 0.5), ("normals", 20.0)):
        Results(f"single_{task}", "single", 10_000_000, tuple(scores((value,), (task,)).values())).save(
            tmp_path / f"single_{task}"
        )
    both = tuple(scores((0.25, 22.0), ("edge", "normals")).values())
    Results("switching", "switching", 12_000_000, both).save(tmp_path / "b")
    Results("own name", "switching", 12_000_000, both[:1]).save(tmp_path / "a")
    table = write_comparison(results_below(tmp_path), tmp_path)
    assert table.splitlines()[2:] == [
        "| Single-task | 0.500 | 20.00 |  | 20.0 M |",
        "| Task switching (own name) | 0.250 |  |  | 12.0 M |",
        "| Task switching | 0.250 | 22.00 | +30.00 | 12.0 M |",
    ]
    assert (tmp_path / "results.md").read_text() == table
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[2]["average_drop_percent"]) == pytest.approx(30)
    assert rows[1]["normals"] == ""


def test_damaged_results_are_named(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"name": "a"}')
    with pytest.raises(InputError, match=r"results\.json: expected the results of a"):
        Results.load(tmp_path)
