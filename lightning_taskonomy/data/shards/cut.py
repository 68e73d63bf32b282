"""Which views go into which shard: all views of a point together, buildings mixed, splits apart."""

from collections.abc import Mapping, Sequence

import numpy as np

from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.folder.splits import SPLITS

DEFAULT_SHARD_SIZE = 2048
_LEAST_SHARDS = 32
_LEAST_SHARD_SIZE = 16


def shard_size_for(views: int) -> int:
    """Views per shard: 2,048, or fewer in a small set, so that there are enough shards to shuffle."""
    return max(_LEAST_SHARD_SIZE, min(DEFAULT_SHARD_SIZE, -(-views // _LEAST_SHARDS)))


def cut_into_shards(views: Sequence[ViewName], shard_size: int, seed: int) -> list[list[ViewName]]:
    """Distribute the views of a split over shards; deterministic for given arguments.

    Points are shuffled over all buildings, so that any shard, and any run of samples, mixes buildings. The
    views of a point stay together and in order, because pairs and triplets are formed from neighbours; a
    shard may therefore exceed its size by the views of one point minus one.

    Args:
        views: of the split, in any order.
        shard_size: views per shard.
        seed: of the shuffling.
    """
    of_point: dict[tuple[str, int], list[ViewName]] = {}
    for view in sorted(views):
        of_point.setdefault((view.building, view.point), []).append(view)
    points = list(of_point.values())
    order = np.random.default_rng(seed).permutation(len(points))
    shards: list[list[ViewName]] = []
    for index in order:
        if not shards or len(shards[-1]) >= shard_size:
            shards.append([])
        shards[-1] += points[index]
    return shards


def views_by_split(
    views: Mapping[str, Sequence[ViewName]], split_of: Mapping[str, str]
) -> dict[str, list[ViewName]]:
    """The views of every split that has any.

    Args:
        views: by building.
        split_of: by building; buildings without a split are left out.
    """
    found: dict[str, list[ViewName]] = {}
    for split in SPLITS:
        of_split = [
            view
            for building, building_views in views.items()
            if split_of.get(building) == split
            for view in building_views
        ]
        if of_split:
            found[split] = of_split
    return found
