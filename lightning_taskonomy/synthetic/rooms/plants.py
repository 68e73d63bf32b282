"""Plants in pots."""

import numpy as np

from lightning_taskonomy.synthetic.render.mesh_shape import Whole, shape_of_vertices
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass, Semantic, Workshop
from lightning_taskonomy.synthetic.rooms.shapes import Floats, Shape, cylinder, disc, joined, revolved

_ALONG, _ACROSS = 7, 4


def potted_plant(shop: Workshop, tall: bool = False) -> Item:
    """A pot with soil and a bush of arching leaves."""
    pot_high = shop.between(0.26, 0.38) if tall else shop.between(0.1, 0.16)
    pot_wide = pot_high * shop.between(0.5, 0.62)
    pot = joined(
        [
            cylinder(pot_wide * 0.72, pot_high, 22, pot_wide),
            revolved(
                [
                    [pot_wide * 1.08, pot_high * 0.86],
                    [pot_wide * 1.1, pot_high * 1.01],
                    [pot_wide * 0.95, pot_high * 1.01],
                ],
                22,
            ),
        ]
    )
    pieces: list[tuple[Shape, int]] = [
        (pot, shop.material("clay") if shop.chance(0.6) else shop.material("glaze")),
        (disc(pot_wide * 0.95, pot_high * 1.012, True, 16), shop.material("soil")),
    ]
    leaf = shop.material("leaf")
    reach = shop.between(0.5, 1.0) if tall else shop.between(0.16, 0.3)
    turns, grids = [], []
    for number in range(shop.whole(18, 34)):
        turns.append(number * 2.4 + shop.between(-0.3, 0.3))
        lift = shop.between(0.35, 1.0)
        grids.append(_leaf(reach * shop.between(0.7, 1.1), lift, shop))
    bush = [shape.rotated(2, turn) for shape, turn in zip(_surfaces(np.array(grids)), turns, strict=True)]
    pieces.append((joined(bush).moved(z=pot_high), leaf))
    return Item(
        tuple(pieces),
        Semantic.POTTED_PLANT,
        ObjectClass.FLOWERPOT,
        2.2 * pot_wide,
        2.2 * pot_wide,
        pot_high + reach,
    )


def _leaf(length: float, lift: float, shop: Workshop) -> Floats:
    """A thin leaf that rises from the origin along +x, bends over and is concave along its midrib.

    Returns a grid of points, (along, across, 3).
    """
    steps, sides = np.linspace(0, 1, _ALONG + 1)[:, None], np.linspace(-1, 1, _ACROSS + 1)[None, :]
    droop, hollow = shop.between(0.3, 1.1), shop.between(0.15, 0.5)
    half = shop.between(0.08, 0.14) * length * np.sin(np.pi * np.clip(steps * 0.92 + 0.04, 0, 1)) ** 0.8
    x = length * steps * np.cos(lift * np.pi / 2 * (1 - 0.3 * steps))
    z = length * (steps * np.sin(lift * np.pi / 2) - droop * 0.5 * steps**2.5)
    return np.stack(np.broadcast_arrays(x, half * sides, z + hollow * half * sides**2), -1)


def _surfaces(grids: Floats) -> list[Shape]:
    """The surfaces of leaves (n, along, across, 3), all at once, since they share one triangulation."""
    count, points = len(grids), (_ALONG + 1) * (_ACROSS + 1)
    steps, sides = np.linspace(0, 1, _ALONG + 1)[:, None], np.linspace(-1, 1, _ACROSS + 1)[None, :]
    uv = _triangles(np.stack(np.broadcast_arrays(0.25 * steps, 0.05 * (sides + 1)), -1))
    numbers = _triangles(np.arange(points, dtype=np.float64).reshape(_ALONG + 1, _ACROSS + 1, 1))
    vertex: Whole = numbers.astype(np.int64).ravel()
    corners = grids.reshape(count, points, 3)[:, vertex].reshape(-1, 3, 3)
    every = (np.arange(count)[:, None] * points + vertex).ravel()
    # A leaf has no creases.
    normals, curvature = shape_of_vertices(corners, every, float(np.pi))
    parts = (np.split(values, count) for values in (corners, normals, curvature))
    return [Shape(own, up, uv, bends) for own, up, bends in zip(*parts, strict=True)]


def _triangles(grid: Floats) -> Floats:
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    both = [np.stack(corners, 2).reshape(-1, 3, grid.shape[-1]) for corners in ((a, b, c), (a, c, d))]
    return np.concatenate(both)
