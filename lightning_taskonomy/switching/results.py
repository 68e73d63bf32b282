"""What networks for several tasks reach, side by side: scores, the average drop, parameters."""

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
"""The number that stands for a task: the first one of these that its metric gives."""
_RESULTS = "results.json"


@dataclass(frozen=True)
class Score:
    """How good a network is at a task.

    Attributes:
        task: its name.
        title: as a reader calls it.
        measure: the number's name.
        value: the number.
    """

    task: str
    title: str
    measure: str
    value: float


@dataclass(frozen=True)
class Results:
    """What a trained network reaches on the test split.

    Attributes:
        name: of the run.
        method: of its network.
        parameters: numbers that the network consists of.
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
        """Read it.

        Raises:
            InputError: no such file, or another one.
        """
        path = folder / _RESULTS
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            scores = tuple(Score(**score) for score in found.pop("scores"))
            return cls(**found, scores=scores)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: expected what a test of a network has written ({error})") from error


def average_drop(scores: Mapping[str, Score], baseline: Mapping[str, Score]) -> float | None:
    """How much worse than the baseline, in per cent, averaged over its tasks; None where one is missing.

    Relative differences count as drops where they are for the worse, and as gains where they are for the
    better (Maninis et al., 2019).
    """
    if not baseline or not baseline.keys() <= scores.keys():
        return None
    drops = []
    for task, before in baseline.items():
        sign = 1 if LOWER_IS_BETTER[before.measure] else -1
        drops.append(sign * (scores[task].value - before.value) / before.value)
    return 100 * sum(drops) / len(drops)


def write_comparison(found: Sequence[Results], folder: Path) -> str:
    """Write `results.csv` and `results.md`: a row for each network, a column for each task.

    Networks of the method `single` are the baseline; those that are each for other tasks are one row. The
    average drop is of the tasks that the baseline has.

    Args:
        found: of the networks.
        folder: where to.

    Returns:
        The Markdown table.

    Raises:
        InputError: a file cannot be written.
    """
    rows = _rows(found)
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
    """The results of all runs whose folders are in this one, sorted by name."""
    return [Results.load(path.parent) for path in sorted(folder.glob(f"*/{_RESULTS}"))]


class WriteResults(Callback):
    """After `test`, writes what the network reaches, and compares it with the runs beside its folder.

    `<folder>/results.json` is the run's own; `results.csv` and `results.md` in the folder above compare all.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files.

        Raises:
            InputError: one cannot be written.
        """
        assert isinstance(pl_module, SeveralTasks)
        results = results_of(pl_module, self.folder.resolve().name)  # every rank: metrics are summed up
        if trainer.is_global_zero and results.scores:
            results.save(self.folder)
            write_comparison(results_below(self.folder.resolve().parent), self.folder.resolve().parent)


def title_of_run(row: Results) -> str:
    """What a run is called: its method, and its own name where that is another."""
    title = TITLES[row.method]
    return title if row.name == row.method else f"{title} ({row.name})"


def results_of(network: SeveralTasks, name: str) -> Results:
    """What the metrics of a network's test say.

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


def _rows(found: Sequence[Results]) -> list[Results]:
    """One for each network; single-task networks of different tasks become one. In the order of methods."""
    singles = [results for results in found if results.method == "single"]
    merged = [results for results in found if results.method != "single"]
    names = [score.task for results in singles for score in results.scores]
    if len(singles) > 1 and len(set(names)) == len(names):
        scores = tuple(score for results in singles for score in results.scores)
        singles = [Results("single", "single", sum(its.parameters for its in singles), scores)]
    order = list(TITLES)
    return [*singles, *sorted(merged, key=lambda results: order.index(results.method))]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))
