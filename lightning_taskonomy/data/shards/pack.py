"""Packing a data folder into shards: in parallel, and resumed where a kill has stopped it."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import make_folder, write_text
from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.conventions import require_real_conventions
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.shards.cut import cut_into_shards, shard_size_for, views_by_split
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.data.shards.index_writing import LeftOut, write_index
from lightning_taskonomy.data.shards.shard_writing import RECORDS, ShardJob, read_record, write_shard
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS, require_conventions

_LONGEST_NAME = 120
"""Bytes of a building's name: tar headers hold at most 155 bytes of a folder's name."""


@dataclass(frozen=True)
class Packing:
    """How a folder is packed.

    Attributes:
        encoding: of the images.
        domains: those to pack; None for all.
        shard_size: views per shard; None chooses by the number of views.
        seed: for mixing the buildings.
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


class PackPlan:
    """What packing a folder will write: made first, so that the caller knows the number of shards."""

    def __init__(
        self,
        source: Path,
        out: Path,
        split_of: Mapping[str, str],
        packing: Packing,
        skip_damaged: bool = False,
    ) -> None:
        """List the folder and distribute its views over shards.

        Args:
            source: the data folder, in either layout.
            out: where the shards go; a folder per split.
            split_of: by building.
            packing: how to pack.
            skip_damaged: pack without labels that are damaged; otherwise the first one stops the packing.

        Raises:
            InputError: not a data folder, nothing to pack, a building that cannot be part of a key, labels of
                other conventions than real files have, or `out` holds shards packed with other settings.
        """
        folder = DataFolder.open(source)
        domains = tuple(d for d in folder.domains if packing.domains is None or d in packing.domains)
        if not domains:
            raise InputError(
                f"{source}: has none of the requested domains; it has {', '.join(folder.domains)}"
            )
        named = [building for building in folder.buildings if building in split_of]
        for building in named:
            _refuse_bad_name(folder, building)
        # Views only: the paths of all labels of the whole set would fill the memory.
        splits = views_by_split({building: list(folder.labels(building)) for building in named}, split_of)
        if not splits:
            raise InputError(f"{source}: none of its buildings is in any split")
        require_real_conventions(folder, [view for views in splits.values() for view in views], domains)
        self.out, self.domains, self.packing = out, domains, packing
        self.jobs: dict[str, list[ShardJob]] = {}
        total = sum(map(len, splits.values()))
        size = packing.shard_size or shard_size_for(total)
        for split, views in splits.items():
            shards = cut_into_shards(views, size, packing.seed)
            self.jobs[split] = [
                ShardJob(
                    folder, out / split, split, number, domains, packing.encoding, tuple(shard), skip_damaged
                )
                for number, shard in enumerate(shards)
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
            _remove_leftovers(root, split)
            missing = (
                [] if (root / "index.json").exists() else [job for job in jobs if not job.record.exists()]
            )
            for _ in range(len(jobs) - len(missing)):
                after_each()
            if (root / "index.json").exists():
                shutil.rmtree(root / RECORDS, ignore_errors=True)  # a kill may have prevented this
                continue
            fingerprint = self._fingerprint(split)
            write_text(root / RECORDS / "plan.json", json.dumps(fingerprint) + "\n")
            for _ in in_processes(write_shard, [(job,) for job in missing], workers):
                after_each()
            suffixes = {domain: self.packing.encoding.suffix(domain) for domain in self.domains}
            write_index(root, split, suffixes, partial(map, read_record, jobs), fingerprint)
            shutil.rmtree(root / RECORDS)

    def left_out(self) -> list[LeftOut]:
        """The damaged labels that finished splits have been packed without."""
        found: list[LeftOut] = []
        for split in self.jobs:
            head = json.loads((self.out / split / "index.json").read_text(encoding="utf-8"))
            found += [LeftOut(**entry) for entry in head.get("left_out", ())]
        return found

    def _fingerprint(self, split: str) -> dict[str, Any]:
        """What must be equal for finished shards to be kept: the settings and the views."""
        keys = "\n".join(view.key for job in self.jobs[split] for view in job.views)
        views = hashlib.sha256(keys.encode()).hexdigest()
        return {**self.settings, "views": views, "conventions": LABEL_CONVENTIONS}

    def _refuse_other_settings(self) -> None:
        for split in self.jobs:
            for path, inner in (
                (self.out / split / "index.json", "settings"),
                (self.out / split / RECORDS / "plan.json", None),
            ):
                if not path.exists():
                    continue
                try:
                    found = json.loads(path.read_text(encoding="utf-8"))
                    found = found if inner is None else found[inner]
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path}: not written by this command ({error})") from error
                if isinstance(found, dict):
                    require_conventions(found.get("conventions"), str(path.parent), "choose another folder")
                if found != json.loads(json.dumps(self._fingerprint(split))):
                    raise InputError(
                        f"{self.out / split}: holds shards of other views or settings; choose another folder"
                    )


def _refuse_bad_name(folder: DataFolder, building: str) -> None:
    # A key ends at its first dot: what follows would be read as the suffix.
    if "." in building or len(building.encode()) > _LONGEST_NAME:
        raise InputError(
            f"{folder.root}: building {building!r}: expected a name without dots, "
            f"of up to {_LONGEST_NAME} bytes"
        )


def _remove_leftovers(root: Path, split: str) -> None:
    """Remove what a killed run has left under a temporary name."""
    for pattern in (f"*/.{split}-*", ".index-*", f"{RECORDS}/.*"):
        for path in root.glob(pattern):
            path.unlink(missing_ok=True)
