import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.higher_order import HigherOrderPlan
from lightning_taskonomy.pipeline.settings import TransferSettings

RANKED = [f"task{number}" for number in range(7)]
SETTINGS = st.builds(
    TransferSettings,
    max_order=st.integers(1, 9),
    best=st.integers(1, 8),
    combined_up_to=st.integers(1, 9),
)


@given(SETTINGS, st.permutations(RANKED), st.integers(1, len(RANKED)))
def test_exactly_the_combinations_that_the_settings_ask_for(
    settings: TransferSettings, order_of_ranks: list[str], several: int
) -> None:
    ranked = order_of_ranks[:several]
    plan = HigherOrderPlan.of("target", ranked, settings, None)
    expected = set()
    for included in itertools.product([False, True], repeat=several):  # every set there is
        chosen = [name for name, wanted in zip(ranked, included, strict=True) if wanted]
        order, worst = len(chosen), max((ranked.index(name) for name in chosen), default=0)
        if not 2 <= order <= settings.max_order:
            continue
        combined = order <= settings.combined_up_to and worst < settings.best
        beam = order > settings.combined_up_to and worst == order - 1
        if combined or beam:
            expected.add("+".join(chosen))
    assert set(plan.transfers) == expected
    assert len(plan.transfers) == len(expected)


@given(SETTINGS, st.permutations(RANKED))
def test_orders_rise_and_sources_stand_by_rank(settings: TransferSettings, ranked: list[str]) -> None:
    plan = HigherOrderPlan.of("target", ranked, settings, None)
    orders = [name.count("+") + 1 for name in plan.transfers]
    assert orders == sorted(orders)
    for name in plan.transfers:
        ranks = [ranked.index(source) for source in name.split("+")]
        assert ranks == sorted(set(ranks))


def test_as_published() -> None:
    """The paper, section 3.2: all combinations of the five best up to order 5, one of each order above."""
    ranked = [f"task{number}" for number in range(25)]
    plan = HigherOrderPlan.of("target", ranked, TransferSettings(max_order=24), None)
    per_order = [sum(name.count("+") + 1 == order for name in plan.transfers) for order in range(2, 25)]
    assert per_order == [10, 10, 5, 1, *[1] * 19]


@given(SETTINGS, st.permutations(RANKED), st.one_of(st.none(), st.floats(0.001, 1e6)))
def test_a_plan_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    settings: TransferSettings,
    ranked: list[str],
    seconds: float | None,
) -> None:
    path = tmp_path_factory.getbasetemp() / "plan.csv"
    plan = HigherOrderPlan.of("target", ranked, settings, seconds)
    plan.write(path)
    read = HigherOrderPlan.read(path, "target")
    assert read.transfers == plan.transfers
    if plan.transfers:
        assert read.estimated_seconds == seconds


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"plan.csv: expected a plan of transfers, a CSV \(.*No such file"),
        ("target,order\nnormal,2\n", "plan.csv: expected a plan of transfers, a CSV"),
        (
            "target,sources,order,estimated_seconds\nother,a+b,2,1\n",
            "expected transfers to normal, found one to other",
        ),
        (
            "target,sources,order,estimated_seconds\nnormal,a+b,2,soon\n",
            "plan.csv: expected a plan of transfers",
        ),
    ],
)
def test_damaged_plans(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "plan.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        HigherOrderPlan.read(path, "normal")
