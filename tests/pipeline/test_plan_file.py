"""`plan.csv` shows at any time which jobs are done, running, waiting and failed."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.run import note_states, run_plan
from tests.pipeline.tiny_run import settings


def states(root: Path) -> dict[str, str]:
    with (root / "plan.csv").open(newline="") as file:
        return {row["job"]: row["state"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (InputError("no such file"), "failed"),
        (RuntimeError("a bug"), "failed"),
        (KeyboardInterrupt(), "waiting"),
        (None, "done"),
    ],
)
def test_states_while_a_run_goes_on(
    error: BaseException | None, state: str, packed: Path, tmp_path: Path
) -> None:
    plan = Plan(settings(tmp_path, packed))
    seen = {}

    def job(name: str, needs: tuple[str, ...], error: BaseException | None = None) -> Job:
        def work() -> str:
            seen[name] = states(tmp_path)
            if error is not None:
                raise error
            return name

        return Job(name, needs, dict, work, ())

    jobs = [job("a/x", ()), job("b/x", ("a/x",), error), job("c/x", ("b/x",))]
    plan.__dict__["jobs"] = {each.name: each for each in jobs}
    if error is None:
        run_plan(plan, lambda _: None)
        assert seen["c/x"] == {"a/x": "done", "b/x": "done", "c/x": "running"}
        assert states(tmp_path) == dict.fromkeys(plan.jobs, "done")
        return
    with pytest.raises(type(error)):
        run_plan(plan, lambda _: None)
    assert seen["a/x"] == {"a/x": "running", "b/x": "waiting", "c/x": "waiting"}
    assert seen["b/x"] == {"a/x": "done", "b/x": "running", "c/x": "waiting"}
    assert states(tmp_path) == {"a/x": "done", "b/x": state, "c/x": "waiting"}


PLAN = "job,state,operations,estimated_seconds\na,waiting,10.0,2.5\nb,waiting,20.0,5.0\n"


def test_what_is_done_takes_no_more_time(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(PLAN)
    note_states(tmp_path, {"a": "done", "unknown": "done"})
    assert (tmp_path / "plan.csv").read_text().splitlines()[1:] == ["a,done,10.0,", "b,waiting,20.0,5.0"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"\xff\xfe\0"),
        lambda path: path.write_text("name\nx\n"),
        lambda path: path.write_text(""),
    ],
)
def test_a_plan_that_was_removed_or_edited_stops_nothing(
    spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(PLAN)
    spoil(path)
    before = path.read_bytes() if path.exists() else None
    note_states(tmp_path, {"a": "done"})
    assert (path.read_bytes() if path.exists() else None) in (
        before,
        b"job,state,operations,estimated_seconds\n",
    )
