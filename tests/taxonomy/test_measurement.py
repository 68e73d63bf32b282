from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Measurement, TaxonomyProblem, Transfer, Transfers
from lightning_taskonomy.taxonomy.replay import Replay
from lightning_taskonomy.taxonomy.strength_model import draw_strengths

PUBLISHED = Path(__file__).parents[3] / "shared" / "published" / "transfers_16k.csv"


def hidden_table(tasks: int, seed: int, joined: bool = False) -> Transfers:
    """Affinities of tasks with two latent factors: like helps like; a tenth is pair-specific."""
    rng = np.random.default_rng(seed)
    names = [f"task{place:02d}" for place in range(tasks)]
    where = rng.normal(size=(tasks, 2))
    helpful = rng.normal(0, 0.2, tasks)
    rows = []
    for place, target in enumerate(names):
        logs = {
            source: float(-np.linalg.norm(where[place] - where[other]) + helpful[other] + rng.normal(0, 0.1))
            for other, source in enumerate(names)
            if other != place
        }
        choices = {(source,): np.exp(value) for source, value in logs.items()}
        if joined:
            for _ in range(8):
                pair = tuple(sorted(rng.choice(list(logs), 2, replace=False).tolist()))
                choices[pair] = 1.05 * max(np.exp(logs[name]) for name in pair)
        choices[("self",)] = 1.2 * max(choices.values())
        total = sum(choices.values())
        rows += [Transfer(target, key, float(value / total), 0.5, 0.5) for key, value in choices.items()]
    return Transfers(tuple(rows))


def with_self(table: Transfers, budget: float = 3, seed: int = 0, max_order: int = 1) -> Measurement:
    decided = Measurement(table.targets, table.tasks, budget, max_order, seed)
    for row in table:
        if row.is_self:
            decided.add(row.target, "self", row.affinity or 0.0, row.gain, row.quality)
    return decided


def affinity_of(table: Transfers, target: str, sources: str) -> float:
    wanted = set(sources.split("+"))
    return next(row.affinity or 0.0 for row in table if row.target == target and set(row.sources) == wanted)


def test_with_everything_measured_the_answer_is_the_program_s_and_there_is_no_regret() -> None:
    table = hidden_table(6, 0)
    decided = with_self(table)
    while pairs := decided.suggest(7):
        for target, sources in pairs:
            decided.add(target, sources, affinity_of(table, target, sources))
    assert len(decided.measured) == len(table)
    best = TaxonomyProblem(table, 3, 1).solve()
    assert decided.taxonomy().objective == pytest.approx(best.objective, abs=1e-12)
    assert decided.taxonomy().sources == best.sources
    assert decided.regret() == (0.0, 0.0)


def test_nothing_is_suggested_twice_nor_from_a_target_to_itself() -> None:
    table = hidden_table(6, 1)
    decided = with_self(table)
    seen = [pair for _ in range(10) for pair in decided.suggest(4)]
    assert len(seen) == len(set(seen)) == 6 * 5
    assert all(target != source for target, source in seen)
    assert decided.suggest(4) == []


def test_the_same_seed_gives_the_same_suggestions_and_what_was_measured_decides() -> None:
    table = hidden_table(7, 2)
    runs = []
    for _ in range(2):
        decided = with_self(table, seed=5)
        told = []
        for _ in range(3):
            pairs = decided.suggest(4)
            told.append(pairs)
            for target, sources in pairs:
                decided.add(target, sources, affinity_of(table, target, sources))
        runs.append((told, decided.regret()))
    assert runs[0] == runs[1]
    # Restarted from the same measurements, it decides the same.
    again = with_self(table, seed=5)
    for pairs in runs[0][0]:
        for target, sources in pairs:
            again.add(target, sources, affinity_of(table, target, sources))
    assert again.regret() == runs[0][1]


def test_the_program_s_doubt_finds_the_answer_sooner_than_chance_and_the_bound_holds() -> None:
    reached, held = [], []
    for seed in range(3):
        replay = Replay.of(
            hidden_table(10, seed), 3, share=0.6, seeds=1, policies=("program", "random"), per_round=9
        )
        (_, _, objective, *_), (_, _, by_chance, *_) = replay.summary()
        reached.append((objective, by_chance))
        held.append(replay.coverage())
    mean, by_chance = np.mean(reached, axis=0)
    assert mean > 0.97
    assert mean > by_chance + 0.03
    assert np.mean([value for value in held if value is not None]) >= 0.95


def test_higher_orders_are_suggested_among_the_best_and_found() -> None:
    table = hidden_table(6, 3, joined=True)
    best = TaxonomyProblem(table, 3, 2).solve()
    replay = Replay.of(table, 3, max_order=2, share=0.6, seeds=1, policies=("program",), per_round=5)
    assert replay.summary()[0][2] > 0.99
    assert replay.best.objective == best.objective
    decided = with_self(table, max_order=2)
    assert any("+" in sources for _, sources in decided.suggest(200))


def test_what_counts_for_nothing_is_measured_last() -> None:
    table = hidden_table(8, 4)
    # One target matters, its own network is unaffordable, and each target has an affordable source.
    only = dict.fromkeys(table.targets, 1e-6) | {"task03": 1.0}
    decided = Measurement(table.targets, table.tasks, 1, cost={"task03": 5.0}, importance=only)
    for row in table:
        if row.is_self:
            decided.add(row.target, "self", row.affinity or 0.0)
    for row in table:
        if row.sources == ("task00",) or row.target == "task00":
            decided.add(row.target, row.label, row.affinity or 0.0)
    pairs = decided.suggest(4)
    assert [target for target, _ in pairs].count("task03") == 4


@pytest.mark.parametrize(
    ("target", "sources", "affinity", "message"),
    [
        ("nobody", "task00", 0.1, "unknown task 'nobody'"),
        ("task00", "nobody", 0.1, "unknown task 'nobody'"),
        ("task00", "task01", float("nan"), "expected a finite number of at least 0, found nan"),
        ("task00", "task01", -1.0, "expected a finite number of at least 0, found -1"),
    ],
)
def test_what_cannot_have_been_measured_is_refused(
    target: str, sources: str, affinity: float, message: str
) -> None:
    decided = with_self(hidden_table(4, 0))
    with pytest.raises(InputError, match=message):
        decided.add(target, sources, affinity)


def test_without_a_measurement_there_is_no_answer_and_all_may_be_missing() -> None:
    decided = Measurement(["a", "b"], ["a", "b", "c"], 1)
    assert decided.regret() == (1.0, 1.0)
    with pytest.raises(InputError, match="nothing was measured of a, b"):
        decided.taxonomy()
    assert decided.suggest(2)


def test_draws_agree_with_what_was_measured_and_tell_how_little_is_known_of_the_rest() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    truth = left @ right.T * 0.5 + rng.normal(0, 0.1, (20, 20)) + rng.normal(0, 0.5, 20)
    known = rng.random(truth.shape) < 0.5
    drawn = draw_strengths(np.where(known, truth, np.nan), 60, np.random.default_rng(1)).values
    assert (drawn[:, known] == truth[known]).all()
    low, high = np.quantile(drawn[:, ~known], [0.05, 0.95], axis=0)
    covered = ((truth[~known] >= low) & (truth[~known] <= high)).mean()
    assert 0.8 <= covered <= 0.99
    error = np.sqrt(((drawn.mean(axis=0) - truth)[~known] ** 2).mean())
    assert error < 0.6 * truth[~known].std()


def test_the_published_table_from_a_fifth_of_its_transfers(tmp_path: Path) -> None:
    if not PUBLISHED.exists():
        pytest.skip("the published table is not beside this repository")
    table = Transfers.read_csv(PUBLISHED)
    replay = Replay.of(table, 8, seeds=1, per_round=19, policies=("program",))
    policy, share, objective, worst, gain, worst_gain = replay.summary()[0]
    assert (policy, round(share, 2), replay.transfers) == ("program", 0.2, 572)
    assert objective >= 0.995
    assert worst >= 0.985
    assert gain is not None
    assert worst_gain is not None
    assert gain >= 0.985
    assert worst_gain >= 0.95


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "transfers.csv"
    hidden_table(6, 5).write_csv(path)
    words = [
        "taxonomy",
        "measure",
        "--transfers",
        str(path),
        "--budget",
        "2",
        "--share",
        "0.5",
        "--seeds",
        "2",
    ]
    out = tmp_path / "out"
    assert main([*words, "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == {"measure.csv", "measure.svg", "measure.png"}
    header, *rows = (out / "measure.csv").read_text().splitlines()
    assert header.startswith("policy,seed,measured,share,objective,gain")
    assert {row.split(",")[0] for row in rows} == {"program", "per_target", "random"}
    assert "the bound on the regret held in" in capsys.readouterr().out
    no_self = tmp_path / "bare.csv"
    Transfers((Transfer("a", ("b",), 0.5), Transfer("b", ("a",), 0.5))).write_csv(no_self)
    assert (
        main(["taxonomy", "measure", "--transfers", str(no_self), "--budget", "2", "--out", str(out / "x")])
        == 2
    )
    assert "expected a row 'self' of a, b" in capsys.readouterr().err
