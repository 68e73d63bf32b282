"""`fit` as a user submits it, with `configs/slurm/fit.sh`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.slurm.cluster import Cluster
from tests.slurm.small_fits import curve, pack, same, weights, words

ROOT = Path(__file__).parents[2]
BATCHES = 12
"""Of a fit on two nodes; one node takes twice as many."""
WORKERS = 2
"""Of each rank: processes that a signal to the step reaches, too."""


def submit(
    cluster: Cluster,
    folder: Path,
    shards: Path,
    *more: str,
    options: Sequence[str] = (),
    callbacks: Sequence[tuple[str, dict[str, Any]]] = (),
) -> str:
    """The id of the job; what it prints is `fit.log` in the folder.

    Args:
        cluster: to run it.
        folder: of all that it writes.
        shards: to learn from.
        more: words of `fit`.
        options: of `sbatch`.
        callbacks: of `signalling`, by name, with their arguments.
    """
    made = [{"class_path": f"tests.slurm.signalling.{name}", "init_args": given} for name, given in callbacks]
    given = words(folder, shards, callbacks=made)
    config = given.index("--config")
    fixed = [f"--output={folder / 'fit.log'}", f"--chdir={ROOT}", "--time=10"]
    script = ROOT / "configs" / "slurm" / "fit.sh"
    workers = ["--data.num_workers", str(WORKERS)]
    return cluster.submitted(
        [*fixed, *options, script, given[config + 1], *given[config + 2 :], *workers, *more]
    )


def packed(folder: Path) -> Path:
    """33 pictures to learn from, in shards of 8, 8, 8, 8 and 1."""
    return pack(folder, points=11, shard_size=8)


def log_of(folder: Path) -> str:
    """What a submitted fit has printed."""
    return (folder / "fit.log").read_text()


def require_same(folder: Path, uninterrupted: Path) -> None:
    """One curve, and the same network, to the last bit."""
    assert curve(folder) == curve(uninterrupted)
    assert not list(folder.rglob("version_*"))
    assert same(weights(folder, "last"), weights(uninterrupted, "last"))
