"""Schedules against closed forms, and against the bounds that hold for every list schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.pipeline.schedule import Schedule

Work = tuple[dict[str, list[str]], dict[str, float]]


@st.composite
def plans(draw: st.DrawFn) -> Work:
    number = draw(st.integers(1, 12))
    names = [f"job{place}" for place in range(number)]
    needs = {
        name: sorted(draw(st.sets(st.sampled_from(names[:place]), max_size=3))) if place else []
        for place, name in enumerate(names)
    }
    seconds = {name: float(draw(st.integers(1, 20))) for name in names}
    return needs, seconds


def longest_chain(needs: dict[str, list[str]], seconds: dict[str, float]) -> float:
    def ending(job: str) -> float:
        return seconds[job] + max(map(ending, needs[job]), default=0.0)

    return max(map(ending, needs))


@given(plans(), st.integers(1, 5))
def test_no_job_is_early_and_no_device_does_two(work: Work, devices: int) -> None:
    needs, seconds = work
    schedule = Schedule.of(needs, seconds, devices)
    assert schedule.starts.keys() == needs.keys()
    ends = {job: start + seconds[job] for job, start in schedule.starts.items()}
    for job, before in needs.items():
        assert all(ends[need] <= schedule.starts[job] for need in before)
    for moment in schedule.starts.values():
        running = [job for job in needs if schedule.starts[job] <= moment < ends[job]]
        assert len(running) <= devices


@given(plans(), st.integers(1, 5))
def test_it_takes_between_the_best_possible_and_twice_that(work: Work, devices: int) -> None:
    needs, seconds = work
    whole = Schedule.of(needs, seconds, devices).whole
    total, chain = sum(seconds.values()), longest_chain(needs, seconds)
    assert whole >= max(chain, total / devices) - 1e-9
    assert whole <= total / devices + chain * (1 - 1 / devices) + 1e-9  # Graham, 1966


def test_one_device_takes_the_sum_and_many_take_the_longest_chain() -> None:
    needs = {"a": [], "b": [], "c": ["a"], "d": ["c", "b"], "e": ["gone"]}
    seconds = {"a": 1.0, "b": 4.0, "c": 2.0, "d": 1.0, "e": 2.0}
    alone = Schedule.of(needs, seconds, 1)
    assert alone.whole == sum(seconds.values())
    assert alone.busy == pytest.approx(1.0)
    assert Schedule.of(needs, seconds, 8).whole == 5.0
