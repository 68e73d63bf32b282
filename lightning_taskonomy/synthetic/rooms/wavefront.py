"""Parses Wavefront models (.obj, .mtl) in memory: triangles by material, and the materials' colours."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lightning_taskonomy.synthetic.rooms.shapes import Floats

MOST_TRIANGLES = 40_000


@dataclass(frozen=True)
class Look:
    """A material: its colour (sRGB, 0 to 1) and the name of its texture, or None."""

    colour: tuple[float, float, float] = (0.7, 0.7, 0.7)
    picture: str | None = None


@dataclass
class Mesh:
    """Triangles by material name.

    Attributes:
        corners: Per material, (n, 3, 3).
        uv: Per material, (n, 3, 2).
        libraries: Names of material files.
    """

    corners: dict[str, Floats] = field(default_factory=dict)
    uv: dict[str, Floats] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)


@dataclass
class _Lines:
    """The content of the lines of a model parsed so far."""

    places: list[list[float]] = field(default_factory=list)
    flat: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0]])
    faces: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)
    material: str = ""
    total: int = 0

    def take(self, words: list[str]) -> None:
        if words[0] == "v":
            x, y, z = (float(word) for word in words[1:4])
            self.places.append([x, y, z])
        elif words[0] == "vt":
            across, up = (float(word) for word in words[1:3])
            self.flat.append([across, up])
        elif words[0] == "usemtl":
            self.material = " ".join(words[1:])
        elif words[0] == "mtllib":
            self.libraries.append(" ".join(words[1:]))
        elif words[0] == "f":
            ends = [_corner(word, len(self.places), len(self.flat)) for word in words[1:]]
            corners = self.faces.setdefault(self.material, [])
            for second, third in pairwise(ends[1:]):
                corners += [ends[0], second, third]
                self.total += 1


def read_mesh(text: str) -> Mesh:
    """Read a model.

    Raises:
        ValueError: a line is malformed, no triangle is found, or there are more than `MOST_TRIANGLES`.
    """
    lines = _Lines()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        try:
            if words:
                lines.take(words)
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number}: {line.strip()[:60]!r} is malformed") from error
        if lines.total > MOST_TRIANGLES:
            raise ValueError(f"expected at most {MOST_TRIANGLES} triangles")
    corners, uv = np.array(lines.places), np.array(lines.flat)
    if not lines.total or not (np.isfinite(corners).all() and np.isfinite(uv).all()):
        raise ValueError("expected triangles with finite corners")
    mesh = Mesh(libraries=lines.libraries)
    for name, ends in lines.faces.items():
        if ends:
            rows = np.array(ends)
            mesh.corners[name] = corners[rows[:, 0]].reshape(-1, 3, 3)
            mesh.uv[name] = uv[rows[:, 1]].reshape(-1, 3, 2)
    return mesh


def _corner(word: str, places: int, flat: int) -> tuple[int, int]:
    """Rows of a corner's position and texture coordinates; counted from 1, or backwards if negative."""
    parts = word.split("/")
    place = int(parts[0])
    row = place - 1 if place > 0 else places + place
    side = int(parts[1]) if len(parts) > 1 and parts[1] else 0
    column = side if side >= 0 else flat + side
    if not (0 <= row < places and 0 <= column < flat):
        raise ValueError(word)
    return row, column


def read_looks(text: str) -> dict[str, Look]:
    """Read a material file; unsupported keywords are ignored.

    Raises:
        ValueError: a line is malformed.
    """
    looks: dict[str, Look] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        before = looks.get(name, Look())
        if words[0] == "newmtl":
            name = " ".join(words[1:])
            looks[name] = Look()
        elif words[0] == "Kd":
            try:
                red, green, blue = (min(max(float(word), 0.0), 1.0) for word in words[1:4])
            except ValueError as error:
                raise ValueError(f"line {number}: expected three numbers after Kd") from error
            looks[name] = Look((red, green, blue), before.picture)
        elif words[0] == "map_Kd":
            looks[name] = Look(before.colour, words[-1])
    return looks
