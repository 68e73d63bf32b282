"""Random transfers tables, and the boolean program solved by trying every choice of sources."""

import csv
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np

from lightning_taskonomy.taxonomy import Transfer, Transfers
from lightning_taskonomy.taxonomy.transfers import Objective


def random_transfers(
    tasks: int, seed: int, orders: int = 3, targets: int | None = None, levels: int | None = None
) -> Transfers:
    """A table with `self`, first-order and some higher-order transfers of every target.

    Args:
        tasks: how many tasks there are.
        seed: of the affinities.
        orders: the highest order.
        targets: how many of the tasks are targets; by default all.
        levels: draw affinities from so few values that many solutions are equally good.
    """
    rng = np.random.default_rng(seed)
    names = [f"task{index:02d}" for index in range(tasks)]
    rows = []
    for target in names[:targets]:
        choices: list[tuple[str, ...]] = [("self",), *((name,) for name in names if name != target)]
        for order in range(2, orders + 1):
            combinations = list(itertools.combinations(names, order))
            picked = rng.choice(len(combinations), min(6, len(combinations)), replace=False)
            choices += [combinations[index] for index in picked]
        affinities = rng.exponential(size=len(choices))
        if levels is not None:
            affinities = np.ceil(affinities * levels) / levels
        affinities /= affinities.sum() if levels is None else 1.0
        for sources, affinity in zip(choices, affinities, strict=True):
            gain, quality = rng.random(2)
            rows.append(Transfer(target, sources, float(affinity), float(gain), float(quality)))
    return Transfers(tuple(rows))


def best_by_trying_all(
    transfers: Transfers,
    budget: float,
    max_order: int = 99,
    importance: dict[str, float] | None = None,
    cost: dict[str, float] | None = None,
    trained: tuple[str, ...] = (),
    barred: tuple[str, ...] = (),
    source_only: tuple[str, ...] = (),
    objective: Objective = "affinity",
    scratch: bool = False,
) -> Fraction | None:
    """The largest objective over all sets of sources; None if no affordable set serves every target.

    In exact numbers: what the small ones add must not vanish beside the large ones.
    """
    importance, cost = importance or {}, cost or {}
    targets = [target for target in transfers.targets if target not in source_only]
    candidates: dict[str, list[tuple[Fraction, set[str]]]] = {target: [] for target in transfers.targets}
    for row in transfers:
        number = {"affinity": row.affinity, "gain": row.gain, "quality": row.quality}[objective]
        if (
            number is None
            or row.order > max_order
            or not {"random", "average", "pixels"}.isdisjoint(row.sources)
        ):
            continue
        needed = {row.target} if row.sources == ("self",) else set(row.sources)
        candidates[row.target].append((Fraction(number), needed))
    if scratch:
        by_row = {row.target: row for row in transfers if row.sources == ("pixels",)}
        for target in targets:
            number = 0.5 if objective == "gain" else getattr(by_row[target], objective)
            candidates[target].append((Fraction(number), set()))
    best = None
    for size in range(len(transfers.tasks) + 1):
        for choice in itertools.combinations(transfers.tasks, size):
            chosen = set(choice)
            spent = sum(cost.get(task, 1.0) for task in choice)
            if spent > budget + 1e-9 or chosen & set(barred) or not set(trained) <= chosen:
                continue
            total = Fraction(0)
            for target in targets:
                usable = [affinity for affinity, needed in candidates[target] if needed <= chosen]
                if not usable:
                    break
                total += Fraction(importance.get(target, 1.0)) * max(usable)
            else:
                best = total if best is None else max(best, total)
    return best


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV by column."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
