"""Loss tables: the loss of every contender for a target on every held-out image, read in blocks.

The file is Parquet, one per target, named `<target>.parquet`; or a folder of that name with the parts of a
table. It has a column `image` of string keys, an optional column `group`, and one numeric column per
contender, named like the `sources` of a transfers table.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.loss_columns import BLOCK_ROWS as BLOCK_ROWS
from lightning_taskonomy.taxonomy.loss_columns import IMAGE as IMAGE
from lightning_taskonomy.taxonomy.loss_columns import Block
from lightning_taskonomy.taxonomy.loss_columns import Floats as Floats
from lightning_taskonomy.taxonomy.transfers import sources_problem, target_problem


@dataclass(frozen=True)
class LossTable:
    """The losses of one target, in memory or on disk.

    Attributes:
        target: the task predicted.
        contenders: what competes for it, named like the `sources` of a transfers table.
        blocks: opens the table and yields it in blocks of at most `BLOCK_ROWS` images.
        origin: the table's source, for messages.
        groups: opens the table and yields the group of every image, in the same blocks.
        grouped: whether groups have their own column; else they are the first part of the keys.
    """

    target: str
    contenders: tuple[str, ...]
    blocks: Callable[[], Iterator[Block]]
    origin: str
    groups: Callable[[], Iterator[Sequence[str]]]
    grouped: bool = False

    def __post_init__(self) -> None:
        if problem := target_problem(self.target):
            raise InputError(f"{self.origin}: is named after its target; {problem}")
        seen: dict[tuple[str, ...], str] = {}
        for contender in self.contenders:
            sources = tuple(contender.split("+"))
            if problem := sources_problem(sources):
                raise InputError(
                    f"{self.origin}, column {contender!r}: expected different sources joined by +; {problem}"
                )
            key = tuple(sorted(sources))
            if key in seen:
                raise InputError(f"{self.origin}, column {contender!r}: the same contender as {seen[key]!r}")
            seen[key] = contender

    @classmethod
    def from_arrays(
        cls,
        target: str,
        images: Sequence[str],
        contenders: Sequence[str],
        losses: Floats,
        groups: Sequence[str] | None = None,
    ) -> "LossTable":
        """A table in memory; `losses` is (images, contenders); `groups` defaults to `groups_of(images)`.

        Raises:
            InputError: mismatched sizes, or invalid contender names.
        """
        losses = np.asarray(losses, np.float64)
        if losses.shape != (len(images), len(contenders)):
            raise InputError(
                f"losses of {target}: expected {len(images)} x {len(contenders)}, found {losses.shape}"
            )
        grouped = groups_of(images) if groups is None else groups
        if len(grouped) != len(images):
            raise InputError(f"losses of {target}: expected {len(images)} groups, found {len(grouped)}")
        starts = range(0, len(images), BLOCK_ROWS)

        def blocks() -> Iterator[Block]:
            return ((images[at : at + BLOCK_ROWS], losses[at : at + BLOCK_ROWS]) for at in starts)

        def group_blocks() -> Iterator[Sequence[str]]:
            return (grouped[at : at + BLOCK_ROWS] for at in starts)

        return cls(target, tuple(contenders), blocks, f"losses of {target}", group_blocks, groups is not None)

    @classmethod
    def read_parquet(cls, path: str | Path, target: str | None = None) -> "LossTable":
        """Open a Parquet file, or a folder of them; rows are read only when the blocks are iterated.

        Keys may be any string type, or categories; losses may be any numeric type, decimals, or categories
        of numbers. A saved pandas index is not a contender.

        Args:
            path: of the table.
            target: the task predicted; by default the name of the file or folder.

        Raises:
            InputError: no such file, not Parquet, or not a loss table; names the file and the column.
        """
        from lightning_taskonomy.taxonomy.loss_files import LossFiles  # pyarrow is slow to import

        files = LossFiles.open(Path(path))
        return cls(
            target or Path(path).stem,
            files.contenders,
            files.blocks,
            str(path),
            files.groups if files.grouped else lambda: (groups_of(keys) for keys in files.images()),
            files.grouped,
        )

    def write_parquet(self, folder: str | Path, grouped: bool = False) -> Path:
        """Write `<target>.parquet` into a folder, whole or not at all, and return its path.

        Args:
            folder: to write into.
            grouped: write the column `group` as well.

        Raises:
            InputError: the file cannot be written.
        """
        return self.write_to(Path(folder) / f"{self.target}.parquet", grouped)

    def write_to(self, path: Path, grouped: bool = False, notes: Mapping[str, str] | None = None) -> Path:
        """Write a file of any name, whole or not at all, and return its path.

        Args:
            path: of the file.
            grouped: write the column `group` as well.
            notes: stored in the file's metadata; `loss_files.notes_of` reads them.

        Raises:
            InputError: the file cannot be written.
        """
        from lightning_taskonomy.taxonomy.loss_files import write_file

        write_file(path, self.contenders, self.blocks(), self.groups() if grouped else None, notes)
        return path

    def whole(self) -> Block:
        """All image keys and losses, (images, contenders), at once: for tables that fit into memory."""
        blocks = list(self.blocks())
        images = [image for keys, _ in blocks for image in keys]
        empty = np.empty((0, len(self.contenders)))
        return images, np.concatenate([empty, *(losses for _, losses in blocks)])


def groups_of(images: Sequence[str]) -> list[str]:
    """The groups in image keys: the part before the first `/`; a key without one forms its own group."""
    return [image.partition("/")[0] for image in images]
