"""Packing a data folder into shards: in parallel, and resumed after a kill where it stopped."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.shards.cut import cut_into_shards, shard_size_for, views_by_split
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.data.shards.index import (
    LABEL_DOMAINS,
    LABELS,
    PICTURE_DOMAINS,
    PackedShard,
    shard_name,
    write_index,
)
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import make_folder, whole_file, write_text

_DONE = ".packed"
"""Folder of a split with a record per finished shard; removed when the index is written."""


@dataclass(frozen=True)
class Packing:
    """How a folder is packed.

    Attributes:
        encoding: of the pictures.
        domains: those to pack; None for all.
        shard_size: views per shard; None chooses by the number of views.
        seed: of the mixing of buildings.
    """

    encoding: Encoding = field(default_factory=Encoding)
    domains: tuple[str, ...] | None = None
    shard_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shard_size is not None and self.shard_size < 1:
            raise InputError(f"shard-size: expected at least 1 view, found {self.shard_size}")
        for domain in self.domains or ():
            if domain not in DOMAINS:
                raise InputError(f"domains: unknown domain {domain!r}; expected some of {', '.join(DOMAINS)}")


@dataclass(frozen=True)
class _Job:
    """One shard: the labels of its views, with paths that this machine can read."""

    root: Path
    split: str
    number: int
    domains: tuple[str, ...]
    encoding: Encoding
    labels: tuple[tuple[ViewName, Mapping[str, Path]], ...]

    @property
    def record(self) -> Path:
        return self.root / _DONE / f"{self.number:06d}.json"


class PackPlan:
    """What packing a folder will write: made first, so that a caller knows how much there is to do."""

    def __init__(self, source: Path, out: Path, split_of: Mapping[str, str], packing: Packing) -> None:
        """List the folder and deal its views to shards.

        Args:
            source: the data folder, in either layout.
            out: where the shards go; a folder per split.
            split_of: by building.
            packing: how.

        Raises:
            InputError: not a data folder, nothing to pack, or `out` holds shards packed otherwise.
        """
        folder = DataFolder.open(source)
        domains = tuple(d for d in folder.domains if packing.domains is None or d in packing.domains)
        if not domains:
            raise InputError(
                f"{source}: has none of the domains asked for; it has {', '.join(folder.domains)}"
            )
        labels = {building: folder.labels(building) for building in folder.buildings if building in split_of}
        splits = views_by_split({building: list(views) for building, views in labels.items()}, split_of)
        if not splits:
            raise InputError(f"{source}: none of its buildings is in any split")
        self.out, self.domains, self.packing = out, domains, packing
        self.jobs: dict[str, list[_Job]] = {}
        total = sum(map(len, splits.values()))
        size = packing.shard_size or shard_size_for(total)
        for split, views in splits.items():
            self.jobs[split] = [
                _Job(
                    out / split,
                    split,
                    number,
                    domains,
                    packing.encoding,
                    tuple((view, labels[view.building][view]) for view in shard),
                )
                for number, shard in enumerate(cut_into_shards(views, size, packing.seed))
            ]
        self.settings = {**asdict(packing), "domains": list(domains), "shard_size": size}
        self._refuse_other_settings()

    def __len__(self) -> int:
        """How many shards there are to write, finished ones included."""
        return sum(map(len, self.jobs.values()))

    def run(self, workers: int, after_each: Callable[[], None] = lambda: None) -> None:
        """Write the shards that are not there yet, then the indices.

        Args:
            workers: processes.
            after_each: called after each shard, to show progress.

        Raises:
            InputError: a label cannot be read, or a file cannot be written.
        """
        for split, jobs in self.jobs.items():
            root = make_folder(self.out / split)
            fingerprint = self._fingerprint(split)
            if (root / "index.json").exists():
                for _ in jobs:
                    after_each()
                continue
            for abandoned in root.glob(f"*/.{split}-*"):  # what a killed run was writing
                abandoned.unlink()
            write_text(root / _DONE / "plan.json", json.dumps(fingerprint) + "\n")
            for _ in _written([job for job in jobs if not job.record.exists()], workers):
                after_each()
            shards = [_read_record(job.record) for job in jobs]
            suffixes = {domain: self.packing.encoding.suffix(domain) for domain in self.domains}
            write_index(root, split, suffixes, shards, fingerprint)
            shutil.rmtree(root / _DONE)

    def _fingerprint(self, split: str) -> dict[str, Any]:
        """What must be equal for finished shards to be kept: settings, and which views there are."""
        keys = "\n".join(view.key for job in self.jobs[split] for view, _ in job.labels)
        return {**self.settings, "views": hashlib.sha256(keys.encode()).hexdigest()}

    def _refuse_other_settings(self) -> None:
        for split in self.jobs:
            for path, inner in (
                (self.out / split / "index.json", "settings"),
                (self.out / split / _DONE / "plan.json", None),
            ):
                if not path.exists():
                    continue
                try:
                    found = json.loads(path.read_text(encoding="utf-8"))
                    found = found if inner is None else found[inner]
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path}: not written by this command ({error})") from error
                if found != json.loads(json.dumps(self._fingerprint(split))):
                    raise InputError(
                        f"{self.out / split}: holds shards of other views or settings; choose another folder"
                    )


def _written(jobs: Sequence[_Job], workers: int) -> Iterator[None]:
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            _write_shard(job)
            yield
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn")) as pool:
        waiting = [pool.submit(_write_shard, job) for job in jobs]
        try:
            for done in as_completed(waiting):
                done.result()
                yield
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _write_shard(job: _Job) -> None:
    """Write every file of a shard, then its record: without the record, a shard counts as not written."""
    places: dict[str, list[tuple[int, int] | None]] = {}
    sha256: dict[str, str] = {}
    for domain in (d for d in job.domains if d in PICTURE_DOMAINS):
        path = job.root / domain / shard_name(job.split, job.number, "tar")
        with whole_file(path) as temporary:
            places[domain] = _write_tar(temporary, job, domain)
            sha256[domain] = _sha256(temporary)
    low = [domain for domain in job.domains if domain in LABEL_DOMAINS]
    present = {domain: [domain in labels for _, labels in job.labels] for domain in low}
    if low:
        path = job.root / LABELS / shard_name(job.split, job.number, "parquet")
        with whole_file(path) as temporary:
            _write_labels(temporary, job, low)
            sha256[LABELS] = _sha256(temporary)
    record = {
        "keys": [view.key for view, _ in job.labels],
        "places": places,
        "present": present,
        "sha256": sha256,
    }
    write_text(job.record, json.dumps(record))


def _write_tar(path: Path, job: _Job, domain: str) -> list[tuple[int, int] | None]:
    """Write one domain of a shard; the same bytes for the same labels. Returns where each member lies."""
    import webdataset  # takes its time

    suffix = job.encoding.suffix(domain)
    with webdataset.TarWriter(str(path), user="", group="", mtime=0.0, encoder=False) as writer:
        for view, labels in job.labels:
            if domain in labels:
                writer.write({"__key__": view.key, suffix: job.encoding.encode(labels[domain], domain)})
    with tarfile.open(path) as tar:
        found = {member.name: (member.offset_data, member.size) for member in tar}
    return [found.get(f"{view.key}.{suffix}") for view, _ in job.labels]


def _write_labels(path: Path, job: _Job, domains: Sequence[str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {"key": pa.array([view.key for view, _ in job.labels], pa.string())}
    for domain in domains:
        values = [_label(labels[domain], domain) if domain in labels else None for _, labels in job.labels]
        kind = pa.string() if DOMAINS[domain].suffix == "json" else pa.list_(pa.float32())
        columns[domain] = pa.array(values, kind)
    parquet.write_table(pa.table(columns), path)


def _label(path: Path, domain: str) -> Any:  # noqa: ANN401 - a string or a vector
    try:
        if DOMAINS[domain].suffix == "json":
            text = path.read_text(encoding="utf-8")
            json.loads(text)
            return text
        return np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot read this label ({error})") from error


def _read_record(path: Path) -> PackedShard:
    found = json.loads(path.read_text(encoding="utf-8"))
    places = {
        domain: [None if place is None else (place[0], place[1]) for place in its]
        for domain, its in found["places"].items()
    }
    return PackedShard(found["keys"], places, found["present"], found["sha256"])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
