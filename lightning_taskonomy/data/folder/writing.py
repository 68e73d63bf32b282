"""Writing the labels of a view in Omnidata's layout, each file whole or not at all."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.core.output import whole_file, write_text
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import label_path

_PNG_EFFORT = 1
"""zlib level: with runs of equal bytes as the only matches (`Z_RLE`), other levels change nothing."""


def write_labels(root: Path, building: str, point: int, view: int, labels: Mapping[str, Any]) -> None:
    """Write the labels of a view, each file whole or not at all; `point_info` last, to mark completion.

    Args:
        root: the data folder.
        building: name of the building.
        point: number of the point.
        view: number of the view of that point.
        labels: by domain, an array, or a dictionary for JSON.

    Raises:
        InputError: a file cannot be written.
    """
    for domain, label in sorted(labels.items(), key=lambda entry: entry[0] == "point_info"):
        path = label_path(root, domain, building, point, view)
        if DOMAINS[domain].suffix == "json":
            write_text(path, json.dumps(label, indent=1))
            continue
        with whole_file(path) as temporary:
            if DOMAINS[domain].suffix == "npy":
                np.save(temporary, label, allow_pickle=False)
            else:
                _save_png(temporary, label)


def view_is_finished(root: Path, building: str, point: int, view: int) -> bool:
    """Whether an earlier run has written all labels of a view."""
    return label_path(root, "point_info", building, point, view).exists()


def _save_png(path: Path, label: npt.NDArray[Any]) -> None:
    # Pillow takes the mode from the array: RGB for three dimensions, I;16 for 16 bits. Rows of differences
    # between neighbours hold runs and hardly any other repeats: files are 3 % larger than at level 3 with all
    # matches, in two thirds of its time.
    Image.fromarray(label).save(path, format="PNG", compress_level=_PNG_EFFORT, compress_type=zlib.Z_RLE)
