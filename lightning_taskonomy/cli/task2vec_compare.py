"""`task2vec compare`: how near tasks are to each other."""

from pathlib import Path
from typing import Literal

from lightning_taskonomy.task2vec import read_embeddings
from lightning_taskonomy.task2vec.comparison import compare as write_comparison
from lightning_taskonomy.task2vec.comparison import compare_with_transfers
from lightning_taskonomy.taxonomy import Transfers

Kind = Literal[
    "cosine", "asymmetric", "normalized_cosine", "correlation", "kl", "asymmetric_kl", "jsd", "entropy"
]


def compare(
    embeddings: tuple[Path, ...],
    out: Path,
    distance: Kind = "cosine",
    clusters: int = 4,
    nearest: int = 5,
    transfers: Path | None = None,
    seed: int = 0,
) -> None:
    """Compare embedded tasks.

    Writes distances.csv, nearest.csv, norms.csv, clusters.json and pictures of the ordered matrix, of the
    tasks on a plane and of their norms into the folder OUT; where embeddings hold mean features or species,
    tables of those. With --transfers also agreement.json, pruning.csv and a picture: whether near tasks
    transfer well, and how many of the five best sources are kept when only the nearest are tried.

    Args:
        embeddings: files, or folders of them
        out: folder to write into
        distance: of the many; asymmetric ones are from row to column, from the expert to the new task
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
