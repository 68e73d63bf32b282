"""`taxonomy tree`: tasks clustered by how they transfer out."""

from pathlib import Path

from lightning_taskonomy.cli.option_types import Names
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.tree import VARIANTS, SimilarityTree


def tree(*, transfers: Path, out: Path, clusters: int = 4, left_out: Names = Names(VARIANTS)) -> None:
    """Cluster the source tasks by how they transfer out to the targets.

    Writes tree.json (Newick and clusters) and a picture (tree.svg, tree.png) into the folder OUT.

    Args:
        transfers: the table of measured transfers, a CSV
        out: folder to write into
        clusters: how many groups to cut the tree into
        left_out: sources that take no part, where the table has them; the default repeats class_object
    """
    table = Transfers.read_csv(transfers)
    if left_out != VARIANTS:
        left_out = Names(table.tasks_named(left_out, "left-out"))
    result = SimilarityTree.from_transfers(table, left_out)
    result.save(out, clusters)
    for number, group in enumerate(result.clusters(clusters), start=1):
        print(f"cluster {number}: {', '.join(group)}")
    print(f"written: {out / 'tree.json'}, tree.svg, tree.png")
