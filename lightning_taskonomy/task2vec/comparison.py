"""Comparing embeddings: tables and figures in a folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.output import output_folder, write_csv, write_text
from lightning_taskonomy.task2vec.agreement import BEST, PairedTables, pruned
from lightning_taskonomy.task2vec.clusters import Clusters, plane
from lightning_taskonomy.task2vec.distances import distance_matrix, domain_distances, nearest, norm
from lightning_taskonomy.task2vec.embedding import Embedding
from lightning_taskonomy.task2vec.figures.agreement import draw_agreement
from lightning_taskonomy.task2vec.figures.maps import draw_maps, draw_norms
from lightning_taskonomy.task2vec.figures.matrix import draw_matrix
from lightning_taskonomy.task2vec.taxonomic import mean_taxonomic_distances
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.style import save_figure


def compare(
    embeddings: Sequence[Embedding], out: Path, kind: str = "cosine", clusters: int = 4, near: int = 5
) -> list[list[str]]:
    """Write distances, nearest tasks, norms, clusters, and figures of them; returns the clusters.

    Args:
        embeddings: Two or more, of one probe.
        out: Output folder.
        kind: Kind of distance.
        clusters: How many clusters to cut the tree into.
        near: How many nearest tasks to list for each task.

    Raises:
        InputError: the distance is not defined for them, or a file cannot be written.
    """
    names = [embedding.name for embedding in embeddings]
    matrix = distance_matrix(embeddings, kind)
    tree = Clusters.of(names, matrix)
    count = min(clusters, len(names))
    labels, groups = tree.labels(count), tree.groups(count)
    norms = [norm(embedding) for embedding in embeddings]
    maps = {"by task (embeddings)": plane(matrix)}
    with output_folder(out):
        write_csv(
            out / "distances.csv", ["from", *names], [[a, *row] for a, row in zip(names, matrix, strict=True)]
        )
        rows = []
        for embedding in embeddings:
            others = [other for other in embeddings if other is not embedding]
            found = nearest(embedding, others, near, kind)
            rows += [[embedding.name, rank, *pair] for rank, pair in enumerate(found, start=1)]
        write_csv(out / "nearest.csv", ["task", "rank", "near", "distance"], rows)
        sizes = [
            [e.name, value, e.meta.get("samples", "")] for e, value in zip(embeddings, norms, strict=True)
        ]
        write_csv(out / "norms.csv", ["task", "norm", "samples"], sizes)
        write_text(out / "clusters.json", json.dumps({"clusters": groups}, indent=2) + "\n")
        if all(embedding.domain is not None for embedding in embeddings):
            domains = domain_distances(embeddings)
            table = [[a, *row] for a, row in zip(names, domains, strict=True)]
            write_csv(out / "domain_distances.csv", ["from", *names], table)
            maps["by domain (mean image features)"] = plane(domains)
        save_figure(draw_matrix(matrix, tree, labels, f"Distances between tasks ({kind})"), out / "matrix")
        save_figure(draw_maps(maps, names, labels), out / "map")
        save_figure(draw_norms(norms, names, labels), out / "norms")
        _write_taxonomic(embeddings, matrix, out)
    return groups


def compare_with_transfers(
    embeddings: Sequence[Embedding], transfers: Transfers, out: Path, kind: str = "cosine", seed: int = 0
) -> tuple[float, float]:
    """Write how well distances predict transfers; returns the mean Spearman correlation and Mantel's p-value.

    Args:
        embeddings: Embeddings of the table's tasks, under the same names.
        transfers: Measured transfers.
        out: Output folder.
        kind: Kind of distance.
        seed: Seed of Mantel's permutations.

    Raises:
        InputError: fewer than three tasks in common, or a file cannot be written.
    """
    matrix = distance_matrix(embeddings, kind)
    tables = PairedTables.of(transfers, [embedding.name for embedding in embeddings], matrix)
    spearman, p, curve = tables.spearman(), tables.mantel(seed=seed), pruned(tables)
    with output_folder(out):
        found = {"distance": kind, "spearman": spearman, "mantel_p": p, "targets": len(tables.targets)}
        write_text(out / "agreement.json", json.dumps(found, indent=2) + "\n")
        columns = ["sources_tried", "share_of_cost", f"kept_of_{BEST}_best", "kept_best"]
        write_csv(out / "pruning.csv", columns, [[c.tried, c.share, c.kept, c.best_kept] for c in curve])
        save_figure(draw_agreement(tables, curve, spearman, p), out / "agreement")
    return spearman, p


def _write_taxonomic(embeddings: Sequence[Embedding], matrix: np.ndarray, out: Path) -> None:
    """Where all tasks have a biological taxonomy: are nearby tasks about related species?"""
    lineages = [embedding.meta.get("taxonomy") for embedding in embeddings]
    if all(isinstance(lineage, list) for lineage in lineages):
        rows = mean_taxonomic_distances(matrix, lineages)  # type: ignore[arg-type]
        write_csv(out / "taxonomic.csv", ["k", "by_embedding", "by_taxonomy"], rows)
