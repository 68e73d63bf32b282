"""Writes an authors' folder `results/` of any values: three pickled dictionaries per amount of data."""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from lightning_taskonomy.taxonomy import Transfer

AFFINITY, SCRATCH, FULL = "affinities/all_affinities", "winrates/wins_vs_pixels", "winrates/wins_vs_task"


def write_results(folder: Path, rows: Iterable[Transfer], ending: str = "_16k", protocol: int = 3) -> Path:
    """Write the numbers of a table as the authors did: a key is the sources and the target."""
    rows = list(rows)
    for name, number in (
        (AFFINITY, "affinity"),
        (SCRATCH, "gain"),
        (FULL, "quality"),
    ):
        numbers = {"__".join((*row.sources, row.target)): getattr(row, number) for row in rows}
        write_numbers(folder / f"{name}{ending}.pkl", numbers, protocol)
    return folder


def write_numbers(path: Path, numbers: Mapping[str, float | None], protocol: int = 3) -> None:
    """Write one dictionary of NumPy scalars; None leaves an entry out."""
    content = {key: np.float64(number) for key, number in numbers.items() if number is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))
