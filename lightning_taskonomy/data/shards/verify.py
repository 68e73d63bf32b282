"""Verifying packed shards against their index: checksums, keys in order, places, and one sample each."""

import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.processes import in_processes
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.report import Problem
from lightning_taskonomy.data.shards.decode import decode_picture
from lightning_taskonomy.data.shards.index import LABEL_DOMAINS, LABELS, PICTURE_DOMAINS, SplitIndex

Member = tuple[str, int, int]
"""Name, offset and size."""


@dataclass(frozen=True)
class ShardCheck:
    """A shard's file to verify.

    Attributes:
        root: folder of the split.
        path: the file.
        sha256: what its checksum should be.
        domain: of its images; None for the file of low-dimensional labels.
        keys: of the samples, in order; for images, only of those that have a label.
        members: for images, what the tar should hold.
    """

    root: Path
    path: Path
    sha256: str
    domain: str | None
    keys: tuple[str, ...]
    members: tuple[Member, ...] = ()


def is_packed(folder: Path) -> bool:
    """Whether a folder holds packed splits."""
    return any(folder.glob("*/index.json"))


def unfinished_splits(folder: Path) -> list[Problem]:
    """Splits that were begun and have no index, which is written last."""
    begun = {path.parent for path in folder.glob("*/.packed")} | {
        path.parent.parent for path in folder.glob("*/*/*.tar")
    }
    return [
        Problem("not packed to its end", split.name, "no index.json: pack again to finish it")
        for split in sorted(begun)
        if not (split / "index.json").is_file()
    ]


def planned_checks(index: SplitIndex) -> list[ShardCheck]:
    """The checks of a split, one per file."""
    checks: list[ShardCheck] = []
    first = 0
    for shard, count in enumerate(index.samples.tolist()):
        span = range(first, first + count)
        first += count
        keys = tuple(index.keys[row] for row in span)
        sums = index.sha256[shard]
        for domain in (domain for domain in index.suffixes if domain in PICTURE_DOMAINS):
            members = tuple(
                (
                    f"{index.keys[row]}.{index.suffixes[domain]}",
                    int(index.offset[domain][row]),
                    int(index.size[domain][row]),
                )
                for row in span
                if index.present[domain][row]
            )
            path = index.path(shard, domain)
            checks.append(ShardCheck(index.root, path, sums.get(domain, ""), domain, keys, members))
        if any(domain in LABEL_DOMAINS for domain in index.suffixes):
            path = index.path(shard, LABELS)
            checks.append(ShardCheck(index.root, path, sums.get(LABELS, ""), None, keys))
    return checks


def verify_shards(
    checks: list[ShardCheck], workers: int, after_each: Callable[[], None] = lambda: None
) -> list[Problem]:
    """Verify the files of shards; the problems come in the order of their paths.

    Args:
        checks: of one split or several.
        workers: processes.
        after_each: called after each file, to show progress.
    """
    problems: list[Problem] = []
    for found in in_processes(_verify, [(check,) for check in checks], workers):
        problems += found
        after_each()
    return sorted(problems, key=lambda problem: (problem.path, problem.kind))


def _verify(check: ShardCheck) -> list[Problem]:
    place = str(check.path.relative_to(check.root.parent))
    try:
        found = sha256_of(check.path)
    except InputError as error:
        return [Problem("missing shard", place, str(error))]
    problems = []
    if found != check.sha256:
        problems.append(
            Problem("wrong checksum", place, f"expected {check.sha256[:12]}…, found {found[:12]}…")
        )
    wrong = _wrong_labels(check) if check.domain is None else _wrong_members(check, check.domain)
    return problems + ([Problem("shard and index disagree", place, wrong)] if wrong else [])


def _wrong_members(check: ShardCheck, domain: str) -> str | None:
    try:
        with tarfile.open(check.path) as tar:
            held = [(member.name, member.offset_data, member.size) for member in tar]
    except (OSError, tarfile.TarError) as error:
        return f"not a tar ({error})"
    for found, expected in zip(held, check.members, strict=False):
        if found != expected:
            return f"expected {expected[0]} at byte {expected[1]}, found {found[0]} at byte {found[1]}"
    if len(held) != len(check.members):
        return f"expected {len(check.members)} members, found {len(held)}"
    return _wrong_picture(check, domain) if held else None


def _wrong_picture(check: ShardCheck, domain: str) -> str | None:
    name, offset, size = check.members[0]
    with check.path.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    try:
        decode_picture(content, DOMAINS[domain])
    except (OSError, SyntaxError, ValueError) as error:
        return f"{name}: cannot read this picture ({error})"
    return None


def _wrong_labels(check: ShardCheck) -> str | None:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(check.path)
        keys = table["key"].to_pylist()
        if keys != list(check.keys):
            return f"expected the {len(check.keys)} keys of the index, found {len(keys)} others"
        for text in table["point_info"].to_pylist()[:1] if "point_info" in table.column_names else ():
            if text is not None:
                json.loads(text)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return f"not a table of labels ({error})"
    return None
