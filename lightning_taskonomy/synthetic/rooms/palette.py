"""The materials of one building: a few variants of each kind, created on first use."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.synthetic.render.scene import Colour, Material
from lightning_taskonomy.synthetic.rooms import textures

Random = np.random.Generator
Picture = npt.NDArray[np.uint8]

_WOODS: list[Colour] = [
    (0.72, 0.53, 0.36), (0.55, 0.36, 0.22), (0.36, 0.23, 0.15), (0.82, 0.68, 0.50), (0.62, 0.44, 0.30),
    (0.88, 0.80, 0.68),
]  # fmt: skip
_FABRICS: list[Colour] = [
    (0.30, 0.38, 0.47), (0.58, 0.27, 0.22), (0.76, 0.70, 0.60), (0.33, 0.41, 0.31), (0.45, 0.44, 0.44),
    (0.80, 0.62, 0.30), (0.20, 0.25, 0.34), (0.62, 0.48, 0.52), (0.87, 0.84, 0.78), (0.25, 0.45, 0.47),
    (0.52, 0.35, 0.45),
]  # fmt: skip
_WALLS: list[Colour] = [
    (0.93, 0.91, 0.86), (0.85, 0.88, 0.86), (0.80, 0.85, 0.90), (0.93, 0.86, 0.74), (0.76, 0.82, 0.72),
    (0.90, 0.80, 0.76), (0.72, 0.74, 0.78), (0.95, 0.94, 0.92), (0.62, 0.70, 0.72), (0.86, 0.78, 0.84),
]  # fmt: skip
_PAINTS: list[Colour] = [
    (0.93, 0.93, 0.91), (0.22, 0.24, 0.27), (0.55, 0.64, 0.62), (0.80, 0.74, 0.62), (0.34, 0.42, 0.50),
    (0.86, 0.87, 0.90),
]  # fmt: skip
_BRIGHTS: list[Colour] = [
    (0.75, 0.20, 0.16), (0.16, 0.36, 0.62), (0.85, 0.66, 0.18), (0.18, 0.46, 0.32), (0.50, 0.22, 0.44),
    (0.88, 0.86, 0.80), (0.12, 0.14, 0.18), (0.78, 0.42, 0.20),
]  # fmt: skip
_VARIANTS = {
    "book": 10,
    "glaze": 8,
    "glass": 5,
    "fabric": 5,
    "painting": 6,
    "cushion": 5,
    "rug": 4,
    "wall": 5,
    "dry floor": 4,
    "curtain": 5,
}


def linear(colour: Colour) -> Colour:
    """An sRGB colour as linear light."""
    values = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return (values[0], values[1], values[2])


class Palette:
    """Creates materials and stores the size of their textures.

    Attributes:
        materials: All materials so far; elsewhere a material is referred to by its index.
        textures: Their textures.
        sizes: Size of one repeat of each material's texture in both directions, metres.
    """

    def __init__(self, random: Random) -> None:
        self.materials: list[Material] = []
        self.textures: list[Picture] = []
        self.sizes: list[tuple[float, float]] = []
        self._random = random
        self._made: dict[str, list[int]] = {}

    def plain(self, material: Material) -> int:
        """A material without a texture."""
        self.materials.append(material)
        self.sizes.append((1.0, 1.0))
        return len(self.materials) - 1

    def textured(self, picture: Picture, size: tuple[float, float], material: Material) -> int:
        """A material with a texture of the given size in metres."""
        self.textures.append(picture)
        self.materials.append(replace(material, texture=len(self.textures) - 1))
        self.sizes.append(size)
        return len(self.materials) - 1

    def pick(self, kind: str, random: Random) -> int:
        """One of the building's few materials of a kind in `KINDS`."""
        variants = self._made.setdefault(kind, [])
        choice = int(random.integers(_VARIANTS.get(kind, 3)))
        while len(variants) <= choice:
            variants.append(KINDS[kind](self, self._random))
        return variants[choice]

    def fitted(self, picture: Picture, size: tuple[float, float], source: int) -> int:
        """A copy of a material with a texture that fills a panel of the given size once."""
        return self.textured(picture, size, replace(self.materials[source], texture=-1, tint=(1.0, 1.0, 1.0)))


def _one(random: Random, colours: list[Colour], spread: float = 0.03) -> Colour:
    base = np.array(colours[int(random.integers(len(colours)))]) + random.normal(0, spread, 3)
    red, green, blue = np.clip(base, 0.03, 0.97)
    return (float(red), float(green), float(blue))


def _wood(palette: Palette, random: Random) -> int:
    look = Material(specular=0.04, gloss=40, mirror=0.012)
    return palette.textured(textures.wood(random, _one(random, _WOODS)), (1.2, 0.6), look)


def _floor_dry(palette: Palette, random: Random) -> int:
    look = Material(specular=0.05, gloss=60, mirror=0.03)
    kind = random.random()
    if kind < 0.55:
        return palette.textured(textures.planks(random, _one(random, _WOODS)), (1.6, 0.85), look)
    if kind < 0.75:
        return palette.textured(textures.parquet(random, _one(random, _WOODS)), (1.2, 1.2), look)
    if kind < 0.9:
        return palette.textured(textures.carpet(random, _one(random, _FABRICS)), (0.8, 0.8), Material())
    return palette.textured(
        textures.concrete(random, (0.62, 0.61, 0.59)), (2.0, 2.0), replace(look, mirror=0.02)
    )


def _floor_wet(palette: Palette, random: Random) -> int:
    look = Material(specular=0.08, gloss=120, mirror=0.04)
    kind = random.random()
    light = _one(random, [(0.85, 0.84, 0.80), (0.60, 0.62, 0.64), (0.78, 0.70, 0.60)])
    if kind < 0.4:
        return palette.textured(textures.tiles(random, light, (0.55, 0.54, 0.52), 4, 4), (1.3, 1.3), look)
    if kind < 0.6:
        dark = _one(random, [(0.15, 0.15, 0.17), (0.40, 0.20, 0.16), (0.20, 0.30, 0.36)])
        return palette.textured(textures.checkered(random, light, dark), (1.2, 1.2), look)
    if kind < 0.8:
        return palette.textured(textures.terrazzo(random, light), (1.0, 1.0), look)
    return palette.textured(
        textures.marble(random, (0.90, 0.89, 0.87)), (1.5, 1.5), replace(look, mirror=0.06)
    )


def _wall(palette: Palette, random: Random) -> int:
    kind = random.random()
    colour = _one(random, _WALLS, 0.02)
    if kind < 0.55:
        return palette.textured(textures.plaster(random, colour), (1.5, 1.5), Material())
    other = tuple(float(np.clip(c * random.uniform(0.80, 0.92), 0, 1)) for c in colour)
    second = (other[0], other[1], other[2])
    if kind < 0.7:
        return palette.textured(textures.stripes(random, colour, second), (1.0, 1.0), Material())
    if kind < 0.87:
        return palette.textured(textures.damask(random, colour, second), (1.1, 1.1), Material())
    brick = _one(random, [(0.58, 0.30, 0.22), (0.80, 0.76, 0.72), (0.46, 0.30, 0.26)])
    return palette.textured(
        textures.tiles(random, brick, (0.72, 0.69, 0.65), 4, 12, True), (1.0, 0.95), Material()
    )


def _wall_tiled(palette: Palette, random: Random) -> int:
    colour = _one(random, [(0.92, 0.93, 0.93), (0.70, 0.80, 0.82), (0.90, 0.86, 0.78), (0.45, 0.58, 0.60)])
    look = Material(specular=0.08, gloss=150, mirror=0.03)
    across, down = (5, 5) if random.random() < 0.5 else (3, 6)
    return palette.textured(
        textures.tiles(random, colour, (0.75, 0.75, 0.73), across, down, across == 3), (0.9, 0.9), look
    )


def _ceiling(palette: Palette, random: Random) -> int:
    return palette.textured(textures.plaster(random, (0.95, 0.95, 0.93)), (2.0, 2.0), Material())


def _fabric(palette: Palette, random: Random) -> int:
    colour = _one(random, _FABRICS)
    if random.random() < 0.2:
        return palette.textured(
            textures.stripes(random, colour, _one(random, _FABRICS), 10), (0.6, 0.6), Material()
        )
    return palette.textured(textures.fabric(random, colour), (0.3, 0.3), Material())


def _linen(palette: Palette, random: Random) -> int:
    colour = _one(random, [(0.94, 0.94, 0.92), (0.88, 0.90, 0.94), (0.95, 0.90, 0.84)])
    return palette.textured(textures.fabric(random, colour), (0.3, 0.3), Material())


def _stone(palette: Palette, random: Random) -> int:
    look = Material(specular=0.08, gloss=150, mirror=0.04)
    colour = _one(random, [(0.90, 0.89, 0.87), (0.30, 0.30, 0.32), (0.70, 0.66, 0.60)])
    draw = textures.marble if random.random() < 0.6 else textures.terrazzo
    return palette.textured(draw(random, colour), (1.2, 1.2), look)


def _paint(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=linear(_one(random, _PAINTS)), specular=0.05, gloss=50, mirror=0.015))


def _boards(palette: Palette, random: Random) -> int:
    """Matt boards: round ones that reflect lamps would glitter."""
    if random.random() < 0.5:
        return palette.textured(textures.wood(random, _one(random, _WOODS)), (1.2, 0.6), Material())
    return palette.plain(Material(tint=linear(_one(random, _PAINTS + _WALLS))))


def _white_goods(palette: Palette, random: Random) -> int:
    if random.random() < 0.5:
        return _steel(palette, random)
    return palette.plain(Material(tint=(0.80, 0.80, 0.79), specular=0.08, gloss=120, mirror=0.03))


def _steel(palette: Palette, random: Random) -> int:
    grey = float(random.uniform(0.66, 0.76))
    look = Material(specular=0.35, gloss=60, mirror=0.12)
    return palette.textured(textures.brushed_metal(random, (grey, grey, grey * 1.01)), (0.5, 0.5), look)


def _chrome(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.5, 0.5, 0.52), specular=0.5, gloss=200, mirror=0.55))


def _black(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.02, 0.02, 0.023), specular=0.08, gloss=150, mirror=0.04))


def _porcelain(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.84, 0.84, 0.82), specular=0.12, gloss=250, mirror=0.045))


def _glaze(palette: Palette, random: Random) -> int:
    return palette.plain(
        Material(tint=linear(_one(random, _BRIGHTS, 0.06)), specular=0.12, gloss=200, mirror=0.04)
    )


def _glass(palette: Palette, random: Random) -> int:
    colour = _one(random, [(0.15, 0.35, 0.20), (0.35, 0.22, 0.10), (0.72, 0.82, 0.82), (0.15, 0.28, 0.45)])
    return palette.plain(Material(tint=linear(colour), specular=0.3, gloss=300, mirror=0.07))


def _mirror(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.1, 0.1, 0.1), specular=0.1, gloss=400, mirror=0.88))


def _leaf(palette: Palette, random: Random) -> int:
    colour = _one(random, [(0.22, 0.45, 0.18), (0.30, 0.52, 0.25), (0.16, 0.36, 0.22)])
    return palette.textured(textures.foliage(random, colour), (0.25, 0.1), Material(specular=0.03, gloss=30))


def _clay(palette: Palette, random: Random) -> int:
    return palette.textured(
        textures.concrete(random, _one(random, [(0.72, 0.42, 0.30), (0.8, 0.78, 0.74)])),
        (0.6, 0.6),
        Material(),
    )


def _wicker(palette: Palette, random: Random) -> int:
    colour = _one(random, [(0.66, 0.50, 0.32), (0.45, 0.32, 0.20), (0.80, 0.70, 0.54)])
    return palette.textured(textures.wicker(random, colour), (0.25, 0.25), Material())


def _soil(palette: Palette, random: Random) -> int:
    return palette.textured(textures.carpet(random, (0.18, 0.13, 0.10)), (0.4, 0.4), Material())


def _lampshade(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.85, 0.80, 0.70), emission=(1.5, 1.25, 0.9)))


def _lit_panel(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.9, 0.9, 0.9), emission=(4.0, 3.7, 3.2)))


def _book(palette: Palette, random: Random) -> int:
    return palette.textured(
        textures.book_cover(random, _one(random, _BRIGHTS, 0.06)), (0.16, 0.24), Material(specular=0.03)
    )


def _paper(palette: Palette, random: Random) -> int:
    return palette.plain(Material(tint=(0.82, 0.79, 0.70)))


def _painting(palette: Palette, random: Random) -> int:
    return palette.textured(textures.painting(random), (1.0, 1.0), Material(specular=0.02))


def _rug(palette: Palette, random: Random) -> int:
    colours = [_one(random, _FABRICS) for _ in range(4)]
    return palette.textured(textures.rug(random, colours), (1.0, 1.0), Material())


def _screen(palette: Palette, random: Random) -> int:
    if random.random() < 0.5:
        return _black(palette, random)
    glow = Material(tint=(0.3, 0.3, 0.3), emission=(0.25, 0.3, 0.4), specular=0.05, gloss=200, mirror=0.03)
    return palette.textured(textures.screen(random), (1.0, 1.0), glow)


def _clock(palette: Palette, random: Random) -> int:
    return palette.textured(textures.clock_face(random), (1.0, 1.0), Material(specular=0.03))


def _curtain(palette: Palette, random: Random) -> int:
    colour = _one(random, _FABRICS + _WALLS)
    if random.random() < 0.3:
        return palette.textured(
            textures.stripes(random, colour, _one(random, _WALLS), 6), (0.5, 0.5), Material()
        )
    return palette.textured(textures.fabric(random, colour), (0.3, 0.3), Material())


KINDS: dict[str, Callable[[Palette, Random], int]] = {
    "wood": _wood,
    "dry floor": _floor_dry,
    "wet floor": _floor_wet,
    "wall": _wall,
    "tiled wall": _wall_tiled,
    "ceiling": _ceiling,
    "fabric": _fabric,
    "cushion": _fabric,
    "linen": _linen,
    "stone": _stone,
    "paint": _paint,
    "boards": _boards,
    "white goods": _white_goods,
    "steel": _steel,
    "chrome": _chrome,
    "black": _black,
    "porcelain": _porcelain,
    "glaze": _glaze,
    "glass": _glass,
    "mirror": _mirror,
    "leaf": _leaf,
    "clay": _clay,
    "soil": _soil,
    "wicker": _wicker,
    "lampshade": _lampshade,
    "lit panel": _lit_panel,
    "book": _book,
    "paper": _paper,
    "painting": _painting,
    "rug": _rug,
    "screen": _screen,
    "clock": _clock,
    "curtain": _curtain,
}
"""Function that creates each kind of material."""
