"""How long a plan takes on several devices: its jobs are scheduled, but not run."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """When each job runs.

    Attributes:
        starts: of each job, in seconds from the first one.
        seconds: how long each takes.
        devices: how many there are, one job on each.
    """

    starts: Mapping[str, float]
    seconds: Mapping[str, float]
    devices: int

    @classmethod
    def of(cls, needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float], devices: int) -> "Schedule":
        """Assign jobs to devices: whenever one is free, the ready job that begins the longest chain is next.

        Args:
            needs: by job, those before it; one that is not among the jobs counts as done.
            seconds: by job; 0 where not given.
            devices: how many jobs at a time.
        """
        tails = _tails(needs, seconds)
        missing = {job: sum(need in needs for need in before) for job, before in needs.items()}
        ready = [(-tails[job], job) for job, number in missing.items() if number == 0]
        heapq.heapify(ready)
        followers = _followers(needs)
        running: list[tuple[float, str]] = []
        starts: dict[str, float] = {}
        now = 0.0
        while ready or running:
            while ready and len(running) < devices:
                _, job = heapq.heappop(ready)
                starts[job] = now
                heapq.heappush(running, (now + seconds.get(job, 0.0), job))
            now, ended = heapq.heappop(running)
            for job in followers[ended]:
                missing[job] -= 1
                if missing[job] == 0:
                    heapq.heappush(ready, (-tails[job], job))
        return cls(starts, {job: seconds.get(job, 0.0) for job in needs}, devices)

    @property
    def whole(self) -> float:
        """Seconds from the first start to the last end."""
        return max((start + self.seconds[job] for job, start in self.starts.items()), default=0.0)

    @property
    def busy(self) -> float:
        """Fraction of the devices' time in which they work, 0 to 1."""
        whole = self.whole * self.devices
        return sum(self.seconds.values()) / whole if whole else 1.0


def _followers(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {job: [] for job in needs}
    for job, before in needs.items():
        for need in before:
            if need in followers:
                followers[need].append(job)
    return followers


def _tails(needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """By job, the seconds of the longest chain that begins with it; `needs` is in topological order."""
    tails: dict[str, float] = {}
    followers = _followers(needs)
    for job in reversed(list(needs)):
        after = max((tails[follower] for follower in followers[job]), default=0.0)
        tails[job] = seconds.get(job, 0.0) + after
    return tails
