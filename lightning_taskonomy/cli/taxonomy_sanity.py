"""`taxonomy sanity`: do the task networks win against what learned nothing?"""

from pathlib import Path

from lightning_taskonomy.cli.taxonomy_tournament import loss_tables
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.taxonomy.sanity import Sanity


def sanity(*, losses: tuple[Path, ...], out: Path, drop_incomplete: bool = False) -> None:
    """Check the task networks: share of images won against a constant guess and a random encoder.

    Needs the contender self in every table; average and random are compared where they took part. Prints the
    table, in percent, and writes sanity.csv into the folder OUT.

    Args:
        losses: loss tables, Parquet, one per target; or folders of them
        out: folder to write into
        drop_incomplete: leave out images for which a contender's loss is missing or not finite
    """
    result = Sanity.of(loss_tables(losses), drop_incomplete)
    with output_folder(out):
        result.save_table(out / "sanity.csv")
    print(result.text())
    print(f"written: {out / 'sanity.csv'}")
