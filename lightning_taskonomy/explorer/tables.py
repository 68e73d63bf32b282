"""The tables of transfers that the page can show: those given at start, and uploaded ones."""

import base64
import binascii
import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Transfer, Transfers
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix
from lightning_taskonomy.taxonomy.figures.titles import titles_of
from lightning_taskonomy.taxonomy.tree import VARIANTS, SimilarityTree, order_of_tasks

LONGEST_LABEL = 24
"""Maximum length of a task's name in graphs and plots; tables show it in full."""
LARGEST_UPLOAD = 8 * 2**20
"""Maximum bytes of an uploaded table; some 100,000 transfers."""
_UPLOADS_KEPT = 4 * LARGEST_UPLOAD
_UPLOADED = "upload-"
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Table:
    """A table, and cached values derived from it.

    Attributes:
        key: Its name in links.
        name: Its name on the page.
        transfers: Its content.
    """

    key: str
    name: str
    transfers: Transfers

    def with_names_of(self, other: "Table") -> "Table":
        """The same table with the task names of another table, under a different key.

        Raises:
            InputError: a name is ambiguous in the other table.
        """
        transfers = self.transfers.with_names_of(other.transfers.tasks)
        if transfers is self.transfers:
            return self
        return Table(f"{self.key} in names of {other.key}", self.name, transfers)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Unique titles of its tasks."""
        return titles_of(self.transfers.tasks)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Shortened titles for graphs and plots."""
        return titles_of(self.transfers.tasks, LONGEST_LABEL)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All tasks, with similar ones adjacent."""
        return order_of_tasks(self.transfers)

    @cached_property
    def sources(self) -> frozenset[str]:
        """The tasks that must be trained fully for at least one transfer."""
        return frozenset(task for transfer in self.transfers.candidates() for task in transfer.trained_tasks)

    @cached_property
    def ranked(self) -> dict[str, tuple[Transfer, ...]]:
        """The candidates of each target, strongest first."""
        by_target: dict[str, list[Transfer]] = {target: [] for target in self.transfers.targets}
        for transfer in self.transfers.candidates():
            by_target[transfer.target].append(transfer)
        return {
            target: tuple(sorted(rows, key=lambda row: (-(row.affinity or 0.0), row.label)))
            for target, rows in by_target.items()
        }

    @cached_property
    def highest_order(self) -> int:
        """The largest number of sources of a candidate."""
        return max((transfer.order for transfer in self.transfers.candidates()), default=1)

    @cached_property
    def matrix(self) -> AffinityMatrix:
        """The affinity matrix of first-order transfers.

        Raises:
            InputError: there are none.
        """
        return AffinityMatrix.from_transfers(self.transfers)

    @cached_property
    def tree(self) -> SimilarityTree:
        """The similarity tree, as `taxonomy tree` makes it.

        Raises:
            InputError: too few transfers.
        """
        return SimilarityTree.from_transfers(self.transfers, VARIANTS)


class Tables:
    """Tables by key; only the latest uploads are kept.

    Args:
        given: Files that the page is started with.

    Raises:
        InputError: a file is not a table of transfers.
    """

    def __init__(self, given: Sequence[Path] = ()) -> None:
        self._given: dict[str, Table] = {}
        for path in given:
            key = path.stem
            while key in self._given or key.startswith(_UPLOADED):
                key = f"{path.parent.name}-{key}" if key == path.stem else f"{key}-again"
            self._given[key] = Table(key, key, Transfers.read_csv(path))
        self._uploaded: OrderedDict[str, tuple[Table, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def given(self) -> tuple[Table, ...]:
        """The tables that the page was started with."""
        return tuple(self._given.values())

    def find(self, key: str) -> Table:
        """The table with this key; the first one for an empty key.

        Raises:
            InputError: there is no such table, or it has been evicted.
        """
        if not key and self._given:
            return next(iter(self._given.values()))
        if key in self._given:
            return self._given[key]
        with self._lock:
            if key in self._uploaded:
                self._uploaded.move_to_end(key)
                return self._uploaded[key][0]
        if key.startswith(_UPLOADED):
            raise InputError("link: its uploaded table is no longer available; upload it again")
        raise InputError(f"link: no table {key!r}; expected {' or '.join(self._given) or 'an uploaded one'}")

    def upload(self, name: str, content: bytes) -> Table:
        """Read an uploaded file and keep it; its key is a digest of the content, so that links stay valid.

        Args:
            name: Name of the file, for messages.
            content: At most `LARGEST_UPLOAD` bytes.

        Raises:
            InputError: it is too large, or not a table of transfers; the messages are the command line's.
        """
        if len(content) > LARGEST_UPLOAD:
            raise InputError(f"{name}: expected at most {LARGEST_UPLOAD:,} bytes, found {len(content):,}")
        key = _UPLOADED + hashlib.sha256(content).hexdigest()[:32]
        table = Table(key, name.removesuffix(".csv") or name, _read(name, content))
        with self._lock:
            self._uploaded[key] = (table, len(content))
            self._uploaded.move_to_end(key)
            while sum(size for _, size in self._uploaded.values()) > _UPLOADS_KEPT:
                self._uploaded.popitem(last=False)
        return table


def _read(name: str, content: bytes) -> Transfers:
    """Read through a temporary file, so that files and uploads share one reader and its messages."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(content)
        try:
            return replace(Transfers.read_csv(path), origin=name)
        except InputError as error:
            raise InputError(str(error).replace(str(path), name)) from error


def upload(tables: Tables, name: str, content: str) -> Table:
    """Add a file as sent by a browser.

    Args:
        tables: The tables to add it to.
        name: Name of the file; only the last part of the path is used, for messages.
        content: A base64 `data:` URL.

    Raises:
        InputError: it is not such a URL, too large, or not a table of transfers.
    """
    name = name.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:] or "upload"
    head, comma, body = content.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise InputError(f"{name}: expected a file, found something else")
    try:
        return tables.upload(name, base64.b64decode(body, validate=True))
    except binascii.Error as error:
        raise InputError(f"{name}: damaged in transmission; upload it again") from error
