"""`taxonomy novel`: each target in turn as a task without labels of its own."""

import sys
from pathlib import Path

from lightning_taskonomy.cli.option_types import Names, WholeNumbers
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.cli.taxonomy_tournament import loss_tables
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.novel import NovelTasks
from lightning_taskonomy.taxonomy.tree import order_of_tasks


def novel(
    *,
    transfers: Path,
    out: Path,
    orders: WholeNumbers = WholeNumbers((1, 2, 3, 4)),
    rivals: Names | None = None,
    losses: tuple[Path, ...] = (),
    drop_incomplete: bool = False,
) -> None:
    """Treat each target in turn as novel: the best transfer from all other tasks, and how it fares.

    Writes novel.csv (win rates by target and order) and a picture of the highest order (novel.svg, novel.png)
    into the folder OUT; with loss tables also novel_losses.csv, the mean losses behind them. A target that
    nothing was transferred to from other tasks is named and left out.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        orders: largest numbers of sources of a transfer
        rivals: single sources to compare with; by default self-supervised, classification and random features
        losses: loss tables or folders of them: win rates against rivals are then counted, else implied
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
    """
    table = Transfers.read_csv(transfers)
    tables = {found.target: found for found in loss_tables(losses)} if losses else None
    with output_folder(out):
        with progress("targets", len(table.targets)) as step:
            result = NovelTasks.of(table, orders, rivals, tables, drop_incomplete, step)

        from lightning_taskonomy.taxonomy.figures.novel import draw_novel  # matplotlib takes its time
        from lightning_taskonomy.taxonomy.figures.style import save_figure

        for target, reason in result.left_out.items():
            print(f"left out: {target}: {reason}", file=sys.stderr)
        result.save_tables(out)
        targets = [task for task in order_of_tasks(table) if task in result.targets]
        save_figure(draw_novel(result, targets), out / "novel")
        for row in result.rows:
            transfer = row.transfer
            rates = (("scratch", transfer.gain), ("full", transfer.quality))
            words = "".join(f"  vs {name} {rate:.3f}" for name, rate in rates if rate is not None)
            print(f"{transfer.target}, up to {row.max_order}: {transfer.label}{words}")
        further = ", novel_losses.csv" if result.measured else ""
        print(f"written: {out / 'novel.csv'}{further}, novel.svg, novel.png")
