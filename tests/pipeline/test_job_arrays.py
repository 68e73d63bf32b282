"""Job arrays wait for exactly what their jobs need: each job's needs followed one by one."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.pipeline.plan import Job
from lightning_taskonomy.pipeline.slurm_launcher import arrays_of

TASKS = ("normal", "depth", "edges")


def job(name: str, *needs: str) -> Job:
    return Job(name, needs, dict, str, ())


def plan() -> dict[str, Job]:
    jobs = [job(f"network/{task}") for task in TASKS]
    jobs += [job(f"store/{task}", f"network/{task}") for task in TASKS] + [job("store/random")]
    stores = [f"store/{task}" for task in (*TASKS, "random")]
    jobs += [job(f"first_order/{task}", *stores) for task in TASKS]
    jobs += [job(f"losses/{task}", f"network/{task}", f"first_order/{task}") for task in TASKS]
    jobs += [job("results", *(f"losses/{task}" for task in TASKS))]
    return {one.name: one for one in jobs}


def waited_for(left: Mapping[str, Job]) -> dict[str, set[str]]:
    """What SLURM lets each job wait for: its own number of an array, or the whole of one."""
    arrays = arrays_of(plan(), left)
    waits = {}
    for array in arrays:
        for number, name in array.names.items():
            same = {arrays[place].names[number] for place in array.same}  # a number that is absent would fail
            whole = {need for place in array.whole for need in arrays[place].names.values()}
            waits[name] = same | whole
    return waits


@given(st.sets(st.sampled_from(sorted(plan()))))
def test_every_job_waits_for_all_that_it_needs_and_is_submitted_once(done: set[str]) -> None:
    left = {name: one for name, one in plan().items() if name not in done}
    waits = waited_for(left)
    assert waits.keys() == left.keys()
    for name, one in left.items():
        assert {need for need in one.needs if need in left} <= waits[name]
    names = [name for array in arrays_of(plan(), left) for name in array.names.values()]
    assert len(names) == len(set(names))


def test_arrays_come_after_those_that_they_wait_for() -> None:
    arrays = arrays_of(plan(), plan())
    assert [array.kind for array in arrays] == [
        "network",
        "store",
        "store",
        "first_order",
        "losses",
        "results",
    ]
    for place, array in enumerate(arrays):
        assert all(before < place for before in (*array.same, *array.whole))


def test_a_job_does_not_wait_for_other_tasks_without_need() -> None:
    waits = waited_for(plan())
    assert waits["store/normal"] == {"network/normal"}
    assert waits["store/random"] == set()
    assert waits["losses/depth"] == {"network/depth", "first_order/depth"}
