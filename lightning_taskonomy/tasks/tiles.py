"""Jigsaw: nine tiles in one of 100 orders, and which one it is (Noroozi and Favaro, ECCV 2016)."""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.tasks.pictures import COLOUR, smooth
from lightning_taskonomy.tasks.task import Example, Stored, ViewLabels

PERMUTATIONS = 100
_SIDE = 3
TILES = _SIDE * _SIDE
_CROP = 0.9


def tile_size(size: int) -> int:
    """Pixels per side of a tile of a picture of that size."""
    return int(_CROP * (size // _SIDE))


def read_jigsaw(views: Sequence[ViewLabels], size: int, random: np.random.Generator) -> Example:
    """Nine tiles, each a random crop of 0.9 of its cell's side, shuffled; the number of the permutation."""
    rgb = smooth(views[0]["rgb"], size)
    cell, tile = size // _SIDE, tile_size(size)
    number = int(random.integers(PERMUTATIONS))
    corners = random.integers(0, cell - tile + 1, (_SIDE * _SIDE, 2))
    tiles = []
    for place in permutations()[number].tolist():
        top, left = corners[place] + np.multiply(divmod(place, _SIDE), cell)
        tiles.append(Stored(rgb[top : top + tile, left : left + tile], COLOUR))
    return Example(tuple(tiles), np.array(number, np.int64))


@cache
def permutations() -> npt.NDArray[np.int64]:
    """100 permutations of nine places, (100, 9), far from each other in Hamming distance.

    Chosen one by one: the first at random from a fixed seed, then always one whose least distance to those
    chosen is largest, and of these the one with the largest sum (Algorithm 1 takes the sum alone).
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
