"""Jigsaw: predict in which of 100 orders nine tiles are shuffled (Noroozi and Favaro, ECCV 2016)."""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.resizing import central_square, resized
from lightning_taskonomy.tasks.pictures import COLOUR
from lightning_taskonomy.tasks.task import Example, Stored, ViewLabels

PERMUTATIONS = 100
_SIDE = 3
TILES = _SIDE * _SIDE
_CROP = 0.9


def read_jigsaw(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Nine shuffled tiles, each (size, size, 3), and the index of the permutation.

    Each tile is a random crop of 0.9 of its cell's side. Tiles are cut from the stored image before resizing,
    to avoid blur.
    """
    rgb = central_square(views[0]["rgb"])
    cell = len(rgb) // _SIDE
    crop = int(_CROP * cell)
    if crop < 1:
        raise ValueError(f"expected at least {2 * _SIDE} pixels per side, found {len(rgb)}")
    number = int(random.integers(PERMUTATIONS))
    corners = random.integers(0, cell - crop + 1, (_SIDE * _SIDE, 2))
    tiles = []
    for place in permutations()[number].tolist():
        top, left = corners[place] + np.multiply(divmod(place, _SIDE), cell)
        tiles.append(Stored(resized(rgb[top : top + crop, left : left + crop], size), COLOUR))
    return Example(tuple(tiles), np.array(number, np.int64))


@cache
def permutations() -> npt.NDArray[np.int64]:
    """100 permutations of nine places, (100, 9), far from each other in Hamming distance.

    They are chosen greedily: the first at random with a fixed seed, then each time the permutation whose
    minimum distance to those chosen is largest; ties are broken by the largest sum of distances. Algorithm 1
    uses only the sum: the set published with Taskonomy has the same mean distance, 8.08, but a minimum of 2
    instead of 6.
    """
    every = np.array(list(itertools.permutations(range(_SIDE * _SIDE))), np.int8)
    random = np.random.default_rng(0)
    chosen = [int(random.integers(len(every)))]
    least = np.full(len(every), _SIDE * _SIDE + 1, np.int16)
    summed = np.zeros(len(every), np.int32)
    while len(chosen) < PERMUTATIONS:
        distance = (every != every[chosen[-1]]).sum(axis=1)
        least = np.minimum(least, distance)
        summed += distance
        farthest = np.flatnonzero(least == least.max())
        chosen.append(int(farthest[summed[farthest].argmax()]))
    return every[chosen].astype(np.int64)
