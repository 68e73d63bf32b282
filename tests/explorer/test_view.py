"""Links restore the view that they were made from; malformed ones are refused with a message."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.view import View

NAMES = st.text(min_size=1, max_size=8)
NUMBERS = st.integers(0, 4000).map(lambda number: number / 8)
VIEWS = st.builds(
    View,
    table=NAMES,
    budget=NUMBERS,
    max_order=st.none() | st.integers(1, 30),
    source_only=st.lists(NAMES, unique=True).map(tuple),
    target_only=st.lists(NAMES, unique=True).map(tuple),
    importance=st.dictionaries(NAMES, NUMBERS),
    cost=st.dictionaries(NAMES, NUMBERS),
    measure=st.sampled_from(["gain", "quality"]),
    alternatives=st.sampled_from([0, 1, 3]),
    against=st.sampled_from(["nothing", "budget", "table"]),
    second_budget=NUMBERS,
    second_table=NAMES,
    stage=st.sampled_from(["before", "after"]),
    arrangement=st.sampled_from(["tree", "name"]),
    clusters=st.integers(1, 99),
    page=st.sampled_from(["taxonomy", "budgets", "affinities", "run"]),
)


@given(VIEWS)
def test_a_link_restores_the_view(view: View) -> None:
    assert View.read(view.query()) == view
    assert View.read("?" + view.query()) == view


def test_defaults_are_not_in_the_link() -> None:
    assert View().query() == ""
    assert View.read("") == View()


def test_unknown_keys_of_a_link_are_ignored() -> None:
    assert View.read("?budget=3&utm_source=mail") == View(budget=3)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("budget=many", "link: budget: expected a finite number, found 'many'"),
        ("budget=nan", "link: budget: expected a finite number, found 'nan'"),
        ("budget=", "link: budget: expected a finite number, found ''"),
        ("max_order=1.5", "link: max_order: expected a whole number, found '1.5'"),
        ("max_order=-1", "link: max_order: expected a whole number, found '-1'"),
        ("clusters=" + "9" * 5000, "link: clusters: expected a whole number"),
        ("alternatives=2", "link: alternatives: expected one of 0, 1, 3, found '2'"),
        ("importance=a", "link: importance: expected task=number, found 'a'"),
        ("cost=a=inf", "link: cost of a: expected a finite number, found 'inf'"),
        ("measure=loss", "link: measure: expected one of gain, quality, found 'loss'"),
        ("page=../etc", "link: page: expected one of taxonomy, budgets, affinities, run"),
    ],
)
def test_bad_links(query: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        View.read(query)
    assert str(caught.value).startswith(message)


def test_another_table_keeps_the_tasks_it_has() -> None:
    view = View(source_only=("a", "b"), importance={"a": 2, "c": 3}, cost={"c": 0}, budget=5)
    assert view.on("other", ["a"]) == View(
        table="other", source_only=("a",), importance={"a": 2}, cost={}, budget=5
    )


def test_links_may_use_any_name_of_a_task() -> None:
    view = View(source_only=("normal",), importance={"Z-depth": 2}, cost={"reshade": 0}, target_only=("c",))
    there = ["rgb2sfnorm", "rgb2depth", "reshade"]
    named = View(
        source_only=("rgb2sfnorm",), importance={"rgb2depth": 2}, cost={"reshade": 0}, target_only=("c",)
    )
    assert view.with_names_of(there) == named
    assert view.on("", there) == replace(named, target_only=())
    two = View(cost={"Normals": 1})
    assert two.on("", ["normal", "rgb2sfnorm"]) == View()
    with pytest.raises(InputError, match="link: cost: 'Normals' is ambiguous"):
        two.with_names_of(["normal", "rgb2sfnorm"])
