"""`bank fetch`: the published networks, from the authors or a mirror."""

from pathlib import Path

from lightning_taskonomy.bank.fetch import fetch as fetch_file
from lightning_taskonomy.bank.fetch import published_files
from lightning_taskonomy.bank.published import PUBLISHED_AT
from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.output import make_folder


def fetch(weights: Path, task: tuple[str, ...] = (), mirror: str = PUBLISHED_AT) -> None:
    """Fetch published networks that are not there yet, and check them.

    Args:
        weights: folder for the files
        task: names of tasks; by default all, some four gigabytes
        mirror: address of the published files
    """
    files = published_files(task)
    make_folder(weights)
    with progress("fetching", len(files)) as step:
        fetched = 0
        for file in files:
            fetched += fetch_file(file, weights, mirror)
            step()
    print(f"{weights}: {fetched} files fetched, {len(files) - fetched} were there")
