from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.data.folder.names import ViewName
from lightning_taskonomy.data.shards.cut import cut_into_shards, shard_size_for, views_by_split

views_of_points = st.dictionaries(
    st.tuples(st.sampled_from(["ash", "birch", "cedar"]), st.integers(0, 30)), st.integers(1, 5), min_size=1
)


def views(counts: dict[tuple[str, int], int]) -> list[ViewName]:
    return [ViewName(building, point, view) for (building, point), n in counts.items() for view in range(n)]


@given(views_of_points, st.integers(1, 20), st.integers(0, 99))
def test_every_view_is_in_one_shard_and_points_stay_together(
    counts: dict[tuple[str, int], int], size: int, seed: int
) -> None:
    given_views = views(counts)
    shards = cut_into_shards(given_views, size, seed)
    dealt = [view for shard in shards for view in shard]
    assert sorted(dealt) == sorted(given_views)
    for shard in shards:
        assert len(shard) < size + max(counts.values())
    starts = [
        index
        for index, view in enumerate(dealt)
        if index == 0 or (view.building, view.point) != (dealt[index - 1].building, dealt[index - 1].point)
    ]
    assert len(starts) == len(counts)
    assert shards == cut_into_shards(given_views[::-1], size, seed)


def test_buildings_are_mixed() -> None:
    given_views = views(
        {(building, point): 2 for building in ("ash", "birch", "cedar") for point in range(60)}
    )
    for shard in cut_into_shards(given_views, 60, 0):
        assert len({view.building for view in shard}) == 3


def test_small_sets_get_shards_enough_and_large_ones_the_usual_size() -> None:
    assert shard_size_for(144) == 16
    assert shard_size_for(3200) == 100
    assert shard_size_for(4_600_000) == 2048


def test_views_follow_their_buildings_split() -> None:
    given_views = {building: [ViewName(building, 0, 0)] for building in ("ash", "birch", "cedar")}
    found = views_by_split(given_views, {"ash": "test", "birch": "train"})
    assert found == {"train": given_views["birch"], "test": given_views["ash"]}
