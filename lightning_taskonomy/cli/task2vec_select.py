"""`task2vec select`: which expert a new task should start from."""

from pathlib import Path

from lightning_taskonomy.cli.option_types import NO_NAMES, Names, WholeNumbers
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder, write_csv
from lightning_taskonomy.core.task_names import names_among
from lightning_taskonomy.task2vec import read_embeddings
from lightning_taskonomy.task2vec.embedding import Embedding
from lightning_taskonomy.task2vec.figures.selection import draw_curve, draw_selection
from lightning_taskonomy.task2vec.history import History
from lightning_taskonomy.task2vec.model2vec import Learning
from lightning_taskonomy.task2vec.selection import Selector, judged, mean_excess
from lightning_taskonomy.taxonomy.figures.style import save_figure


def select(
    history: Path,
    embeddings: tuple[Path, ...],
    out: Path,
    new: Names = NO_NAMES,
    folds: int = 10,
    curve: WholeNumbers = WholeNumbers(),
    steps: int = Learning.steps,
    decay: float = Learning.decay,
    alpha: float = Learning.alpha,
    seed: int = 0,
) -> None:
    """Learn from known errors which expert suits a task, and rank experts for new ones.

    Writes into the folder OUT: ranking.csv, experts for new tasks, best first, by each method; selection.csv
    and summary.csv, what each method costs on known tasks that are held out, against brute force, chance and
    the single best expert; curve.csv, the same over the number of known tasks; and pictures. Embeddings need
    a prior: embed with --method variational or with --prior.

    Args:
        history: a table of task, expert and error; experts that are named for the tasks they were trained on
            can be chosen by distance, too
        embeddings: files, or folders of them, of all these tasks and of new ones
        out: folder to write into
        new: tasks to rank experts for; by default those embedded without errors
        folds: in which known tasks are held out
        curve: numbers of known tasks to learn from, for the curve; by default from three to all in six steps
        steps: of learning the experts' vectors
        decay: how much they are held to the embeddings of their tasks
        alpha: of the asymmetric distance
        seed: of the folds
    """
    table = History.read_csv(history)
    found = {embedding.name: embedding for embedding in read_embeddings(embeddings)}
    learning = Learning(steps=steps, decay=decay, alpha=alpha)
    selector = Selector(table, found, learning)
    experts = {*table.tasks, *table.experts}
    wanted = tuple(names_among(new, found, "new")) or tuple(name for name in found if name not in experts)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise InputError(f"new: task {unknown[0]} has no embedding")
    largest = len(table.tasks) - -(-len(table.tasks) // folds)
    numbers = curve or _steps(largest)
    too_many = [number for number in numbers if not 2 <= number <= largest]
    if too_many:
        raise InputError(
            f"curve: expected 2 to {largest} known tasks with {folds} folds, found {too_many[0]}"
        )
    methods = selector.methods
    with output_folder(out):
        _rank(selector, [found[name] for name in wanted], out)
        with progress("holding out tasks", min(folds, len(table.tasks)) * (1 + len(numbers))) as done:
            choices = judged(table, found, methods, folds, seed, learning, done=done)
            by_known = {
                known: mean_excess(judged(table, found, methods, folds, seed, learning, known, done))
                for known in numbers
            }
        columns = ["task", "method", "expert", "error", "excess"]
        write_csv(
            out / "selection.csv", columns, [[getattr(one, name) for name in columns] for one in choices]
        )
        summary = mean_excess(choices)
        write_csv(out / "summary.csv", ["method", "mean_excess"], summary.items())
        rows = [[known, *values.values()] for known, values in by_known.items()]
        write_csv(out / "curve.csv", ["known_tasks", *methods], rows)
        save_figure(draw_selection(table.without_own(), choices), out / "selection")
        save_figure(draw_curve(by_known), out / "curve")
    for method, excess in summary.items():
        print(f"{method}: {100 * excess:.1f} % more error than the best expert")
    print(f"written: {out}")


def _rank(selector: Selector, tasks: list[Embedding], out: Path) -> None:
    rows: list[list[object]] = []
    for task in tasks:
        for method in selector.methods[2:]:
            ranked = selector.ranked(task, method)
            rows += [[task.name, method, rank, *pair] for rank, pair in enumerate(ranked, start=1)]
            if method == selector.methods[-1]:
                print(f"{task.name}: start from {', '.join(expert for expert, _ in ranked[:3])}")
    if rows:
        write_csv(out / "ranking.csv", ["task", "method", "rank", "expert", "score"], rows)


def _steps(largest: int) -> tuple[int, ...]:
    """From three to all, in six steps."""
    return tuple(sorted({max(2, round(3 + (largest - 3) * step / 5)) for step in range(6)}))
