"""Replays of a table: objective and gain by the number of measurements, for each policy."""

import numpy as np
from matplotlib.figure import Figure

from lightning_taskonomy.taxonomy.figures.style import FAINT, SOURCE_COLOURS, new_figure, styled
from lightning_taskonomy.taxonomy.replay import Replay

_WORDS = {
    "program": "program: what it doubts",
    "per_target": "per_target: best guess of each",
    "random": "random",
}
_LOWEST = 0.7
"""Of the scale, unless a policy ends below."""


@styled
def draw_replay(replay: Replay) -> Figure:
    """Objective and gain by the fraction measured; lines are means over seeds, bands reach the worst."""
    figure = new_figure(9.0, 3.8)
    axes = figure.subplots(1, 2)
    for axis, measure in zip(axes, ("objective", "gain"), strict=True):
        for place, policy in enumerate(dict.fromkeys(step.policy for step in replay.steps)):
            by_share: dict[float, list[float]] = {}
            for step in replay.steps:
                value = getattr(step, measure)
                if step.policy == policy and value is not None:
                    by_share.setdefault(step.share, []).append(value)
            if not by_share:
                continue
            shares = np.array(sorted(by_share))
            means = [np.mean(by_share[share]) for share in shares]
            colour = SOURCE_COLOURS[place]
            axis.plot(100 * shares, means, color=colour, linewidth=1.8, label=_WORDS[policy])
            axis.fill_between(
                100 * shares,
                [min(by_share[share]) for share in shares],
                means,
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        axis.axhline(1, color=FAINT, linewidth=0.8)
        axis.set_ylim(min(_LOWEST, *(float(np.mean(ends)) for ends in _ends(replay, measure))) - 0.02, 1.02)
        axis.set_xlabel("transfers measured (%)")
        axis.set_ylabel(f"{measure}, as a fraction of the whole table's")
    axes[0].legend(loc="lower right", frameon=False)
    title = f"What is reached of the answer to all {replay.transfers} transfers"
    figure.suptitle(title, x=0.02, ha="left", weight="bold")
    figure.tight_layout()
    return figure


def _ends(replay: Replay, measure: str) -> list[list[float]]:
    """What each policy reaches at its end, by seed."""
    found = []
    for policy in dict.fromkeys(step.policy for step in replay.steps):
        last = {step.seed: getattr(step, measure) for step in replay.steps if step.policy == policy}
        found.append([value for value in last.values() if value is not None] or [1.0])
    return found
