"""Upper bounds of the boolean program by Lagrangian relaxation, and what follows from them.

The program (Taskonomy, step IV) is relaxed where it couples transfers and sources. With x_e "transfer e is
chosen" and y_s "source s is trained", each target t and source s obey Σ_{e of t, s in e} x_e ≤ y_s: as a
target has exactly one transfer, this is tighter than one row per transfer. With multipliers λ_ts ≥ 0 on these
rows the rest falls apart: every target takes its best edge at prices λ, and the sources fill a knapsack.
A subgradient descent on λ reaches the bound of the tight linear program; on the way its knapsacks propose
sources to train. Sources and edges that cannot be part of anything better than the best known are removed.
"""

from dataclasses import dataclass

import numpy as np

from lightning_taskonomy.taxonomy.hypergraph import Booleans, Floats, Hypergraph

TOLERANCE = 1e-9
"""Two objectives nearer than this share of the largest possible one count as equal."""
_ITERATIONS = 600
_EXCHANGE_WORK = 20_000_000
"""Edges times pairs of sources up to which the relaxation also tries exchanges; above, the search does."""
_MEMORY = 0.7
"""Share of the last direction kept in the next: without it the descent zigzags."""
_ROUNDS = 10
_PATIENCE = 15
"""Iterations without a better bound after which the step is shortened."""


@dataclass(frozen=True)
class Relaxed:
    """What the relaxation knows of a program.

    Attributes:
        graph: the edges that can still be part of a better solution than `trained`.
        upper: no solution is better than this.
        value: the objective of `trained`; −inf where none is known.
        trained: the best sources found, (S,).
        forced: sources that every better solution trains, (S,).
        banned: sources that no better solution trains, (S,).
        multipliers: λ, (T, S + 1); its last column, for the padding of edges, is 0.
    """

    graph: Hypergraph
    upper: float
    value: float
    trained: Booleans
    forced: Booleans
    banned: Booleans
    multipliers: Floats

    @property
    def closed(self) -> bool:
        """Whether `trained` is proven optimal."""
        return self.upper <= self.value + tolerance(self.graph)


def tolerance(graph: Hypergraph) -> float:
    """The difference below which two objectives of this program count as equal."""
    return TOLERANCE * max(float(np.abs(graph.weight).sum()), 1e-300)


def relax(
    graph: Hypergraph,
    budget: float,
    forced: Booleans,
    banned: Booleans,
    trained: Booleans | None = None,
    multipliers: Floats | None = None,
) -> Relaxed:
    """Bound the program from both sides and fix what the bounds decide.

    Args:
        graph: at least one edge for every target.
        budget: largest total cost of the trained sources.
        forced: sources that must be trained, (S,), within the budget.
        banned: sources that must not be, (S,).
        trained: a known choice within the budget to start from, (S,), for instance of a smaller budget.
        multipliers: λ to start from, (T, S + 1), for instance of a neighbouring budget.
    """
    for _ in range(_ROUNDS):
        descent = _Descent(graph, budget, forced, banned, multipliers)
        if trained is not None:
            descent.propose(trained)
        descent.run()
        relaxed = descent.result()
        free = int((~(relaxed.forced | relaxed.banned)).sum())
        if relaxed.closed or free == int((~(forced | banned)).sum()):
            break
        # What was fixed tightens the relaxation itself: go on with what is left.
        graph, forced, banned = relaxed.graph, relaxed.forced, relaxed.banned
        trained, multipliers = relaxed.trained, relaxed.multipliers
    return relaxed


class _Descent:
    """The state of one subgradient descent."""

    def __init__(
        self, graph: Hypergraph, budget: float, forced: Booleans, banned: Booleans, multipliers: Floats | None
    ) -> None:
        self.graph = graph
        self.capacity = whole_capacity(graph, budget)
        self.forced = forced | ((graph.cost == 0) & ~banned)
        room = self.capacity - float(graph.cost[self.forced].sum())
        self.banned = banned | (~self.forced & (graph.cost > room * (1 + 1e-12)))
        shape = (len(graph.targets), len(graph.sources) + 1)
        self.multipliers = np.zeros(shape) if multipliers is None else multipliers.copy()
        self.best_multipliers = self.multipliers.copy()
        self.upper = np.inf
        self.value = -np.inf
        self.trained = self.forced.copy()
        self.tolerance = tolerance(graph)
        self._seen: set[bytes] = set()

    def propose(self, trained: Booleans) -> None:
        """Take `trained` as the best known choice if it is better than the one so far."""
        key = trained.tobytes()
        if key in self._seen or self.graph.cost[trained].sum() > self.capacity * (1 + 1e-12):
            return
        self._seen.add(key)
        value = self.graph.value(trained)
        if value > self.value + self.tolerance:
            self.value, self.trained = value, trained.copy()

    def run(self) -> None:
        """Descend until the bounds meet or the steps have become too short to matter."""
        length, stalled = 1.0, 0
        direction = np.zeros((len(self.graph.targets), len(self.graph.sources)))
        for iteration in range(_ITERATIONS):
            if self.upper <= self.value + self.tolerance or length < 1e-4:
                break
            upper, gradient = self._evaluate()
            if not np.isfinite(upper):  # a target has lost its last edge: no solution is better
                self.upper = self.value
                break
            if upper < self.upper - self.tolerance:
                self.upper, stalled = upper, 0
                self.best_multipliers[:] = self.multipliers
            else:
                stalled += 1
                if stalled == _PATIENCE:
                    length, stalled = length / 2, 0
            direction = gradient + _MEMORY * direction
            norm = float((direction**2).sum())
            if norm == 0:
                break
            reach = max(upper - self.value, self.tolerance) if np.isfinite(self.value) else abs(upper)
            self.multipliers[:, :-1] += length * reach / norm * direction
            np.maximum(self.multipliers, 0, out=self.multipliers)
            if iteration % 50 == 49:
                self._exchange()
        self._exchange()

    def result(self) -> Relaxed:
        """Fix sources and drop edges by their reduced costs at the best multipliers."""
        self.multipliers[:] = self.best_multipliers
        graph, price = self.graph, self.multipliers[:, :-1].sum(axis=0)
        free = ~(self.forced | self.banned)
        reduced, best = self._best_edges()
        room, share, above, below = self._knapsack(price, free)
        upper = min(self.upper, float(best.sum()) + room)
        if not free.any():
            self.propose(self.forced)
            upper = self.value
        slack = upper - self.value - self.tolerance
        forced, banned = self.forced.copy(), self.banned.copy()
        wanted = np.ones(len(graph.edges), np.bool_)
        if np.isfinite(self.value):
            banned |= free & (share == 0) & (above * graph.cost - price >= slack)
            forced |= free & (share == 1) & (price - below * graph.cost >= slack)
            wanted = reduced > best[graph.target] - slack
            wanted[graph.with_sources(self.trained)] = True
        wanted &= ~np.append(banned & ~self.trained, False)[graph.members].any(axis=1)
        return Relaxed(
            graph.keep(wanted),
            min(self.upper, upper),
            self.value,
            self.trained,
            forced,
            banned,
            self.multipliers,
        )

    def _exchange(self) -> None:
        if len(self.graph.edges) * len(self.graph.sources) ** 2 <= _EXCHANGE_WORK:
            self.propose(improved(self.graph, self.trained, self.forced, self.banned, self.capacity))

    def _best_edges(self) -> tuple[Floats, Floats]:
        """Weights at prices λ, (E,), and the best of each target, (T,)."""
        graph = self.graph
        prices = self.multipliers.copy()
        prices[:, :-1][:, self.forced] = 0.0
        prices[:, :-1][:, self.banned] = np.inf
        reduced = graph.weight - prices[graph.target[:, None], graph.members].sum(axis=1)
        return reduced, np.maximum.reduceat(reduced, graph.start[:-1])

    def _evaluate(self) -> tuple[float, Floats]:
        """The bound at the present multipliers and the direction to move them, (T, S)."""
        graph = self.graph
        reduced, best = self._best_edges()
        tight = np.flatnonzero(reduced == best[graph.target])
        chosen = tight[np.append(True, np.diff(graph.target[tight]) > 0)]
        uses = np.zeros_like(self.multipliers)
        uses[graph.target[chosen][:, None], graph.members[chosen]] = 1.0
        free = ~(self.forced | self.banned)
        room, share, _, _ = self._knapsack(self.multipliers[:, :-1].sum(axis=0), free)
        self.propose(self.forced | (share == 1))
        gradient = (uses[:, :-1] - share) * free
        gradient[(gradient < 0) & (self.multipliers[:, :-1] <= 0)] = 0.0
        return float(best.sum()) + room, gradient

    def _knapsack(self, price: Floats, free: Booleans) -> tuple[float, Floats, float, float]:
        """Fill what the forced sources leave of the budget with the free ones, best price per cost first.

        Returns:
            The total price; the share taken of each source, (S,), of which one may be a fraction; and the
            price per cost that a source left out must exceed to enter, and one taken must not fall below.
        """
        cost = self.graph.cost
        capacity = self.capacity - float(cost[self.forced].sum())
        index = np.flatnonzero(free & (cost <= capacity))
        rate = price[index] / cost[index]
        order = np.argsort(-rate, kind="stable")
        index, rate = index[order], rate[order]
        filled = np.cumsum(cost[index])
        whole = int(np.searchsorted(filled, capacity * (1 + 1e-12), side="right"))
        share = np.zeros(len(cost))
        share[index[:whole]] = 1.0
        total = float(price[index[:whole]].sum())
        above = float(rate[whole - 1]) if whole else np.inf
        below = float(rate[whole]) if whole < len(rate) else 0.0
        left = capacity - (float(filled[whole - 1]) if whole else 0.0)
        if whole < len(rate) and left > 1e-12 * capacity:
            share[index[whole]] = left / cost[index[whole]]
            total += float(rate[whole]) * left
            above = below
        elif whole == len(rate):
            above = 0.0
        return total, share, above, below


def whole_capacity(graph: Hypergraph, budget: float) -> float:
    """The budget, rounded down to a whole number where every cost is one: no more of it can be spent."""
    return float(np.floor(budget + 1e-9)) if (graph.cost == np.floor(graph.cost)).all() else budget


def improved(
    graph: Hypergraph, trained: Booleans, forced: Booleans, banned: Booleans, capacity: float
) -> Booleans:
    """Add sources and exchange one for another as long as that raises the objective.

    Args:
        graph: the program's edges.
        trained: the choice to start from, (S,).
        forced: sources that stay, (S,).
        banned: sources that stay out, (S,).
        capacity: largest total cost.
    """
    trained, value = trained.copy(), graph.value(trained)
    margin = tolerance(graph)
    while True:
        best_value, best = value, None
        spent = float(graph.cost[trained].sum())
        for added in np.flatnonzero(~(trained | banned)):
            fits = spent + graph.cost[added] <= capacity * (1 + 1e-12)
            leaving = [None] if fits else list(np.flatnonzero(trained & ~forced))
            for removed in leaving:
                attempt = trained.copy()
                attempt[added] = True
                if removed is not None:
                    attempt[removed] = False
                    if spent + graph.cost[added] - graph.cost[removed] > capacity * (1 + 1e-12):
                        continue
                attempt_value = graph.value(attempt)
                if attempt_value > best_value + margin:
                    best_value, best = attempt_value, attempt
        if best is None:
            return trained
        value, trained = best_value, best
