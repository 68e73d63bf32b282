"""Test results of multi-task networks side by side: scores, the average drop, parameter counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import write_csv, write_text
from lightning_taskonomy.switching.methods import TITLES
from lightning_taskonomy.switching.several_tasks import SeveralTasks

LOWER_IS_BETTER = {
    "miou": False,
    "ods_f": False,
    "accuracy": False,
    "mean": True,
    "rmse": True,
    "mae": True,
}
"""The measure of a task is the first of these that its metric computes."""
_RESULTS = "results.json"


@dataclass(frozen=True)
class Score:
    """How well a network does at a task.

    Attributes:
        task: its name.
        title: of the task, for readers.
        measure: name of the measure.
        value: of the measure.
    """

    task: str
    title: str
    measure: str
    value: float


@dataclass(frozen=True)
class Results:
    """A trained network's results on the test split.

    Attributes:
        name: of the run.
        method: of its network.
        parameters: parameter count of the network.
        scores: of its tasks.
    """

    name: str
    method: str
    parameters: int
    scores: tuple[Score, ...]

    def save(self, folder: Path) -> None:
        """Write `results.json`.

        Raises:
            InputError: it cannot be written.
        """
        write_text(folder / _RESULTS, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read `results.json`.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        path = folder / _RESULTS
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            scores = tuple(Score(**score) for score in content.pop("scores"))
            return cls(**content, scores=scores)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: expected the results of a network's test ({error})") from error


def average_drop(scores: Mapping[str, Score], baseline: Mapping[str, Score]) -> float | None:
    """The relative drop from the baseline in per cent, averaged over its tasks; None where one is missing.

    Differences for the worse are positive, and for the better negative (Maninis et al., 2019).
    """
    if not baseline or not baseline.keys() <= scores.keys():
        return None
    drops = []
    for task, reference in baseline.items():
        sign = 1 if LOWER_IS_BETTER[reference.measure] else -1
        drops.append(sign * (scores[task].value - reference.value) / reference.value)
    return 100 * sum(drops) / len(drops)


def write_comparison(results: Sequence[Results], folder: Path) -> str:
    """Write `results.csv` and `results.md`: a row for each network, a column for each task.

    Networks of the method `single` are the baseline; those for different tasks share one row. The average
    drop is over the tasks of the baseline.

    Args:
        results: of the networks.
        folder: for the files.

    Returns:
        The Markdown table.

    Raises:
        InputError: a file cannot be written.
    """
    rows = _rows(results)
    tasks = list({score.task: score for row in rows for score in row.scores}.values())
    singles = [row for row in rows if row.method == "single"]
    baseline = {score.task: score for score in singles[0].scores} if singles else {}
    lines, records = [], []
    for row in rows:
        scores = {score.task: score for score in row.scores}
        drop = None if row in singles else average_drop(scores, baseline)
        values = [scores[task.task].value if task.task in scores else None for task in tasks]
        records.append([row.name, row.method, *values, drop, row.parameters])
        lines.append(
            [title_of_run(row), *map(_number, values), _percent(drop), f"{row.parameters / 1e6:.1f} M"]
        )
    arrow = {True: "↓", False: "↑"}
    heads = [f"{task.title} ({task.measure} {arrow[LOWER_IS_BETTER[task.measure]]})" for task in tasks]
    columns = ["network", "method", *(task.task for task in tasks), "average_drop_percent", "parameters"]
    table = _markdown(["Network", *heads, "Average drop % ↓", "Parameters"], lines)
    write_csv(folder / "results.csv", columns, records)
    write_text(folder / "results.md", table)
    return table


def results_below(folder: Path) -> list[Results]:
    """The results of all runs in the subfolders of this folder, sorted by name."""
    return [Results.load(path.parent) for path in sorted(folder.glob(f"*/{_RESULTS}"))]


class WriteResults(Callback):
    """After `test`, writes the network's results, and compares them with the runs in sibling folders.

    `<folder>/results.json` is the run's own; `results.csv` and `results.md` in the parent folder compare all.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files.

        Raises:
            InputError: a file cannot be written.
        """
        assert isinstance(pl_module, SeveralTasks)
        results = results_of(pl_module, self.folder.resolve().name)  # on every rank: metrics are reduced
        if trainer.is_global_zero and results.scores:
            results.save(self.folder)
            write_comparison(results_below(self.folder.resolve().parent), self.folder.resolve().parent)


def title_of_run(row: Results) -> str:
    """The title of a run: its method, and its name where that differs."""
    title = TITLES[row.method]
    return title if row.name == row.method else f"{title} ({row.name})"


def results_of(network: SeveralTasks, name: str) -> Results:
    """The results of a network from its test metrics.

    Args:
        network: at the end of a test.
        name: of the run.
    """
    titles = {task.name: task.title for task in network.tasks}
    scores = []
    for task, numbers in network.metrics.numbers("test").items():
        measure = next((name for name in LOWER_IS_BETTER if name in numbers), None)
        if measure is not None:
            scores.append(Score(task, titles[task], measure, numbers[measure]))
    return Results(name, network.method, network.parameter_count, tuple(scores))


def _rows(all_results: Sequence[Results]) -> list[Results]:
    """One row per network, in the order of methods; single-task networks of different tasks share one."""
    singles = [results for results in all_results if results.method == "single"]
    merged = [results for results in all_results if results.method != "single"]
    names = [score.task for results in singles for score in results.scores]
    if len(singles) > 1 and len(set(names)) == len(names):
        scores = tuple(score for results in singles for score in results.scores)
        parameters = sum(results.parameters for results in singles)
        singles = [Results("single", "single", parameters, scores)]
    order = list(TITLES)
    return [*singles, *sorted(merged, key=lambda results: order.index(results.method))]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))
