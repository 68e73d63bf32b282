"""`data annotate`: the labels that need only a photo."""

import os
import sys
from pathlib import Path

from lightning_taskonomy.cli.progress import progress
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.data.folder.splits import write_splits
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.photos import NOTE, annotate_photos, claim, find_photos


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
    find_photos(images)  # before anything is written
    count = workers or len(os.sched_getaffinity(0))
    with output_folder(out):
        photos = claim(out, images, size)
        with progress("annotating", len(photos)) as step:
            found = annotate_photos(photos, out, size, count, step)
        for line in found.notes:
            print(line, file=sys.stderr)
        for line in found.left_out:
            print(f"left out: {line}", file=sys.stderr)
        if not found.labelled:
            (out / NOTE).unlink()
            raise InputError(f"{images}: none of the {len(photos)} pictures can be read")
        write_splits(out / "splits.csv", DataFolder.open(out).buildings)
    print(f"written: {out}: labels of {found.labelled} photos, splits.csv")
