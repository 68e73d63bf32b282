"""Every `taxonomy` command as a user calls it, on the project's shipped table."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.taxonomy import LossTable, TaxonomyProblem, Transfers
from tests.taxonomy.tables import read_rows

SHIPPED = Path(__file__).parents[2] / "data" / "transfers.csv"


def run(command: str, *words: str | Path) -> int:
    return main(["taxonomy", command, *map(str, words)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_solve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("solve", "--transfers", SHIPPED, "--budget", "3", "--out", tmp_path / "out") == 0
    words = capsys.readouterr().out
    expected = TaxonomyProblem(Transfers.read_csv(SHIPPED), budget=3).solve()
    assert json.loads((tmp_path / "out" / "taxonomy.json").read_text()) == expected.as_json()
    assert f"objective {expected.objective:.4f}" in words
    assert all(f"{t.target} " in words and f"<- {t.label}" in words for t in expected.transfers)
    assert names(tmp_path / "out") == {"taxonomy.json", "taxonomy.svg", "taxonomy.png"}
    assert "no intervals: they need the losses behind the table (--losses)" in words


def test_solve_with_losses_says_how_sure_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    losses = tmp_path / "losses"
    losses.mkdir()
    for target in "abc":
        contenders = ["self", "pixels", *sorted(set("abc") - {target})]
        keys = [f"building{index % 8}/{index}" for index in range(80)]
        values = rng.normal([0.0, 1.0, 0.4, 0.6], 0.5, (80, 4))
        LossTable.from_arrays(target, keys, contenders, values).write_parquet(losses)
    assert run("tournament", "--losses", losses, "--out", tmp_path / "t.csv") == 0
    options: list[str | Path] = ["--transfers", tmp_path / "t.csv", "--budget", "1", "--losses", losses]
    options += ["--resamplings", "200"]
    assert run("solve", *options, "--out", tmp_path / "out") == 0
    words = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "taxonomy.json").read_text())
    assert "95% intervals over 8 groups of images: objective " in words
    assert (found["intervals"]["groups"], found["intervals"]["resamplings"]) == (8, 200)
    low, high = found["intervals"]["objective"]
    assert low < found["objective"] < high
    assert sum(found["selection"]["sources"].values()) == pytest.approx(1)  # one source in every resampling
    rows = read_rows(tmp_path / "out" / "intervals.csv")
    assert len(rows) == 3 * 4 * 3
    gain = next(row for row in rows if (row["target"], row["sources"], row["measure"]) == ("a", "b", "gain"))
    table = {(row.target, row.label): row for row in Transfers.read_csv(tmp_path / "t.csv")}
    assert float(gain["value"]) == table["a", "b"].gain
    assert float(gain["low"]) < float(gain["value"]) < float(gain["high"])
    assert run("solve", *options, "--resamplings", "5", "--out", tmp_path / "o") == 2
    assert "resamplings: expected at least 100, found 5" in capsys.readouterr().err


def test_solve_passes_every_option_on(tmp_path: Path) -> None:
    options = ["--budget", "2.5", "--max-order", "2", "--targets", "depth,normals,edges_2d"]
    options += ["--importance", "depth=3", "--cost", "scene=0,normals=2", "--target-only", "depth"]
    options += ["--trained", "segments", "--excluded", "vanishing", "--solver", "highs"]
    assert run("solve", "--transfers", SHIPPED, *options, "--out", tmp_path) == 0
    expected = TaxonomyProblem(
        Transfers.read_csv(SHIPPED),
        budget=2.5,
        max_order=2,
        targets=["depth", "normals", "edges_2d"],
        importance={"depth": 3},
        cost={"scene": 0, "normals": 2},
        target_only=["depth"],
        trained=["segments"],
        excluded=["vanishing"],
    ).solve()
    assert json.loads((tmp_path / "taxonomy.json").read_text())["objective"] == pytest.approx(
        expected.objective
    )
    assert "segments" in expected.sources


def test_options_may_stand_in_a_file_and_the_command_line_wins(tmp_path: Path) -> None:
    config = tmp_path / "solve.yaml"
    config.write_text(
        f"transfers: {SHIPPED}\nbudget: 2\nmax_order: null\nsource_only: [scene]\nimportance: {{depth: 9}}\n"
    )
    assert run("solve", "--config", config, "--budget", "4", "--out", tmp_path / "out") == 0
    content = json.loads((tmp_path / "out" / "taxonomy.json").read_text())
    assert (content["budget"], content["max_order"]) == (4, None)
    assert "scene" not in {row["target"] for row in content["transfers"]}
    weight = {row["target"]: 9 if row["target"] == "depth" else 1 for row in content["transfers"]}
    weighted = sum(weight[row["target"]] * row["affinity"] for row in content["transfers"])
    assert content["objective"] == pytest.approx(weighted)


def test_the_shipped_configuration_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parents[1])
    assert run("solve", "--config", "configs/taxonomy_solve.yaml", "--out", tmp_path / "out") == 0


def test_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "--transfers", SHIPPED, "--orders", "1,3", "--out", tmp_path) == 0
    pictures = {f"{stem}.{kind}" for stem in PICTURES for kind in ("svg", "png")}
    assert names(tmp_path) == {"policies.csv", "summary.csv"} | pictures
    rows = read_rows(tmp_path / "summary.csv")
    assert len(rows) == 2 * 9
    assert "order 3  budget   9" in capsys.readouterr().out


PICTURES = ("grid_gain", "grid_quality", "heat_maps", "affinity")


def test_evaluate_names_budgets_that_are_too_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--budgets", "1:3", "--cost", "depth=9", "--trained", "normals,scene", "--orders", "1"]
    assert run("evaluate", "--transfers", SHIPPED, *options, "--out", tmp_path) == 0
    assert "budgets below 2 cannot serve every target" in capsys.readouterr().err
    assert {row["budget"] for row in read_rows(tmp_path / "summary.csv")} == {"2", "3"}


def test_significance(tmp_path: Path) -> None:
    options = ["--draws", "50", "--budgets", "2,4", "--seed", "3"]
    assert run("significance", "--transfers", SHIPPED, *options, "--out", tmp_path) == 0
    assert names(tmp_path) == {"significance.csv", "significance.svg", "significance.png"}
    assert {row["draws"] for row in read_rows(tmp_path / "significance.csv")} == {"50"}


def test_novel(tmp_path: Path) -> None:
    assert run("novel", "--transfers", SHIPPED, "--rivals", "depth,scene", "--out", tmp_path) == 0
    assert names(tmp_path) == {"novel.csv", "novel.svg", "novel.png"}
    rows = read_rows(tmp_path / "novel.csv")
    assert len(rows) == 9 * 4
    assert all(row["target"] not in row["sources"].split("+") for row in rows)


def test_tree(tmp_path: Path) -> None:
    assert run("tree", "--transfers", SHIPPED, "--clusters", "3", "--out", tmp_path) == 0
    content = json.loads((tmp_path / "tree.json").read_text())
    assert sorted(task for group in content["clusters"] for task in group) == list(
        Transfers.read_csv(SHIPPED).tasks
    )
    assert len(content["clusters"]) == 3


def test_tree_of_the_published_table(tmp_path: Path, published: Path) -> None:
    assert run("tree", "--transfers", published, "--clusters", "4", "--out", tmp_path) == 0
    content = json.loads((tmp_path / "tree.json").read_text())
    assert {"class_1000", "class_places", "segmentsemantic_rb"} in [set(g) for g in content["clusters"]]


def test_sensitivity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = SHIPPED.read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(line for line in lines if "+scene" not in line))
    assert run("sensitivity", "--transfers", SHIPPED, tmp_path / "fewer.csv", "--out", tmp_path / "out") == 0
    assert "transfers and fewer: Spearman 1.000" in capsys.readouterr().out
    assert names(tmp_path / "out") == {
        "correlations.csv",
        "policies.csv",
        "sensitivity.svg",
        "sensitivity.png",
    }


def write_losses(folder: Path, target: str, contenders: list[str]) -> None:
    losses = np.random.default_rng(len(target)).random((60, len(contenders)))
    LossTable.from_arrays(target, [f"i{n}" for n in range(60)], contenders, losses).write_parquet(folder)


def test_from_loss_tables_to_every_result(tmp_path: Path) -> None:
    tasks = ["depth", "normals", "scene"]
    for target in tasks:
        write_losses(tmp_path / "losses", target, ["self", "pixels", *tasks, "depth+normals"])
    table = tmp_path / "transfers.csv"
    assert run("tournament", "--losses", tmp_path / "losses", "--own-encoders", "--out", table) == 0
    assert len(Transfers.read_csv(table)) == 3 * 6
    assert run("solve", "--transfers", table, "--budget", "2", "--out", tmp_path / "solve") == 0
    files = [tmp_path / "losses" / f"{task}.parquet" for task in tasks]
    evaluate: list[str | Path] = ["--transfers", table, "--losses", *files, "--out", tmp_path / "evaluate"]
    assert run("evaluate", *evaluate) == 0
    novel: list[str | Path] = [
        "--transfers",
        table,
        "--losses",
        tmp_path / "losses",
        "--out",
        tmp_path / "novel",
    ]
    assert run("novel", *novel) == 0
    assert "novel_losses.csv" in names(tmp_path / "novel")


def test_tournament_says_how_many_images_it_drops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = np.random.default_rng(0).random((20, 2))
    losses[4, 1] = np.nan
    LossTable.from_arrays("depth", [f"i{n}" for n in range(20)], ["self", "a"], losses).write_parquet(
        tmp_path
    )
    out = tmp_path / "t.csv"
    assert run("tournament", "--losses", tmp_path, "--out", out) == 2
    assert "target depth, image i4, contender a: expected a finite loss, found nan" in capsys.readouterr().err
    assert not out.exists()
    assert run("tournament", "--losses", tmp_path, "--drop-incomplete", "--out", out) == 0
    assert "depth: dropped 1 incomplete image\n" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["depth", "a+depth"])
def test_the_name_of_the_target_is_no_source_unless_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    write_losses(tmp_path / "losses", "depth", ["self", "a", column])
    words = ["--losses", str(tmp_path / "losses"), "--out", str(tmp_path / "t.csv")]
    assert run("tournament", *words) == 2
    error = capsys.readouterr().err
    assert f"depth.parquet, column '{column}': the target cannot be its own source" in error
    assert not (tmp_path / "t.csv").exists()
    assert run("tournament", *words, "--own-encoders") == 0
    assert run("solve", "--transfers", tmp_path / "t.csv", "--budget", "2", "--out", tmp_path / "o") == 0


HEAD = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"


def test_novel_leaves_out_whom_nothing_was_transferred_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text(HEAD + "s,self,1,0.6,0.9,0.5\nt,self,1,0.6,0.9,0.5\nt,s,1,0.3,0.7,0.3\n")
    assert run("novel", "--transfers", table, "--out", tmp_path / "o") == 0
    assert "left out: s: no transfer of order up to 4 from other tasks" in capsys.readouterr().err
    assert names(tmp_path / "o") == {"novel.csv", "novel.svg", "novel.png"}


def test_evaluate_without_first_order_transfers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        HEAD + "".join(f"{task},self,1,0.6,0.9,0.5\n" for task in "abc") + "a,b+c,2,0.3,0.7,0.3\n"
    )
    assert run("evaluate", "--transfers", table, "--budgets", "2,3", "--out", tmp_path / "o") == 0
    assert "affinity: no first-order transfers" in capsys.readouterr().err
    assert {"policies.csv", "summary.csv", "grid_gain.png"} <= names(tmp_path / "o")
    assert "affinity.png" not in names(tmp_path / "o")


def test_targets_with_commas_are_quoted(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(HEAD + '"a, b",self,1,0.6,0.9,0.5\nc,self,1,0.6,0.9,0.5\nd,self,1,0.6,0.9,0.5\n')
    words = ["--budget", "5", "--targets", '"a, b",c', "--cost", '"a, b"=3', "--out", str(tmp_path)]
    assert run("solve", "--transfers", table, *words) == 0
    found = json.loads((tmp_path / "taxonomy.json").read_text())
    assert [row["target"] for row in found["transfers"]] == ["a, b", "c"]
    assert found["spent"] == 4


def test_two_tables_of_one_target_and_an_empty_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run("tournament", "--losses", tmp_path / "empty", "--out", tmp_path / "t.csv") == 2
    assert "no loss tables (*.parquet) in this folder" in capsys.readouterr().err
    for folder in ("a", "b"):
        write_losses(tmp_path / folder, "depth", ["self", "x"])
    assert run("tournament", "--losses", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "t.csv") == 2
    assert "target depth already has the loss table" in capsys.readouterr().err


def test_options_name_the_tasks_of_a_published_table_in_any_way(tmp_path: Path, published: Path) -> None:
    found = []
    for number, names in enumerate(
        [("rgb2sfnorm", "rgb2depth", "edge3d"), ("normal", "depth_zbuffer", "edge_occlusion"),
         ("NORMALS", "z depth", "Occlusion edges")]
    ):  # fmt: skip
        normals, depth, edges = names
        out = tmp_path / str(number)
        options = ["--targets", ",".join(names), "--importance", f"{normals}=2", "--cost", f"{edges}=3"]
        options += ["--trained", depth, "--target-only", edges, "--budget", "4"]
        assert run("solve", "--transfers", published, *options, "--out", out) == 0
        found.append((out / "taxonomy.json").read_bytes())
    assert found[0] == found[1] == found[2]
    assert [row["target"] for row in json.loads(found[0])["transfers"]] == [
        "edge3d",
        "rgb2depth",
        "rgb2sfnorm",
    ]


def test_sensitivity_of_tables_with_different_names(tmp_path: Path, published: Path) -> None:
    words = {"rgb2sfnorm": "normal", "rgb2depth": "depth_zbuffer", "reshade": "reshading"}
    text = published.read_text()
    for internal, name in words.items():
        text = re.sub(rf"\b{internal}\b", name, text)
    (tmp_path / "ours.csv").write_text(text)
    options = ["--budgets", "8", "--max-order", "1", "--importance", "Normals=2"]
    options += ["--out", str(tmp_path / "out")]
    assert run("sensitivity", "--transfers", published, tmp_path / "ours.csv", *options) == 0
    rows = read_rows(tmp_path / "out" / "correlations.csv")
    assert all(float(row["spearman"]) == pytest.approx(1) for row in rows)
    assert "rgb2sfnorm" in {row["target"] for row in rows}
    changes = read_rows(tmp_path / "out" / "policies.csv")
    assert all(float(row["relative_change"]) == pytest.approx(0) for row in changes)


def test_unknown_and_ambiguous_tasks_are_refused_in_one_line(
    tmp_path: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, message in (
        ("normla", "unknown task 'normla' in .*; did you mean rgb2sfnorm"),
        ("object class", "'object class' is ambiguous; expected one of class_1000, class_selected"),
    ):
        options = ["--budget", "4", "--source-only", name, "--out", str(tmp_path / "out")]
        assert run("solve", "--transfers", published, *options) == 2
        error = capsys.readouterr().err
        assert re.search(f"source-only: {message}", error)
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
