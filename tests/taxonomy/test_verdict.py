import numpy as np

from lightning_taskonomy.taxonomy import LossTable, Taxonomy, TaxonomyProblem, Tournament, Transfers
from lightning_taskonomy.taxonomy.verdict import Verdict

BUILDINGS, PER_BUILDING = 12, 25


def table(target: str, shares: dict[str, float], buildings: int = BUILDINGS) -> LossTable:
    """Losses in which `self` beats each rival on exactly the given fraction of images."""
    count = buildings * PER_BUILDING
    keys = [f"building{image % buildings}/{image}" for image in range(count)]
    columns = {"self": np.ones(count)}
    for rival, share in shares.items():
        columns[rival] = np.where(np.arange(count) < round(share * count), 2.0, 0.5)
    return LossTable.from_arrays(target, keys, list(columns), np.stack(list(columns.values()), axis=1))


def taxonomy(*tables: LossTable) -> Taxonomy:
    rows = [row for one in tables for row in Tournament.from_losses(one).transfers()]
    return TaxonomyProblem(Transfers(tuple(rows)), budget=len(tables)).solve()


def test_networks_that_lose_to_the_constant_are_named_the_worst_first() -> None:
    tables = [
        table("normal", {"average": 0.28, "random": 0.9, "pixels": 0.8}),
        table("depth_zbuffer", {"average": 0.04, "random": 0.2, "pixels": 0.8}),
        table("reshading", {"average": 0.6, "random": 0.4, "pixels": 0.8}),
        table("edge_texture", {"average": 0.96, "random": 0.92, "pixels": 0.8}),
    ]
    verdict = Verdict.of(tables, taxonomy(*tables))
    first, second, *rest = verdict.lines({"depth_zbuffer": "Z-depth"})
    assert first == (
        "2 of 4 networks lose to the best constant guess (they win: Z-depth 4 %, normal 28 % of images): "
        "more data or longer training before this taxonomy means anything for them."
    )
    assert second == (
        "1 of 4 networks lose to a readout on an untrained encoder (they win: reshading 40 % of images): "
        "longer training may help."
    )
    assert rest == ["The evidence is 300 test images of 12 groups (buildings)."]
    assert set(verdict.doubtful) == {"normal", "depth_zbuffer", "reshading"}
    assert not verdict.is_good


def test_a_good_run_is_called_so() -> None:
    tables = [table(name, {"average": 0.9, "random": 0.8, "pixels": 0.7}) for name in ("normal", "reshading")]
    verdict = Verdict.of(tables, taxonomy(*tables))
    assert verdict.is_good
    assert verdict.lines() == [
        "All 2 networks beat the best constant guess and a readout on an untrained encoder on more than half "
        "of the images.",
        "The evidence is 300 test images of 12 groups (buildings).",
    ]


def test_little_evidence_and_transfers_that_lose_to_scratch_are_told() -> None:
    few = np.arange(50) < 15
    columns = {
        "self": np.ones(50),
        "average": np.where(np.arange(50) < 45, 2.0, 0.5),
        "pixels": np.where(few, 2.0, 0.5),
        "depth_zbuffer": np.full(50, 0.6),
    }
    keys = [f"building{image % 2}/{image}" for image in range(50)]
    losses = np.stack(list(columns.values()), axis=1)
    tables = [LossTable.from_arrays("normal", keys, list(columns), losses)]
    verdict = Verdict.of(tables, taxonomy(*tables))
    assert not verdict.is_good
    _, scratch, evidence = verdict.lines()
    assert scratch.startswith("Training from scratch on the small set beats the chosen transfer")
    assert "for normal" in scratch
    assert evidence == (
        "The evidence is 50 test images of 2 groups (buildings): too few to tell close contenders apart; "
        "aim at 250 images and 10 groups or more."
    )


def test_a_tie_with_the_constant_is_no_win() -> None:
    tables = [table("normal", {"average": 0.5})]
    assert Verdict.of(tables, taxonomy(*tables)).doubtful == ("normal",)


def test_a_target_without_a_network_of_its_own_is_named() -> None:
    own = table("normal", {"average": 0.9})
    keys = [f"b{n}/{n}" for n in range(20)]
    other = LossTable.from_arrays("reshading", keys, ["normal", "pixels"], np.arange(40.0).reshape(20, 2))
    verdict = Verdict.of([own, other], taxonomy(own, other))
    assert verdict.unjudged == ("reshading",)
    assert any("Without a network of their own to judge: reshading." in line for line in verdict.lines())


def test_an_own_network_that_loses_to_scratch_is_not_called_a_transfer() -> None:
    keys = [f"b{place % 12}/{place}" for place in range(300)]
    losses = np.stack([np.full(300, 1.0), np.full(300, 0.5), np.full(300, 2.0)], axis=1)
    own = LossTable.from_arrays("normal", keys, ["self", "pixels", "average"], losses)
    verdict = Verdict.of([own], taxonomy(own))
    assert verdict.lose_to_scratch == ()
    assert verdict.own_lose_to_scratch == ("normal",)
    assert any("beats the fully trained network itself" in line for line in verdict.lines())
    assert not verdict.is_good
