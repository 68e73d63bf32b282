"""The commands of `task2vec`, all of which need torch."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.option_types import NO_NAMES, Names, WholeNumbers
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder, write_csv
from lightning_taskonomy.core.signals import leaving_at_signals
from lightning_taskonomy.core.task_names import names_among
from lightning_taskonomy.task2vec import (
    LabelledTask,
    Probe,
    Running,
    embed_tasks,
    norm,
    preset,
    read_embeddings,
)
from lightning_taskonomy.task2vec.comparison import compare as write_comparison
from lightning_taskonomy.task2vec.comparison import compare_with_transfers
from lightning_taskonomy.task2vec.embedding import Embedding
from lightning_taskonomy.task2vec.figures.selection import draw_curve, draw_selection
from lightning_taskonomy.task2vec.history import History
from lightning_taskonomy.task2vec.model2vec import Learning
from lightning_taskonomy.task2vec.probe_training import (
    probe_from_file,
    readable_picture,
    save_probe,
    self_supervised_probe,
    untrained_probe,
)
from lightning_taskonomy.task2vec.selection import Selector, judged, mean_excess
from lightning_taskonomy.task2vec.settings import Method, Preset
from lightning_taskonomy.task2vec.sources import Source, read_tasks
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.style import save_figure

Kind = Literal[
    "cosine", "asymmetric", "normalized_cosine", "correlation", "kl", "asymmetric_kl", "jsd", "entropy"
]


def embed(
    *,
    out: Path,
    source: Source,
    root: Path | None = None,
    tasks: Names = NO_NAMES,
    size: int = 224,
    probe: Literal["resnet18", "resnet34", "resnet50"] = "resnet34",
    weights: Path | None = None,
    untrained: bool = False,
    probe_width: int = 64,
    probe_steps: int = 400,
    method: Method | None = None,
    preset_name: Preset = "improved",
    head_epochs: int = 10,
    draws: int = 1,
    max_samples: int | None = None,
    skip_layers: int = 0,
    prior: float = 0.0,
    norms: bool = False,
    side: int = 16,
    beta: float = 1e-7,
    noise_epochs: int = 2,
    seed: int = 0,
    batch: int = 64,
    fit_batch: int = 64,
    accelerator: str = "auto",
    devices: int = 1,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    workers: int = 0,
) -> None:
    """Embed every task of a source, and compare them.

    Writes <task>.safetensors and <task>.json into the folder OUT and, for two tasks or more, the output of
    `task2vec compare` into OUT/compare. Without --weights a probe is trained on the images without labels, by
    predicting rotations, and saved as OUT/probe.pt.

    Args:
        out: folder to write into
        source: where the tasks come from
        root: the folder or file that the source reads
        tasks: which of its tasks
        size: height and width of the probe's input images
        probe: network whose filters index the embedding
        weights: a checkpoint of the probe: torchvision's, timm's, or one written by this command
        untrained: use random weights
        probe_width: channels of the first layer of a probe trained here
        probe_steps: training steps of a probe trained here
        method: of estimating the Fisher information; exact, or batch in the preset reference
        preset_name: improved, or reference to match the public reference implementation
        head_epochs: epochs of 10,000 samples for fitting each classifier
        draws: labels sampled per image by montecarlo
        max_samples: most images per task
        skip_layers: layers run once and left out of the embedding; 6 starts at the third stage
        prior: precision added to the information; makes the asymmetric distance defined
        norms: include the scales of normalisation layers
        side: sampled positions per side for tasks with an output per pixel
        beta: weight of the divergence in the method variational
        noise_epochs: epochs of 10,000 samples of the method variational
        seed: of everything random
        batch: images per batch; affects only memory and speed
        fit_batch: images per step of fitting the classifier; use the same for embeddings to compare
        accelerator: for Lightning's Trainer
        devices: number of devices
        precision: of the probe; sums are always in single precision
        workers: processes that read images
    """
    chosen = replace(
        preset(preset_name, method),
        head_epochs=head_epochs,
        draws=draws,
        max_samples=max_samples,
        skip_layers=skip_layers,
        prior=prior,
        side=side,
        beta=beta,
        noise_epochs=noise_epochs,
        seed=seed,
        batch=batch,
        fit_batch=fit_batch,
    )
    if norms:
        chosen = replace(chosen, norms=True)
    running = Running({"accelerator": accelerator, "devices": devices, "precision": precision}, workers)
    if size < 32:
        raise InputError(f"size: expected at least 32 pixels, found {size}")
    if weights is not None and untrained:
        raise InputError("weights: --untrained has none; give one of the two")
    found = read_tasks(source, root, size, tasks)
    with output_folder(out), leaving_at_signals("finished files are kept"):
        network = _probe(probe, weights, untrained, probe_width, probe_steps, found, seed, running, out)
        print(f"probe: {network.about}")
        embeddings = embed_tasks(network, found, chosen, running)
        for embedding in embeddings:
            path = embedding.save(out)
            samples, left_out = embedding.meta["samples"], embedding.meta["left_out"]
            images = f"{samples} images" + (f" ({left_out} left out)" if left_out else "")
            print(f"{embedding.name}: norm {norm(embedding):.4g}, {images}, written: {path}")
        if len(embeddings) > 1:
            for number, group in enumerate(write_comparison(embeddings, out / "compare"), start=1):
                print(f"cluster {number}: {', '.join(group)}")
            print(f"written: {out / 'compare'}")


def _probe(
    name: str,
    weights: Path | None,
    untrained: bool,
    width: int,
    steps: int,
    tasks: list[LabelledTask],
    seed: int,
    running: Running,
    out: Path,
) -> Probe:
    if weights is not None:
        return probe_from_file(name, weights)
    if untrained:
        return untrained_probe(name, width, seed)
    print(f"probe: no --weights given; training a {name} without labels on the tasks' images, {steps} steps")
    sets = list({id(task.images): task.images for task in tasks}.values())
    sets = [images for images in sets if readable_picture(images).ndim == 3]
    if not sets:
        raise InputError(
            "weights: a probe cannot be trained on multi-view samples; expected --weights or --untrained"
        )
    probe = self_supervised_probe(name, sets, width, steps, seed, running)
    save_probe(probe, out / "probe.pt")
    return probe


def compare(
    *,
    embeddings: tuple[Path, ...],
    out: Path,
    distance: Kind = "cosine",
    clusters: int = 4,
    nearest: int = 5,
    transfers: Path | None = None,
    seed: int = 0,
) -> None:
    """Compare embedded tasks.

    Writes distances.csv, nearest.csv, norms.csv, clusters.json and figures of the ordered matrix, of the
    tasks in a plane and of their norms into the folder OUT; if embeddings hold mean features or species, also
    tables of those. With --transfers also agreement.json, pruning.csv and a figure: whether near tasks
    transfer well, and how many of the five best sources remain when only the nearest are tried.

    Args:
        embeddings: files, or folders of them
        out: folder to write into
        distance: which distance; asymmetric ones are from row to column, from the expert to the new task
        clusters: groups to cut the tree into
        nearest: tasks to list for each
        transfers: a table of measured transfers among tasks of the same names, a CSV
        seed: of the permutations of Mantel's test
    """
    found = read_embeddings(embeddings)
    groups = write_comparison(found, out, distance, clusters, nearest)
    for number, group in enumerate(groups, start=1):
        print(f"cluster {number}: {', '.join(group)}")
    if transfers is not None:
        table = Transfers.read_csv(transfers)
        spearman, p = compare_with_transfers(found, table, out, distance, seed)
        print(f"nearness and affinity: mean Spearman {spearman:.3f}, Mantel p = {p:.4f}")
    print(f"written: {out}")


def select(
    *,
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
    and summary.csv, the excess error of each method on held-out known tasks, against brute force, chance and
    the single best expert; curve.csv, the same by the number of known tasks; and figures. Embeddings need a
    prior: embed with --method variational or with --prior.

    Args:
        history: a table of task, expert and error; experts named after the tasks they were trained on can be
            chosen by distance, too
        embeddings: files, or folders of them, of all these tasks and of new ones
        out: folder to write into
        new: tasks to rank experts for; by default embedded tasks without known errors
        folds: of cross-validation over the known tasks
        curve: numbers of known tasks to learn from, for the curve; by default from three to all in six steps
        steps: of learning the experts' vectors
        decay: strength of the pull towards the embeddings of their tasks
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
            out / "selection.csv",
            columns,
            [[getattr(choice, name) for name in columns] for choice in choices],
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
