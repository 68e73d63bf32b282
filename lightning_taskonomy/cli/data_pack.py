"""`data pack`: a data folder as shards."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lightning_taskonomy.cli.option_types import Names
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.folder.split_lists import find_splits
from lightning_taskonomy.data.folder.splits import read_splits
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.data.shards.index_writing import LeftOut
from lightning_taskonomy.data.shards.pack import Packing, PackPlan

_SHOWN = 20


def pack(
    source: Path,
    out: Path,
    split: Path | None = None,
    size: int | None = None,
    jpeg: int | None = None,
    domains: Names | None = None,
    shard_size: int | None = None,
    seed: int = 0,
    skip_damaged: bool = False,
    workers: int | None = None,
) -> None:
    """Pack a data folder into WebDataset shards: a folder per split, aligned tars per domain, an index.

    Splits are by building. Buildings are mixed, the views of a point stay together. Started again after a
    kill, it goes on where it stopped.

    Args:
        source: pictures with labels, in Omnidata's or the original layout
        out: folder for the shards
        split: list of splits: a CSV, or tiny, medium, full or fullplus; by default the only one in the folder
        size: pixels per side to resize to; by default as they are
        jpeg: store rgb as JPEG of this quality, 1 to 100; by default PNG
        domains: domains to pack; by default all
        shard_size: views per shard; by default 2048, fewer in small sets
        seed: of the mixing
        skip_damaged: pack without labels that cannot be read; otherwise the first one stops the packing
        workers: processes; by default one per core
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, found {workers}")
    found = find_splits(source, split)
    if found is None:
        raise InputError(f"{source}: no list of splits (splits.csv) in this folder; name one with --split")
    packing = Packing(Encoding(size, jpeg), domains, shard_size, seed)
    plan = PackPlan(source, out, read_splits(found), packing, skip_damaged)
    with progress("packing", len(plan)) as step:
        plan.run(workers or len(os.sched_getaffinity(0)), step)
    _say_left_out(plan.left_out())
    for name, jobs in plan.jobs.items():
        views = sum(len(job.views) for job in jobs)
        print(f"{name}: {views} views in {len(jobs)} shards of {len(plan.domains)} domains")
    print(f"written: {out}")


def _say_left_out(labels: Sequence[LeftOut]) -> None:
    for label in labels[:_SHOWN]:
        print(f"left out: {label.reason}", file=sys.stderr)
    if labels:
        print(f"left out: {len(labels)} damaged labels in all, listed in the index", file=sys.stderr)
