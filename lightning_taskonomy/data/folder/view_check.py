"""What can be wrong with the labels of one view, each by itself and side by side."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from lightning_taskonomy.data.domains import DEPTH_INVALID
from lightning_taskonomy.data.folder.label_check import Values, check_label
from lightning_taskonomy.data.folder.names import ViewName

Size = tuple[int, int]
"""Width and height in pixels."""

Finding = tuple[Path, str, str]
"""Of which file, the kind of damage, and what was found."""

_SWAPPED_SHARE = 0.01
"""Share of pixels nearer than their z-depth from which on two depth pictures are taken to be confused."""


def check_view(view: ViewName, files: Mapping[str, Path]) -> tuple[list[Finding], dict[Path, Size]]:
    """Read all labels of a view.

    Args:
        view: which.
        files: by domain, where its labels lie.

    Returns:
        What is wrong, and the sizes of the pictures that can be read.
    """
    findings: list[Finding] = []
    pictures: dict[str, Values] = {}
    for domain, path in files.items():
        own, values = check_label(path, domain, view)
        findings += [(path, kind, found) for kind, found in own]
        if values is not None:
            pictures[domain] = values
    findings += _confused_depths(pictures, files)
    return findings, {
        files[domain]: (values.shape[1], values.shape[0]) for domain, values in pictures.items()
    }


def _confused_depths(pictures: Mapping[str, Values], files: Mapping[str, Path]) -> Iterator[Finding]:
    """A surface is never nearer to the camera than its depth along the view: if so, the files are swapped."""
    distance, depth = pictures.get("depth_euclidean"), pictures.get("depth_zbuffer")
    if distance is None or depth is None or distance.shape != depth.shape or distance.ndim != 2:
        return
    both = (distance != DEPTH_INVALID) & (depth != DEPTH_INVALID)
    # One unit of rounding in each.
    nearer = both & (distance.astype(np.int64) + 2 < depth.astype(np.int64))
    if nearer.sum() > _SWAPPED_SHARE * max(1, both.sum()):
        share = nearer.sum() / both.sum()
        yield (
            files["depth_euclidean"],
            "labels disagree",
            f"{share:.0%} of the pixels are nearer than their z-depth; are the two depths swapped?",
        )
