import json
from pathlib import Path

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from lightning_taskonomy.taxonomy.taxonomy import mean
from tests.taxonomy.tables import random_transfers


def test_saved_files_hold_the_fixed_keys_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    taxonomy = TaxonomyProblem(random_transfers(tasks=8, seed=0), budget=3).solve()
    for folder in ("one", "two"):
        taxonomy.save(tmp_path / folder)
    content = json.loads((tmp_path / "one" / "taxonomy.json").read_text())
    assert set(content) >= {"status", "objective", "budget", "max_order", "spent", "sources", "transfers"}
    assert set(content["transfers"][0]) == {"target", "sources", "order", "affinity", "gain", "quality"}
    assert content["status"] == "optimal"
    assert sum(row["affinity"] for row in content["transfers"]) == pytest.approx(content["objective"])
    for name in ("taxonomy.json", "taxonomy.svg", "taxonomy.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_published_objectives_and_means(published: Path) -> None:
    transfers = Transfers.read_csv(published)
    expected = {
        (1, 8): (2.2472, 0.826, 0.389),
        (1, 26): (2.4573, 0.884, 0.500),
        (4, 8): (2.2794, 0.840, 0.413),
        (4, 13): (2.4215, 0.872, 0.472),
    }
    for (order, budget), (objective, gain, quality) in expected.items():
        taxonomy = TaxonomyProblem(transfers, budget, order).solve()
        assert taxonomy.mean_gain is not None
        assert taxonomy.mean_quality is not None
        assert round(taxonomy.objective, 4) == objective
        assert round(taxonomy.mean_gain, 3) == gain
        assert round(taxonomy.mean_quality, 3) == quality
        assert taxonomy.gap == 0


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    taxonomy = TaxonomyProblem(random_transfers(tasks=4, seed=0), budget=3).solve()
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="taken: cannot create this output folder"):
        taxonomy.save(tmp_path / "taken")


def test_means_are_over_what_was_measured() -> None:
    assert mean([0.5, None, 1.0]) == 0.75
    assert mean([None]) is None
