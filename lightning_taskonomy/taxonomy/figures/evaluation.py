"""The figures of an evaluation: taxonomies side by side, win rates by budget, affinities."""

from pathlib import Path

from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.evaluation import Evaluation
from lightning_taskonomy.taxonomy.figures.affinity import draw_affinity
from lightning_taskonomy.taxonomy.figures.grid import draw_grid
from lightning_taskonomy.taxonomy.figures.heat_maps import draw_heat_maps
from lightning_taskonomy.taxonomy.figures.style import save_figure
from lightning_taskonomy.taxonomy.tree import order_of_tasks


def save_evaluation_figures(evaluation: Evaluation, matrix: AffinityMatrix | None, folder: Path) -> None:
    """Write grid_gain, grid_quality, heat_maps and affinity into a folder, each as svg and png.

    Args:
        evaluation: the taxonomies.
        matrix: for the affinity figure; None to leave it out.
        folder: to write into.

    Raises:
        InputError: a file cannot be written.
    """
    tasks = order_of_tasks(evaluation.problem.transfers)
    save_figure(draw_grid(evaluation, tasks, "gain"), folder / "grid_gain")
    save_figure(draw_grid(evaluation, tasks, "quality"), folder / "grid_quality")
    targets = [task for task in tasks if task in evaluation.problem.wanted_targets]
    save_figure(draw_heat_maps(evaluation, targets), folder / "heat_maps")
    if matrix is not None:
        save_figure(draw_affinity(matrix), folder / "affinity")
