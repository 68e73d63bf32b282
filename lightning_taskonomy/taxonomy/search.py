"""Branch and bound over the sources to train, by HiGHS's dual simplex on the tight linear relaxation.

Once the trained sources are fixed, every target takes the best transfer that they allow: only sources need
branching. The relaxation, stated as in `statement.py`, is often integral and needs no branching; otherwise
a few nodes remain, and the simplex takes few steps from one to the next. The relaxation is passed to HiGHS
once for all programs on the same candidates, which is much faster than a general solver for each.

A linear program is solved to a tolerance relative to its largest coefficient. Where one target counts a
million times as much as another, the search is repeated on the edges that the first one left open: every
target has exactly one transfer, so each target's weights can be measured from its best open one, which
removes the large constants.
"""

import time
from typing import NamedTuple

import highspy
import numpy as np
from scipy import sparse

from lightning_taskonomy.taxonomy.hypergraph import TOLERANCE, Booleans, Floats, Hypergraph, Solution

_ROUNDING = 1 + 1e-12
"""Costs are summed in floating point: a sum that exceeds the capacity by less than this factor still fits."""
_ROUNDS = 4
_STATUS = highspy.HighsModelStatus


class _Node(NamedTuple):
    """A part of the search space: sources in `lower`, (S,), are trained, those outside `upper`, (S,), not."""

    bound: float
    lower: Booleans
    upper: Booleans


class Search:
    """Programs on the same candidates, solved one after the other.

    An answer depends only on its own program, not on those solved before it. Not thread-safe.
    """

    def __init__(self, graph: Hypergraph) -> None:
        """Pass the relaxation to HiGHS.

        Args:
            graph: at least one edge for every target.
        """
        self._graph = graph
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self._highs.setOptionValue(option, 1e-9)
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("presolve", "off")
        self._highs.setOptionValue("parallel", "off")
        self._highs.passModel(_relaxation(graph))

    def best(
        self,
        worth: Floats,
        budget: float,
        forced: Booleans,
        gap: float = 0.0,
        time_limit: float | None = None,
    ) -> Solution:
        """Solve one program.

        Args:
            worth: of each edge, (E,).
            budget: largest total cost of the trained sources.
            forced: sources that must be trained, (S,).
            gap: relative optimality gap at which to stop.
            time_limit: seconds after which the best solution and the bound so far are returned; while no
                solution is known, the first linear program is always solved to the end.
        """
        deadline = np.inf if time_limit is None else time.monotonic() + time_limit
        graph = self._graph.with_worths(worth)
        # In units of the largest: numbers near the smallest that there are would vanish in a tolerance.
        unit = float(np.abs(graph.weight).max(initial=0.0)) or 1.0
        weight = graph.weight / unit
        usable = graph.affordable(budget, forced)
        fine = graph.fine_tolerance / unit
        nodes = 0
        known: Booleans | None = None
        for _ in range(_ROUNDS):
            tree = _Tree(self._highs, graph, weight, usable, budget, forced, gap, deadline)
            if known is not None:
                tree.consider(known)
            tree.search()
            known = tree.trained
            nodes += tree.nodes
            if tree.trained is None or tree.tolerance <= fine or not tree.is_done or gap > 0:
                break
            usable = tree.open_edges()
            best = graph.best_weight(np.where(usable, weight, -np.inf))
            centred = np.where(usable, weight - best[graph.target], 0.0)
            if float(np.abs(centred).max()) > tree.scale / 10:
                break
            weight = centred
        above = (tree.upper - tree.value) * unit
        return Solution.of(graph, tree.trained, above, tree.upper * unit, tree.tolerance * unit, nodes)


def _relaxation(graph: Hypergraph) -> highspy.HighsLp:
    """The tight linear program without objective: columns x and y; rows II, then I, then III."""
    targets, sources, edges = len(graph.targets), len(graph.sources), len(graph.edges)
    use_row, use_edge, source_of_row = graph.needs()
    pairs = len(source_of_row)
    rows = [graph.target, targets + use_row, targets + np.arange(pairs), np.full(sources, targets + pairs)]
    columns = [np.arange(edges), use_edge, edges + source_of_row, edges + np.arange(sources)]
    values = [np.ones(edges + len(use_edge)), np.full(pairs, -1.0), graph.cost]
    matrix = sparse.coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        (targets + pairs + 1, edges + sources),
    ).tocsc()
    program = highspy.HighsLp()
    program.num_row_, program.num_col_ = matrix.shape
    program.col_cost_ = np.zeros(edges + sources)
    program.col_lower_ = np.zeros(edges + sources)
    program.col_upper_ = np.ones(edges + sources)
    program.row_lower_ = np.concatenate([np.ones(targets), np.full(pairs + 1, -np.inf)])
    program.row_upper_ = np.concatenate([np.ones(targets), np.zeros(pairs), [np.inf]])
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_ = matrix.indptr
    program.a_matrix_.index_ = matrix.indices
    program.a_matrix_.value_ = matrix.data
    return program


class _Tree:
    """The search for one program: depth first, branches that train a source before those that do not.

    Attributes:
        trained: the best sources found so far, (S,).
        value: their objective.
        scale: the largest weight.
        tolerance: objectives closer than this count as equal.
        nodes: how many linear programs were solved.
    """

    def __init__(
        self,
        highs: highspy.Highs,
        graph: Hypergraph,
        weight: Floats,
        usable: Booleans,
        budget: float,
        forced: Booleans,
        gap: float,
        deadline: float,
    ) -> None:
        """Find a first answer.

        Args:
            highs: holds the relaxation.
            graph: the candidates.
            weight: of each edge, (E,).
            usable: the edges that an optimum can use, (E,).
            budget: largest total cost of the trained sources.
            forced: sources that must be trained, (S,).
            gap: relative optimality gap at which to stop.
            deadline: on the monotonic clock.
        """
        self._highs, self._graph, self._gap, self._deadline = highs, graph, gap, deadline
        self._capacity = graph.capacity(budget)
        self._usable = usable
        self._weight = np.where(usable, weight, -np.inf)
        sizes = graph.best_weight(np.where(usable, np.abs(weight), 0.0))
        self.scale = float(sizes.max()) or 1.0
        self.tolerance = max(TOLERANCE * float(sizes.sum()), 1e-300)
        best = graph.best_weight(self._weight)
        self._edges = np.arange(len(graph.edges), dtype=np.int32)
        self._sources = len(graph.edges) + np.arange(len(graph.sources), dtype=np.int32)
        self.trained: Booleans | None = None
        self.value, self.nodes = -np.inf, 0
        self._given_up = -np.inf
        self._root: tuple[float, Floats] | None = None
        free_of_charge = forced | (graph.cost == 0)
        self._open = [_Node(float(best.sum()), free_of_charge, np.ones_like(forced))]
        weights = np.broadcast_to(np.where(usable, weight, 0.0)[:, None], graph.members.shape)
        uses = np.bincount(graph.members.ravel(), weights.ravel(), len(graph.sources) + 1)[:-1]
        self._consider_rounded(uses.astype(np.float64), self._open[0])  # an answer even if time runs out

    @property
    def upper(self) -> float:
        """An upper bound on the objective."""
        return max([self.value, self._given_up, *(node.bound for node in self._open)])

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to search."""
        return not self._open

    def open_edges(self) -> Booleans:
        """The edges that a solution as good as the best one found may use, (E,)."""
        margin = 10 * self.tolerance - self.value
        best = self._graph.best_weight(self._weight)
        # With this edge and the best one of every other target.
        still_open = self._usable & (best.sum() + (self._weight - best[self._graph.target]) >= -margin)
        if self._root is not None:
            bound, loss = self._root
            still_open &= loss <= bound + margin
        return np.asarray(still_open)

    @property
    def _goal(self) -> float:
        """A node whose bound does not exceed this is pruned."""
        if self.trained is None:
            return -np.inf
        return self.value + max(self.tolerance, self._gap * abs(self.value))

    def search(self) -> None:
        """Search until nothing is open or time is up."""
        edges = len(self._edges)
        self._highs.clearSolver()  # an answer must not depend on what was solved before
        costs = np.where(self._usable, -self._weight, 0.0) / self.scale
        self._highs.changeColsCost(edges, self._edges, costs)
        self._highs.changeColsBounds(edges, self._edges, np.zeros(edges), self._usable.astype(np.float64))
        last = self._highs.getNumRow() - 1
        self._highs.changeRowBounds(last, -np.inf, self._capacity)
        while self._open:
            node = self._open.pop()
            if node.bound <= self._goal:
                self._given_up = max(self._given_up, node.bound)
                continue
            if not self._visit(node):
                self._open.append(node)
                return

    def _visit(self, node: _Node) -> bool:
        """Bound a node and open its children; False if time is up before that."""
        cost = self._graph.cost
        room = self._capacity * _ROUNDING - float(cost[node.lower].sum())
        if room < 0:
            return True
        node = node._replace(upper=node.upper & (node.lower | (cost <= room)))
        status = self._solve(node)
        if status == _STATUS.kTimeLimit:
            return False
        if status == _STATUS.kInfeasible:
            return True
        if status == _STATUS.kObjectiveBound:
            self._given_up = max(self._given_up, min(node.bound, self._goal))
            return True
        if status != _STATUS.kOptimal:
            raise RuntimeError(
                f"HiGHS could not solve a relaxation: {self._highs.modelStatusToString(status)}"
            )
        bound = min(node.bound, -self._highs.getInfo().objective_function_value * self.scale)
        solution = self._highs.getSolution()
        share = np.asarray(solution.col_value)[self._sources]
        loss = np.asarray(solution.col_dual) * self.scale
        better = self._consider_rounded(share, node)
        if self._root is None:
            self._root, better = (bound, loss[self._edges]), True
        if bound <= self._goal:
            self._given_up = max(self._given_up, bound)
            return True
        if better:
            self._close_edges()
        self._branch(node._replace(bound=bound), share, loss[self._sources])
        return True

    def _solve(self, node: _Node) -> highspy.HighsModelStatus:
        """Solve the relaxation of a node; the simplex starts from the node before."""
        is_root = self.nodes == 0
        # While no solution is known, the first relaxation is always solved: it shows whether one exists.
        left = np.inf if is_root and self.trained is None else self._deadline - time.monotonic()
        if left <= 0:
            return _STATUS.kTimeLimit
        bounds = node.lower.astype(np.float64), node.upper.astype(np.float64)
        self._highs.changeColsBounds(len(self._sources), self._sources, *bounds)
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + left)
        # The root is solved to optimality, for its reduced costs.
        self._highs.setOptionValue("objective_bound", np.inf if is_root else -self._goal / self.scale)
        self._highs.run()
        self.nodes += 1
        return self._highs.getModelStatus()

    def _consider_rounded(self, wish: Floats, node: _Node) -> bool:
        """Spend the budget greedily on the sources of largest `wish`, (S,); keep them if best so far."""
        cost = self._graph.cost
        trained = node.lower.copy()
        room = self._capacity * _ROUNDING - float(cost[trained].sum())
        for source in np.argsort(-wish, kind="stable"):
            if node.upper[source] and not trained[source] and cost[source] <= room:
                trained[source] = True
                room -= cost[source]
        return room >= 0 and self.consider(trained)

    def consider(self, trained: Booleans) -> bool:
        """Keep a choice of sources if it is the best so far."""
        weight = np.where(self._graph.available(trained), self._weight, -np.inf)
        value = float(self._graph.best_weight(weight).sum())
        if value <= self.value:
            return False
        self.value, self.trained = value, trained
        return True

    def _close_edges(self) -> None:
        """Fix at 0 the edges that, by the root's reduced costs, no better solution uses."""
        if self._root is None:
            return
        bound, loss = self._root
        closed = self._edges[loss > bound - self.value - self.tolerance]
        self._highs.changeColsBounds(len(closed), closed, np.zeros(len(closed)), np.zeros(len(closed)))

    def _branch(self, node: _Node, share: Floats, loss: Floats) -> None:
        """Fix the sources that reduced costs decide, and branch on the most fractional one.

        Args:
            node: the node whose relaxation was solved.
            share: the relaxation's value of each source, from 0 to 1, (S,).
            loss: reduced costs of the sources, (S,).
        """
        slack = node.bound - self.value - self.tolerance
        lower = node.lower | (node.upper & (share > 0.5) & (-loss > slack))
        upper = node.upper & (lower | (share > 0.5) | (loss <= slack))
        free = upper & ~lower
        if not free.any():
            self.consider(lower)
            return
        source = int(np.argmax(np.where(free, np.minimum(share, 1 - share), -np.inf)))
        without, included = upper.copy(), lower.copy()
        without[source], included[source] = False, True
        self._open += [_Node(node.bound, lower, without), _Node(node.bound, included, upper)]
