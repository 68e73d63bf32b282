"""The plots contain the values they are named for, and are valid plotly figures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as plotly
import pytest
from scipy.cluster import hierarchy

from lightning_taskonomy.explorer.affinity_plots import matrix_plot, tree_plot
from lightning_taskonomy.explorer.budget_plots import curve_plot, significance_plot
from lightning_taskonomy.explorer.plot_style import message
from lightning_taskonomy.explorer.tables import Table, Tables
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.ahp import distance
from lightning_taskonomy.taxonomy.significance import Significance


@pytest.fixture(scope="module")
def table(own: Path) -> Table:
    return Tables([own]).find("")


def accepted(figure: dict[str, Any]) -> list[dict[str, Any]]:
    """The traces, if plotly knows all their keys."""
    plotly.Figure(figure)
    traces: list[dict[str, Any]] = figure["data"]
    return traces


def test_curves(table: Table) -> None:
    taxonomies = {float(budget): TaxonomyProblem(table.transfers, budget).solve() for budget in (2, 3, 5)}
    for measure, attribute in (
        ("objective", "objective"),
        ("gain", "mean_gain"),
        ("quality", "mean_quality"),
    ):
        (trace,) = accepted(curve_plot({"own": taxonomies}, measure, {"": 3.0}))  # type: ignore[arg-type]
        assert trace["x"] == [2, 3, 5]
        assert trace["y"] == [getattr(taxonomy, attribute) for taxonomy in taxonomies.values()]


def test_missing_values_are_not_drawn(table: Table) -> None:
    rows = tuple(replace(row, gain=None) for row in table.transfers)
    taxonomy = TaxonomyProblem(replace(table.transfers, rows=rows), 3).solve()
    figure = curve_plot({"own": {3.0: taxonomy}}, "gain", {})
    assert accepted(figure) == []
    assert figure["layout"]["annotations"][0]["text"] == "This table holds no gain."


def test_the_band_is_from_the_5th_to_the_95th_percentile(table: Table) -> None:
    significance = Significance.of(TaxonomyProblem(table.transfers), [2, 4], draws=50)
    band, median, computed = accepted(significance_plot(significance, "gain"))
    drawn = significance.random["gain"]
    high, low = np.quantile(drawn, 0.95, axis=1), np.quantile(drawn, 0.05, axis=1)
    assert band["y"] == pytest.approx([*high, *low[::-1]])
    assert median["y"] == pytest.approx(np.median(drawn, axis=1))
    assert computed["y"] == pytest.approx(significance.computed["gain"])


@pytest.mark.parametrize("arrangement", ["tree", "name"])
@pytest.mark.parametrize("stage", ["before", "after"])
def test_the_matrix_in_both_orders(table: Table, stage: str, arrangement: str) -> None:
    figure = matrix_plot(table.matrix, stage, arrangement)  # type: ignore[arg-type]
    (heatmap,) = accepted(figure)
    titles = figure["layout"]["yaxis"]["ticktext"]
    if arrangement == "name":
        assert titles == sorted(titles)
    names = {"edges 2d": "edges_2d", "edges 3d": "edges_3d"}
    rows = [names.get(title.lower(), title.lower()) for title in titles]
    columns = [names.get(title.lower(), title.lower()) for title in figure["layout"]["xaxis"]["ticktext"]]
    cells = {(row.target, row.sources[0]): row for row in table.transfers if row.order == 1}
    for row, line in zip(rows, heatmap["customdata"], strict=True):
        total = sum(
            own.affinity or 0
            for (target, source), own in cells.items()
            if target == row and source in columns
        )
        for column, value in zip(columns, line, strict=True):
            own = cells.get((row, column))
            if own is None:
                assert value is None
            elif stage == "before":
                assert value == own.quality
            else:
                assert value == pytest.approx((own.affinity or 0) / total)
    flat = [value for line in heatmap["customdata"] for value in line if value is not None]
    shown = [value for line in heatmap["z"] for value in line if value is not None]
    expected = distance(np.array(flat)) if stage == "after" else 1 - np.array(flat)
    assert shown == pytest.approx(expected)


@pytest.mark.parametrize("clusters", [1, 3, 9])
def test_the_tree_has_a_colour_per_cluster(table: Table, clusters: int) -> None:
    figure = tree_plot(table.tree, clusters)
    *lines, merges = accepted(figure)
    assert len(merges["x"]) == len(table.tree.tasks) - 1
    assert sorted(merges["x"]) == pytest.approx(sorted(table.tree.linkage[:, 2]))
    groups = hierarchy.cut_tree(table.tree.linkage, [clusters])[:, 0]
    coloured = [line for line in lines if line["line"]["color"] != "#9aa1a9"]
    assert len(coloured) == len(set(groups.tolist()))


def test_a_message_is_text() -> None:
    figure = message("a <b>bold</b> name")
    accepted(figure)
    assert figure["layout"]["annotations"][0]["text"] == "a &lt;b>bold&lt;/b> name"


def test_names_are_not_interpreted_as_markup(tmp_path: Path) -> None:
    names = ["a<b>c", "x<br>y", "&lt;tag&gt;", "depth", "Depth"]
    rows = [Transfer(t, (s,), 0.1 + 0.01 * n, 0.5, 0.5) for t in names for n, s in enumerate(names) if s != t]
    path = tmp_path / "t.csv"
    Transfers(tuple(rows)).write_csv(path)
    table = Tables([path]).find("")
    shown = {"A&lt;b>c", "X&lt;br>y", "&amp;lt;tag&amp;gt;", "depth", "Depth"}
    assert set(matrix_plot(table.matrix, "after", "tree")["layout"]["xaxis"]["ticktext"]) == shown
    assert set(tree_plot(table.tree, 2)["layout"]["yaxis"]["ticktext"]) == shown


def test_a_long_message_is_wrapped() -> None:
    words = "table.csv: no candidate transfer of order up to 4 that this problem allows for " + "x" * 120
    text = message(words)["layout"]["annotations"][0]["text"]
    assert max(map(len, text.split("<br>"))) <= 44
    assert text.replace("<br>", "").replace(" ", "") == words.replace(" ", "")
