"""`taxonomy import`: the authors' own measurements as a table of transfers."""

import sys
from pathlib import Path
from typing import Literal

from lightning_taskonomy.taxonomy.published_results import PublishedResults, gap_line


def import_(*, published: Path, out: Path, amount: Literal["16k", "1k", "default"] = "16k") -> None:
    """Turn the measurements that the authors of Taskonomy published into a table of transfers.

    Nothing in the folder is run: its pickles may hold plain numbers and nothing else. What is missing or no
    finite number becomes an empty cell, counted and named.

    Args:
        published: the folder results/ of github.com/StanfordVL/taskonomy, or the repository itself
        out: the table of transfers to write, a CSV
        amount: images that the readouts were trained on: 16k, 1k, or default (the files without an ending)
    """
    results = PublishedResults.read(published, amount)
    results.transfers.write_csv(out)
    for what, names in results.gaps.items():
        print(gap_line(what, names), file=sys.stderr)
    table = results.transfers
    print(f"{len(table)} transfers to {len(table.targets)} targets, between {len(table.tasks)} tasks")
    print(f"written: {out}")
