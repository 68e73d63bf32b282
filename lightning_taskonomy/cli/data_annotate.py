"""`data annotate`: the labels that need only a photo."""

import os
import sys
from pathlib import Path

from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.data.folder.splits import write_splits
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.photos import annotate_photos, find_photos


def annotate(images: Path, out: Path, size: int = 256, workers: int | None = None) -> None:
    """Make the labels that need only RGB from one's own photos, in Taskonomy's folder layout.

    Texture edges, 2D keypoints and 2D segments; autoencoding, denoising, in-painting, colorization and jigsaw
    need no more than the picture. A photo is cut to its central square. Photos annotated before are kept.

    Args:
        images: folder of photos, with subfolders; any format that Pillow reads
        out: folder to write to
        size: pixels per side
        workers: processes; by default one per core
    """
    if size < 32:
        raise InputError(f"size: expected at least 32 pixels, found {size}")
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, found {workers}")
    photos = find_photos(images)
    count = workers or len(os.sched_getaffinity(0))
    with output_folder(out):
        with progress("annotating", len(photos)) as step:
            problems = annotate_photos(photos, out, size, count, step)
        for problem in problems:
            print(f"left out: {problem}", file=sys.stderr)
        if len(problems) == len(photos):
            raise InputError(f"{images}: none of the {len(photos)} pictures can be read")
        write_splits(out / "splits.csv", DataFolder.open(out).buildings)
    print(f"written: {out}: labels of {len(photos) - len(problems)} photos, splits.csv")
