from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, TaxonomyProblem, Tournament, Transfer, Transfers
from lightning_taskonomy.taxonomy.figures.novel import draw_novel
from lightning_taskonomy.taxonomy.novel import NovelTasks
from tests.taxonomy.tables import random_transfers, read_rows

CONTENDERS = ["self", "pixels", "random", "a", "b", "a+b", "jigsaw"]


def loss_table(target: str, seed: int) -> LossTable:
    losses = np.random.default_rng(seed).random((200, len(CONTENDERS)))
    losses[:, CONTENDERS.index("a+b")] *= 0.6
    return LossTable.from_arrays(target, [f"i{n}" for n in range(200)], CONTENDERS, losses)


def test_the_policy_is_the_program_with_the_target_barred_and_all_others_free() -> None:
    transfers = random_transfers(tasks=6, seed=3)
    result = NovelTasks.of(transfers, [1, 2, 3])
    for row in result.rows:
        target = row.transfer.target
        problem = TaxonomyProblem(
            transfers, budget=99, max_order=row.max_order, targets=[target], target_only=[target]
        )
        assert row.transfer == problem.solve().transfers[0]
        assert target not in row.transfer.trained_tasks


def test_win_rates_against_rivals_are_counted_on_the_loss_tables(tmp_path: Path) -> None:
    table = loss_table("t", 0)
    transfers = Transfers(Tournament.from_losses(table).transfers())
    result = NovelTasks.of(transfers, [2], losses={"t": table})
    (row,) = result.rows
    ((_, losses),) = table.blocks()
    own, rival = losses[:, CONTENDERS.index("a+b")], losses[:, CONTENDERS.index("jigsaw")]
    assert row.transfer.sources == ("a", "b")
    assert result.rivals == ("random", "jigsaw")
    assert row.win_rates["jigsaw"] == (own < rival).mean()
    assert row.losses["a+b"] == pytest.approx(own.mean())
    assert row.losses["pixels"] == pytest.approx(losses[:, 1].mean())
    result.save_tables(tmp_path)
    (line,) = read_rows(tmp_path / "novel.csv")
    assert float(line["win_rate_vs_jigsaw"]) == row.win_rates["jigsaw"]
    lines = {row["contender"]: row for row in read_rows(tmp_path / "novel_losses.csv")}
    assert float(lines["jigsaw"]["mean_loss"]) == pytest.approx(rival.mean())


def test_implied_win_rates_are_close_to_counted_ones() -> None:
    table = loss_table("t", 1)
    transfers = Transfers(Tournament.from_losses(table).transfers())
    implied = NovelTasks.of(transfers, [2]).rows[0].win_rates
    counted = NovelTasks.of(transfers, [2], losses={"t": table}).rows[0].win_rates
    assert implied["jigsaw"] == pytest.approx(counted["jigsaw"], abs=0.05)


def test_a_rival_is_not_compared_with_itself_nor_taken_from_the_target(tmp_path: Path) -> None:
    rows = (
        Transfer("jigsaw", ("denoise",), 0.6),
        Transfer("jigsaw", ("jigsaw",), 0.4),
        Transfer("jigsaw", ("random",), 0.2),
    )
    result = NovelTasks.of(Transfers(rows), [1])
    assert result.rows[0].win_rates == {"random": 0.6 / 0.8, "denoise": None, "jigsaw": None}
    result.save_tables(tmp_path)
    assert not (tmp_path / "novel_losses.csv").exists()


def test_a_target_without_transfers_from_others_is_named() -> None:
    rows = (Transfer("a", ("self",), 0.5), Transfer("a", ("b", "c"), 0.5))
    with pytest.raises(InputError, match="no transfer of order up to 1 from other tasks to a"):
        NovelTasks.of(Transfers(rows), [1])


def test_targets_without_transfers_from_others_are_left_out_and_named(tmp_path: Path) -> None:
    rows = (
        Transfer("a", ("self",), 0.5),
        Transfer("b", ("self",), 0.5),
        Transfer("b", ("a",), 0.3),
        Transfer("c", ("b",), None),
        Transfer("d", ("random",), 0.3),
        Transfer("e", ("a", "b"), 0.3),
    )
    result = NovelTasks.of(Transfers(rows), [1, 2])
    assert [(row.transfer.label, row.transfer.target, row.max_order) for row in result.rows] == [
        ("a", "b", 1),
        ("a", "b", 2),
        ("a+b", "e", 2),
    ]
    assert set(result.left_out) == {"a", "c", "d", "e, up to 1"}
    figure = draw_novel(result, ["b", "e"])
    assert {"B", "E"} <= {text.get_text() for text in figure.findobj(Text)}


def test_an_unknown_rival_and_a_missing_loss_table_are_named() -> None:
    transfers = random_transfers(tasks=4, seed=0)
    with pytest.raises(InputError, match="rivals: nobody is never a first-order source"):
        NovelTasks.of(transfers, [1], rivals=["nobody"])
    with pytest.raises(InputError, match=r"losses: no loss table for the target task00"):
        NovelTasks.of(transfers, [1], losses={})
