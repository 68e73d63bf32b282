"""The results in a finished run's folder, read for the report; nothing is recomputed."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Transfers

PROVENANCE = "made_by.json"

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Findings:
    """The results of a run.

    Attributes:
        run: its folder.
        taxonomy: content of `taxonomy.json`.
        sanity: each network's win rates against the best constant guess and an untrained encoder.
        gains: a row per target: its sources, gain and quality.
        transfers: all that were measured.
        policies: the taxonomy for every budget and order.
        significance: the computed taxonomy compared with random ones.
        experiments: by name, how far the affinities of an experiment agree with the run's own.
        provenance: configuration, versions and data.
        seconds: total time of jobs, by kind.
    """

    run: Path
    taxonomy: Mapping[str, Any]
    sanity: Rows
    gains: Rows
    transfers: Transfers
    policies: Rows
    significance: Rows
    experiments: Mapping[str, Rows]
    provenance: Mapping[str, Any]
    seconds: Mapping[str, float]

    @classmethod
    def read(cls, run: Path) -> "Findings":
        """Read the results from a run's folder.

        Raises:
            InputError: not the folder of a finished run, or a file in it is damaged.
        """
        if not run.is_dir():
            raise InputError(f"{run}: expected the folder of a run")
        if not (run / PROVENANCE).exists() or not (run / "taxonomy" / "taxonomy.json").exists():
            raise InputError(
                f"{run}: expected a finished run; `taxonomy run` with the same `out` finishes it"
            )
        return cls(
            run,
            _json(run / "taxonomy" / "taxonomy.json"),
            _rows(run / "taxonomy" / "sanity.csv"),
            _rows(run / "taxonomy" / "gains.csv"),
            Transfers.read_csv(run / "transfers.csv"),
            _rows(run / "evaluation" / "policies.csv"),
            _rows(run / "evaluation" / "significance.csv"),
            {path.parent.name: _rows(path) for path in sorted(run.glob("experiments/*/correlations.csv"))},
            _json(run / PROVENANCE),
            _seconds(run / "jobs"),
        )


def verdict_of(run: Path) -> list[str]:
    """How reliable a run's taxonomy is, in sentences; none if the run is not finished.

    Raises:
        InputError: its taxonomy is damaged.
    """
    path = run / "taxonomy" / "taxonomy.json"
    words = _json(path).get("verdict", []) if path.exists() else []
    if not isinstance(words, list):
        raise InputError(f"{path}, verdict: expected a list of sentences, found {words!r}")
    return [str(line) for line in words]


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object of names and values")
    return content


def _rows(path: Path) -> Rows:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _seconds(folder: Path) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    for path in sorted(folder.glob("*.json")):
        taken = _json(path).get("seconds")
        if not isinstance(taken, (int, float)):
            raise InputError(f"{path}: expected the seconds that a job took, found {taken!r}")
        kind = path.stem.split(".")[0]
        sums[kind] = sums.get(kind, 0.0) + taken
    return sums
