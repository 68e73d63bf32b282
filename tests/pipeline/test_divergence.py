"""A transfer that diverges is logged and left out; everything else continues."""

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.pipeline.tiny_run import TARGETS, TASKS, config, copy, files, table, taxonomy_run, written

WILD = "inpainting"


@pytest.fixture(scope="module")
def spoilt(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, not yet resumed, in which a source's stored representations have become infinite."""
    run = copy(finished, tmp_path_factory.mktemp("spoilt") / "run")
    part = run / "representations" / WILD / "val" / "part-000000.safetensors"
    (rows,) = load_file(part).items()
    spoilt_rows = torch.full_like(rows[1], torch.inf)
    save_file({rows[0]: spoilt_rows}, part)
    for target in TARGETS:
        for path in (run / "transfers" / target).glob(f"*{WILD}*"):
            path.unlink()
    return run


def test_the_run_finishes_without_it(spoilt: Path, packed: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = files(spoilt)
    with caplog.at_level(logging.WARNING):
        assert taxonomy_run(config(spoilt, packed)) == 0
    for target in TARGETS:
        assert f"target {target}: the transfer from {WILD} has diverged at step 0" in caplog.text
        assert f"{target} from {WILD}: diverged at step 0: left out" in caplog.text
        columns = table(spoilt / "losses" / f"{target}.parquet").column_names
        assert not [name for name in columns if WILD in name]
        assert set(TASKS) - {WILD} < set(columns)
        assert f"transfers/{target}/{WILD}.parquet" in written(before, files(spoilt))
    rows = (spoilt / "transfers.csv").read_text()
    assert WILD not in rows
    taxonomy = json.loads((spoilt / "taxonomy" / "taxonomy.json").read_text())
    assert WILD not in taxonomy["sources"]
    # It is recorded, and not tried again.
    before = files(spoilt)
    assert taxonomy_run(config(spoilt, packed)) == 0
    assert not {name for name in written(before, files(spoilt)) if name.startswith("transfers/")}
