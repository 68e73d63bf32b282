"""`requirements.lock`: the versions that were tested, each with the hashes of its files."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
APART = {"torch"}
"""Installed by itself, as it differs between machines with and without a GPU."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries() -> list[str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pinned(lines: list[str]) -> dict[str, str]:
    pins = [line.split()[0].split("==") for line in lines]
    return {canonical(name): version for name, version in pins}


def test_versions_are_those_of_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = pinned([line for line in lines if line and not line.startswith("#")])
    locked = pinned(entries())
    assert tested.keys() >= APART
    assert locked == {name: version for name, version in tested.items() if name not in APART}


def test_every_entry_has_hashes_and_nothing_else() -> None:
    for entry in entries():
        assert re.fullmatch(r"[\w.-]+==[\w.+!]+( +--hash=sha256:[0-9a-f]{64})+ *", entry), entry[:80]


def test_it_names_no_place() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"://|--(index|extra|find|trusted)|file:|@|^/", text, re.MULTILINE) is None
