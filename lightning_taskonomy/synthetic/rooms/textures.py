"""Procedural textures: seamless sRGB images, drawn with a random generator."""

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Colour = tuple[float, float, float]

SIDE = 256


def _noise(random: np.random.Generator, power: float, stretch: float = 1.0, side: int = SIDE) -> Floats:
    """Seamless noise (side, side) with mean 0 and deviation 1; a higher power is smoother.

    `stretch` above 1 lengthens features along the rows.
    """
    rows, columns = np.fft.fftfreq(side)[:, None] * side, np.fft.rfftfreq(side)[None, :] * side
    frequency = np.hypot(rows, columns * stretch)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(random.standard_normal((side, side))) / frequency**power
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return np.asarray(noise / noise.std())


def _painted(colour: npt.ArrayLike, shade: Floats) -> Floats:
    return np.asarray(colour, np.float64) * shade[..., None]


def _bytes(picture: Floats) -> Picture:
    return np.asarray(np.clip(np.rint(picture * 255), 0, 255), dtype=np.uint8)


def _grid() -> tuple[Floats, Floats]:
    steps = np.arange(SIDE) / SIDE
    columns, rows = np.meshgrid(steps, steps)
    return rows, columns


def planks(random: np.random.Generator, colour: Colour, boards: int = 6) -> Picture:
    """Floor boards along the columns, with staggered ends, grain and dark joints."""
    rows, columns = _grid()
    board = np.floor(rows * boards).astype(int)
    offset = random.random(boards)[board]
    piece = np.floor((columns + offset) * 2).astype(int) % 2
    tones = random.normal(1.0, 0.09, (boards, 2))
    warmth = random.normal(0.0, 0.015, (boards, 2))
    grain = _noise(random, 1.1, 0.08)
    rolled = np.stack([np.roll(grain[row], int(offset[row, 0] * 997)) for row in range(SIDE)])
    shade = tones[board, piece] * (1 + 0.07 * rolled)
    joint = np.minimum(rows * boards % 1, 1 - rows * boards % 1) < 0.02
    end = np.minimum((columns + offset) * 2 % 1, 1 - (columns + offset) * 2 % 1) < 0.006
    shade = np.where(joint | end, shade * 0.55, shade)
    picture = _painted(colour, shade)
    picture[..., 0] += warmth[board, piece]
    return _bytes(picture)


def parquet(random: np.random.Generator, colour: Colour) -> Picture:
    """Blocks of narrow staves in alternating directions."""
    rows, columns = _grid()
    block = (np.floor(rows * 4) + np.floor(columns * 4)).astype(int) % 2
    along = np.where(block == 0, rows, columns)
    stave = np.floor(along * 16).astype(int)
    other = np.floor(np.where(block == 0, columns, rows) * 4).astype(int)
    tones = random.normal(1.0, 0.1, (16, 4, 2))
    grain = np.where(block == 0, _noise(random, 1.1, 0.1), _noise(random, 1.1, 0.1).T)
    shade = tones[stave, other, block] * (1 + 0.06 * grain)
    joint = np.minimum(along * 16 % 1, 1 - along * 16 % 1) < 0.05
    return _bytes(_painted(colour, np.where(joint, shade * 0.7, shade)))


def wood(random: np.random.Generator, colour: Colour) -> Picture:
    """A sawn board: growth rings bent by noise, grain along the columns."""
    rows, _ = _grid()
    bent = rows * 4 + 0.22 * _noise(random, 2.1, 0.2)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * bent)
    shade = 0.94 + 0.08 * rings + 0.05 * _noise(random, 0.9, 0.05)
    return _bytes(_painted(colour, shade))


def tiles(
    random: np.random.Generator,
    colour: Colour,
    grout: Colour,
    across: int,
    down: int,
    staggered: bool = False,
) -> Picture:
    """Tiles or bricks with joints; every tile has its own tone."""
    rows, columns = _grid()
    row = np.floor(rows * down).astype(int)
    shifted = columns + (0.5 / across) * (row % 2) * staggered
    column = np.floor(shifted * across).astype(int) % across
    tones = random.normal(1.0, 0.045, (down, across))
    shade = tones[row, column] * (1 + 0.025 * _noise(random, 1.2))
    width = 0.018
    edge_rows = np.minimum(rows * down % 1, 1 - rows * down % 1) / down
    edge_columns = np.minimum(shifted * across % 1, 1 - shifted * across % 1) / across
    edge = np.minimum(edge_rows, edge_columns)
    inside = np.clip((edge - width / 3) / (width / 4), 0, 1)[..., None]
    picture = inside * _painted(colour, shade) + (1 - inside) * _painted(
        grout, 1 + 0.06 * _noise(random, 0.5)
    )
    return _bytes(picture)


def checkered(random: np.random.Generator, first: Colour, second: Colour, squares: int = 4) -> Picture:
    """Squares of two colours, as in old kitchens or table cloths."""
    rows, columns = _grid()
    odd = (np.floor(rows * squares) + np.floor(columns * squares)) % 2
    base = np.where(odd[..., None] > 0, np.array(first), np.array(second))
    return _bytes(base * (1 + 0.03 * _noise(random, 1.3))[..., None])


def marble(random: np.random.Generator, colour: Colour) -> Picture:
    """Stone with thin dark veins."""
    veins = np.abs(_noise(random, 1.6)) + 0.25 * np.abs(_noise(random, 1.2))
    shade = 1.0 - 0.38 * np.exp(-9 * veins) + 0.03 * _noise(random, 1.5)
    return _bytes(_painted(colour, shade))


def terrazzo(random: np.random.Generator, colour: Colour) -> Picture:
    """Chips of several colours on a light background."""
    picture = _painted(colour, 1 + 0.02 * _noise(random, 1.0))
    for _ in range(4):
        chips = _noise(random, 1.15) > 1.75
        picture[chips] = np.clip(np.array(colour) * random.uniform(0.35, 1.1, 3), 0, 1)
    return _bytes(picture)


def carpet(random: np.random.Generator, colour: Colour) -> Picture:
    """Short pile: coarse fuzz over a faint weave."""
    rows, columns = _grid()
    weave = np.sin(2 * np.pi * 64 * rows) * np.sin(2 * np.pi * 64 * columns)
    shade = 1 + 0.10 * _noise(random, 0.35) + 0.04 * weave + 0.03 * _noise(random, 1.5)
    return _bytes(_painted(colour, shade))


def fabric(random: np.random.Generator, colour: Colour) -> Picture:
    """A plain weave with threads of uneven tone."""
    rows, columns = _grid()
    over = np.sin(2 * np.pi * 42 * rows) * np.sin(2 * np.pi * 42 * columns)
    threads = random.normal(0, 0.04, SIDE)[:, None] + random.normal(0, 0.04, SIDE)[None, :]
    return _bytes(_painted(colour, 1 + 0.09 * over + threads + 0.03 * _noise(random, 1.2)))


def wicker(random: np.random.Generator, colour: Colour) -> Picture:
    """Rods woven over and under upright stakes."""
    rows, columns = _grid()
    row = np.floor(rows * 16).astype(int)
    over = np.sin(2 * np.pi * (columns * 8 + 0.5 * (row % 2)))
    rod = np.sin(np.pi * (rows * 16 % 1))
    return _bytes(_painted(colour, 0.45 + 0.45 * rod * (0.75 + 0.25 * over) + 0.04 * _noise(random, 0.8)))


def stripes(random: np.random.Generator, first: Colour, second: Colour, count: int = 6) -> Picture:
    """Vertical stripes: wallpaper, curtains or upholstery."""
    _, columns = _grid()
    wave = columns * count % 1
    base = np.where((wave < 0.5)[..., None], np.array(first), np.array(second))
    line = np.abs(wave - 0.5) < 0.03
    base = np.where(line[..., None], base * 0.85, base)
    return _bytes(base * (1 + 0.02 * _noise(random, 0.8))[..., None])


def damask(random: np.random.Generator, first: Colour, second: Colour, count: int = 4) -> Picture:
    """Wallpaper with a repeated ornament of petals."""
    rows, columns = _grid()
    row = np.floor(rows * count)
    x = (columns * count + 0.5 * (row % 2)) % 1 - 0.5
    y = rows * count % 1 - 0.5
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    petals = int(random.integers(3, 6))
    flower = radius < 0.22 + 0.14 * np.cos(petals * angle)
    heart = radius < 0.07
    base = np.where((flower & ~heart)[..., None], np.array(second), np.array(first))
    return _bytes(base * (1 + 0.02 * _noise(random, 0.9))[..., None])


def plaster(random: np.random.Generator, colour: Colour) -> Picture:
    """A painted wall: nearly even, with roller marks."""
    return _bytes(_painted(colour, 1 + 0.012 * _noise(random, 0.9) + 0.01 * _noise(random, 1.8)))


def concrete(random: np.random.Generator, colour: Colour) -> Picture:
    """Cloudy grey with pores."""
    shade = 1 + 0.07 * _noise(random, 1.5) + 0.02 * _noise(random, 0.3)
    pores = _noise(random, 0.8) > 2.9
    return _bytes(_painted(colour, np.where(pores, shade * 0.75, shade)))


def brushed_metal(random: np.random.Generator, colour: Colour) -> Picture:
    """Steel with fine lines along the columns."""
    return _bytes(_painted(colour, 1 + 0.04 * _noise(random, 0.4, 0.02)))


def foliage(random: np.random.Generator, colour: Colour) -> Picture:
    """A leaf: a pale midrib and side veins on green."""
    rows, columns = _grid()
    middle = np.exp(-((rows - 0.5) ** 2) / 0.0008)
    side = np.abs(np.sin(2 * np.pi * (columns * 6 + np.abs(rows - 0.5) * 3))) > 0.97
    shade = 1 + 0.3 * middle + 0.12 * side + 0.08 * _noise(random, 1.4)
    return _bytes(_painted(colour, shade))


def rug(random: np.random.Generator, colours: list[Colour]) -> Picture:
    """A whole rug: borders around a field of lozenges."""
    rows, columns = _grid()
    edge = np.minimum(np.minimum(rows, 1 - rows), np.minimum(columns, 1 - columns))
    count = int(random.integers(3, 7))
    lozenge = np.abs(rows * count % 1 - 0.5) + np.abs(columns * count % 1 - 0.5)
    index = np.where(lozenge < 0.22, 2, np.where(lozenge < 0.34, 1, 0))
    index = np.where(edge < 0.12, 1, index)
    index = np.where((edge < 0.09) & (edge > 0.05), 3, index)
    index = np.where(edge < 0.02, 0, index)
    base = np.array(colours)[index]
    return _bytes(base * (1 + 0.08 * _noise(random, 0.35) + 0.03 * _noise(random, 1.5))[..., None])


def painting(random: np.random.Generator) -> Picture:
    """A picture for a frame: a landscape, or soft shapes of colour."""
    rows, columns = _grid()
    if random.random() < 0.5:
        sky, far, near = (
            random.uniform(low, high, 3) for low, high in ((0.5, 0.95), (0.3, 0.6), (0.1, 0.45))
        )
        picture = sky * (1.1 - 0.4 * rows[..., None]) + 0.03 * _noise(random, 1.8)[..., None]
        for level, colour in ((0.5, far), (0.66, near), (0.82, near * 0.6)):
            ridge = level + 0.07 * _noise(random, 1.5)[0]
            picture = np.where(
                (rows > ridge[None, :])[..., None], colour * (1.2 - 0.4 * columns[..., None]), picture
            )
        return _bytes(picture)
    picture = np.ones((SIDE, SIDE, 3)) * random.uniform(0.6, 0.95, 3)
    for _ in range(9):
        y, x, radius = random.random(), random.random(), random.uniform(0.08, 0.3)
        inside = (
            np.hypot(rows - y, columns - x) < radius
            if random.random() < 0.6
            else np.maximum(np.abs(rows - y), np.abs(columns - x)) < radius * 0.8
        )
        picture[inside] = 0.25 * picture[inside] + 0.75 * random.uniform(0.05, 0.95, 3)
    return _bytes(picture * (1 + 0.03 * _noise(random, 0.8))[..., None])


def screen(random: np.random.Generator) -> Picture:
    """A television image: a bright, blurred scene."""
    hue = random.uniform(0.1, 0.9, 3)
    picture = np.stack([0.45 + 0.2 * _noise(random, 1.9) for _ in range(3)], -1) * (0.4 + hue)
    return _bytes(np.clip(picture, 0.02, 0.9))


def clock_face(random: np.random.Generator) -> Picture:
    """Twelve marks and two hands on a light background."""
    rows, columns = _grid()
    x, y = columns - 0.5, 0.5 - rows
    radius, angle = np.hypot(x, y), np.arctan2(x, y)
    picture = np.ones((SIDE, SIDE, 3)) * random.uniform(0.85, 1.0, 3)
    hour = np.abs((angle / (2 * np.pi) * 12 + 0.5) % 1 - 0.5)
    ink = (radius > 0.36) & (radius < 0.43) & (hour * radius < 0.022)
    for length, width, turn in ((0.24, 0.022, random.random()), (0.36, 0.013, random.random())):
        along = x * np.sin(2 * np.pi * turn) + y * np.cos(2 * np.pi * turn)
        aside = np.abs(x * np.cos(2 * np.pi * turn) - y * np.sin(2 * np.pi * turn))
        ink |= (along > -0.04) & (along < length) & (aside < width)
    picture[ink | (radius < 0.03)] = random.uniform(0.02, 0.15, 3)
    return _bytes(picture)


def book_cover(random: np.random.Generator, colour: Colour) -> Picture:
    """Cloth with two gilt bands and a title block; used for spines and covers alike."""
    rows, columns = _grid()
    picture = _painted(colour, 1 + 0.05 * _noise(random, 0.5))
    band = (np.abs(rows - 0.12) < 0.015) | (np.abs(rows - 0.88) < 0.015)
    title = (np.abs(rows - 0.35) < 0.09) & (np.abs(columns - 0.5) < 0.3) & (np.sin(rows * 160) > -0.2)
    picture[band | title] = np.clip(np.array([0.85, 0.75, 0.45]) * random.uniform(0.7, 1.15), 0, 1)
    return _bytes(picture)
