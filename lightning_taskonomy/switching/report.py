"""The figures that `test` draws of multi-task networks."""

from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.figures import (
    affinities_between,
    draw_affinities,
    draw_convergence,
    draw_embeddings,
    draw_parameters,
    embedding_similarities,
    logged,
    parameters_by_tasks,
)
from lightning_taskonomy.switching.methods import channels_of
from lightning_taskonomy.switching.networks import SwitchedTasks
from lightning_taskonomy.switching.results import results_below, title_of_run
from lightning_taskonomy.switching.several_tasks import SeveralTasks
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.style import save_figure

_MOST_TASKS = 9


class WriteSwitchingFigures(Callback):
    """After `test`, draws the network and the runs in sibling folders.

    In the parent folder: `parameters`, the parameter counts against the number of tasks for networks of this
    shape, and `convergence` of all runs that have been tested and logged. In the folder of a switching
    network's run: `embeddings`, the similarity of its task embeddings, and, with a table of transfers,
    `affinities`, how these similarities relate to the transfers. Each as PNG and SVG.

    Args:
        folder: of the run.
        transfers: table of measured transfers between the same tasks.

    Raises:
        InputError: the file is no table of transfers.
    """

    def __init__(self, folder: Path, transfers: str | None = None) -> None:
        self.folder = folder
        self.transfers = None if transfers is None else Transfers.read_csv(transfers)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the figures.

        Raises:
            InputError: a file cannot be written, or the table of transfers has fewer than three pairs of the
                tasks.
        """
        if trainer.is_global_zero:
            assert isinstance(pl_module, SeveralTasks)
            self._draw_all_runs(pl_module)
            if isinstance(pl_module.network, SwitchedTasks) and len(pl_module.tasks) > 1:
                self._draw_embeddings([task.name for task in pl_module.tasks], pl_module.network)

    def _draw_all_runs(self, network: SeveralTasks) -> None:
        above = self.folder.resolve().parent
        channels = max(channels_of(task) for task in network.tasks)
        counts = parameters_by_tasks(max(_MOST_TASKS, len(network.tasks)), network.options, channels)
        save_figure(draw_parameters(counts), above / "parameters")
        curves = {}
        for results in results_below(above):
            try:
                curves[title_of_run(results)] = logged(above / results.name)
            except InputError:  # trained without a logger, or elsewhere
                continue
        if curves:
            save_figure(draw_convergence(curves), above / "convergence")

    def _draw_embeddings(self, tasks: list[str], network: SwitchedTasks) -> None:
        similarities = embedding_similarities(network)
        save_figure(draw_embeddings(tasks, similarities), self.folder / "embeddings")
        if self.transfers is not None:
            affinities = affinities_between(tasks, self.transfers)
            save_figure(draw_affinities(tasks, similarities, affinities), self.folder / "affinities")
