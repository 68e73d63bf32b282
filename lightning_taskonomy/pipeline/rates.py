"""How long jobs take: estimated from finished jobs of this run or of earlier runs beside it, or a probe.

Floating-point operations alone do not predict it: small networks wait for their data and for each step to
start. So every kind of job gets its own rate as soon as one of that kind has finished.
"""

import json
import math
from collections.abc import Iterable

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.pipeline.cost import probed_rate
from lightning_taskonomy.pipeline.plan import Job, Plan
from lightning_taskonomy.pipeline.records import Record

_SLOWNESS = {"network": 1.5, "baselines": 2.0, "store": 1.0, "first_order": 2.0, "higher_order": 2.0}
"""How much longer operations of a kind take than the probe's, on two cores with small networks."""
_PLAIN_SECONDS = {"ranking": 0.1, "losses": 1.0, "results": 15.0, "pictures": 3.0}
"""What jobs without counted operations take, on two cores."""
_SETTLED = 3
"""Finished jobs after which an estimate is a single number, not a range."""
_ROUGHLY, _SOMEWHAT = 3.0, 1.5
"""Half a range as a factor: with only a probe, and with an earlier run to go by."""
_COMPARABLE = 10.0
"""Jobs of an earlier run count if their operations differ by less than this factor."""


class Rates:
    """Estimates for the jobs of a plan.

    Args:
        plan: of the run; its finished jobs are counted.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._finished: dict[str, list[Record]] = {}
        self._probed: float | None = None
        self._earlier = _records_beside(plan)
        for job in plan.jobs.values():
            record = plan.current(job)
            if record is not None:
                self.add(job, record)

    def add(self, job: Job, record: Record) -> None:
        """Count a finished job."""
        self._finished.setdefault(job.kind, []).append(record)

    def seconds(self, job: Job) -> float:
        """How long a job may take."""
        same_kind = self._finished.get(job.kind)
        if same_kind:
            return _scaled(same_kind, job.operations)
        earlier = self._alike(job)
        if earlier:
            return _scaled(earlier, job.operations) * self._drift()
        return self._by_probe(job.kind, job.operations) * self._drift()

    @property
    def spread(self) -> float:
        """The factor by which an estimate may be off; 1 once enough jobs have finished to drop the range."""
        if sum(len(records) for records in self._finished.values()) >= _SETTLED:
            return 1.0
        return _SOMEWHAT if self._earlier else _ROUGHLY

    def _drift(self) -> float:
        """The factor by which finished jobs took longer than would have been estimated without them."""
        done = [(kind, record) for kind, records in self._finished.items() for record in records]
        expected = actual = 0.0
        for kind, record in done:
            if record.operations <= 0 or record.seconds <= 0:
                continue
            earlier = self._comparable(kind, record.operations)
            guess = (
                _scaled(earlier, record.operations) if earlier else self._by_probe(kind, record.operations)
            )
            expected += guess
            actual += record.seconds
        return actual / expected if expected > 0 else 1.0

    def _by_probe(self, kind: str, operations: float) -> float:
        if operations == 0:
            return _PLAIN_SECONDS.get(kind, 1.0)
        if self._probed is None:
            self._probed = probed_rate(self._plan.settings)
        return operations * _SLOWNESS.get(kind, 2.0) / self._probed

    def _alike(self, job: Job) -> list[Record]:
        return self._comparable(job.kind, job.operations)

    def _comparable(self, kind: str, operations: float) -> list[Record]:
        return [
            record for record in self._earlier.get(kind, ()) if _is_comparable(record.operations, operations)
        ]


def _scaled(records: Iterable[Record], operations: float) -> float:
    """Seconds of a job from those of others, in proportion to operations; their mean if none are counted."""
    records = list(records)
    seconds = math.fsum(record.seconds for record in records)
    counted = math.fsum(record.operations for record in records)
    return seconds / len(records) if operations == 0 or counted == 0 else seconds / counted * operations


def _is_comparable(one: float, other: float) -> bool:
    if one == 0 or other == 0:
        return one == other
    return max(one, other) < _COMPARABLE * min(one, other)


def _records_beside(plan: Plan) -> dict[str, list[Record]]:
    """The records of the runs in the same folder, by kind of job; damaged ones are skipped."""
    found: dict[str, list[Record]] = {}
    root = plan.settings.root
    for path in sorted(root.resolve().parent.glob("*/jobs/*.json")):
        if path.parent.parent == root.resolve():
            continue
        try:
            record = Record(**json.loads(path.read_text(encoding="utf-8")))
            usable = record.seconds > 0 and record.operations >= 0
        except (OSError, ValueError, TypeError, InputError):
            continue
        if usable:
            found.setdefault(path.stem.split(".")[0], []).append(record)
    return found
