"""The plan of CONTRIBUTING.md, held against the imports of every module."""

import ast
import re
from collections import Counter
from pathlib import Path

import networkx
import pytest

_ROOT = Path(__file__).parents[1]
_PACKAGE = "lightning_taskonomy"
_LARGEST_SHARE = 0.15


@pytest.fixture(scope="module")
def modules() -> dict[str, Path]:
    found = {}
    for path in (_ROOT / _PACKAGE).rglob("*.py"):
        parts = path.relative_to(_ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@pytest.fixture(scope="module")
def imports(modules: dict[str, Path]) -> set[tuple[str, str]]:
    """From module to module, those for type checkers included."""
    found = set()
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
                for name in node.names:
                    whole = f"{node.module}.{name.name}"
                    found.add((module, whole if whole in modules else str(node.module)))
            elif isinstance(node, ast.Import):
                found |= {(module, name.name) for name in node.names if name.name.startswith(_PACKAGE)}
    return found


def _rooms() -> list[str]:
    """The rooms of the plan, ground floor first."""
    plan = (_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"`(\w+)/`", "\n".join(re.findall(r"^\| `.*?\|", plan, re.MULTILINE)))


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def test_every_room_is_in_the_plan(modules: dict[str, Path]) -> None:
    there = {_room(module) for module in modules} - {None}
    assert there == set(_rooms())


def test_rooms_import_from_floors_below_only(imports: set[tuple[str, str]]) -> None:
    floor = {room: number for number, room in enumerate(_rooms())}
    up = [
        (here, there)
        for here, there in imports
        if (a := _room(here)) and (b := _room(there)) and a != b and floor[b] > floor[a]
    ]
    assert up == []


def test_no_module_imports_itself_through_others(imports: set[tuple[str, str]]) -> None:
    graph = networkx.DiGraph([(here, there) for here, there in imports if here != there])
    assert [
        sorted(circle) for circle in networkx.strongly_connected_components(graph) if len(circle) > 1
    ] == []


def test_no_room_is_the_whole_house(modules: dict[str, Path]) -> None:
    lines: Counter[str | None] = Counter()
    for module, path in modules.items():
        lines[_room(module)] += path.read_text(encoding="utf-8").count("\n")
    room, most = lines.most_common(1)[0]
    assert most < _LARGEST_SHARE * lines.total(), f"{room}/ holds {most / lines.total():.1%} of the lines"
