"""Titles of tasks in figures: readable, distinct and never too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.taxonomy.figures.titles import title_of, titles_of


def test_titles_are_english_for_published_tasks_and_readable_for_others() -> None:
    assert title_of("rgb2sfnorm") == "Normals"
    assert title_of("my_own_task") == "My own task"


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["depth", "normal"], ["Depth", "Normals"]),
        (["depth", "Depth", "normal"], ["depth", "Depth", "Normals"]),
        (["edge_a", "edge a"], ["edge_a", "edge a"]),
        (["rgb2depth", "z-depth"], ["rgb2depth", "z-depth"]),
        (["inpainting_whole", "impainting_whole"], ["inpainting_whole", "impainting_whole"]),
        (["caf\u00e9", "cafe\u0301"], [r"caf\xe9", r"cafe\u0301"]),
        (["two\nlines", "a\u202eb"], [r"Two\nlines", r"A\u202eb"]),
    ],
)
def test_tasks_that_would_be_called_alike_go_by_their_names(tasks: list[str], expected: list[str]) -> None:
    assert titles_of(tasks) == dict(zip(tasks, expected, strict=True))


def test_a_long_name_loses_what_all_have_in_common() -> None:
    start, end = "distance_to_the_closest_", "_of_all_objects_that_are_there"
    names = [start + word + end for word in ("red", "green", "blue")]
    short = titles_of(names, 24)
    for name, word in zip(names, ("red", "green", "blue"), strict=True):
        assert word in short[name]
        assert short[name].startswith("Dist")
    assert titles_of([*names, "depth"], 24)["depth"] == "Depth"


NAMES = st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=12, unique=True)
ALIKE = st.lists(st.text("aAb_ \u0301\n", min_size=1, max_size=40), min_size=1, max_size=12, unique=True)


@given(NAMES | ALIKE, st.none() | st.integers(24, 40))
def test_no_two_tasks_are_called_alike(tasks: list[str], longest: int | None) -> None:
    titles = titles_of(tasks, longest)
    assert len(set(titles.values())) == len(tasks)
    for title in titles.values():
        assert longest is None or len(title) <= longest
        assert not any(letter in title for letter in "\n\r\t\0\u202e\u2028")
