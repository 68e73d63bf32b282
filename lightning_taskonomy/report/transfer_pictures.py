"""A run's images of its transfers, where they win and where they lose."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from lightning_taskonomy.core.errors import InputError

Extreme = Literal["win", "loss"]
EXTREMES: Mapping[str, Extreme] = {"win": "win", "loss": "loss"}

FOLDER, INDEX = "pictures", "index.csv"
COLUMNS = ("transfer", "extreme", "image", "loss", "loss_from_scratch", "loss_of_full", "picture")
PARTS = ("input", "label", "this transfer", "from scratch", "full supervision")
"""The parts of a strip, from left to right."""


@dataclass(frozen=True)
class Shown:
    """A test image on which a transfer does especially well or badly.

    Attributes:
        transfer: sources joined by +.
        extreme: whether the transfer is furthest ahead of training from scratch here, or furthest behind.
        image: key of the test image.
        loss: of the transfer.
        loss_from_scratch: of the network that was trained from scratch on as little data.
        loss_of_full: of the fully supervised network.
        path: of the strip, JPEG.
    """

    transfer: str
    extreme: Extreme
    image: str
    loss: float
    loss_from_scratch: float
    loss_of_full: float
    path: Path

    @property
    def picture(self) -> bytes:
        """The content of the JPEG: input, label, this transfer, from scratch, full supervision.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True)
class TransferPictures:
    """The images of a run's transfers.

    Attributes:
        run: folder of the run.
    """

    run: Path

    @cached_property
    def targets(self) -> list[str]:
        """The targets that have images."""
        return sorted(path.parent.name for path in (self.run / FOLDER).glob(f"*/{INDEX}"))

    def of(self, target: str) -> list[Shown]:
        """The images of a target's transfers; empty if none have been drawn.

        Raises:
            InputError: the index is damaged, or names a file in another folder.
        """
        if target not in self.targets:
            return []
        path = self.run / FOLDER / target / INDEX
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))
        except (OSError, UnicodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if not rows or tuple(rows[0]) != COLUMNS:
            raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}")
        return [_shown(path, number, row) for number, row in enumerate(rows[1:], 2)]


def _shown(index: Path, number: int, row: Sequence[str]) -> Shown:
    try:
        transfer, extreme, image, *losses, name = row
        loss, scratch, full = map(float, losses)
    except ValueError:
        raise InputError(
            f"{index}: row {number}: expected {len(COLUMNS)} values, three of them losses"
        ) from None
    if extreme not in EXTREMES:
        raise InputError(f"{index}: row {number}: expected win or loss, found {extreme!r}")
    if not all(map(math.isfinite, (loss, scratch, full))):
        raise InputError(f"{index}: row {number}: expected finite losses")
    if Path(name).name != name or not name.endswith(".jpg"):
        raise InputError(f"{index}: row {number}: expected a .jpg file beside this one, found {name!r}")
    return Shown(transfer, EXTREMES[extreme], image, loss, scratch, full, index.parent / name)
