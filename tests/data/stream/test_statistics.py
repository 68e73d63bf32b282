import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.tasks.losses import SoftCrossEntropy
from tests.data.small_folder import make_folder


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("colours")
    source = make_folder(root / "in", ("ash",), domains=("rgb",))
    PackPlan(source, root / "out", {"ash": "train"}, Packing()).run(1)
    return root / "out"


def weights_of(
    packed: Path, statistics: Literal["taskonomy", "own"] = "taskonomy", colour_weights: Path | None = None
) -> tuple[float, ...] | None:
    given = None if colour_weights is None else str(colour_weights)
    data = TaskonomyDataModule(
        str(packed), ["colorization"], size=24, statistics=statistics, colour_weights=given
    )
    data.setup("fit")
    loss = data.tasks[0].loss
    assert isinstance(loss, SoftCrossEntropy)
    return loss.weights


def test_training_without_weights_of_colours_is_said(
    packed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "weights.npy"
    np.save(path, np.ones(313))
    with caplog.at_level(logging.INFO):
        assert weights_of(packed, "own") is not None
        assert weights_of(packed, colour_weights=path) == (1.0,) * 313
        assert "all colours have equal weights" not in caplog.text
        assert weights_of(packed) is None
        assert "colorization: all colours have equal weights" in caplog.text


@pytest.mark.parametrize("suffix", ["npy", "txt"])
def test_weights_of_colours_are_those_of_the_file(packed: Path, tmp_path: Path, suffix: str) -> None:
    weights = np.random.default_rng(0).uniform(0, 9.75, 313) * (np.arange(313) % 3 > 0)
    path = tmp_path / f"weights.{suffix}"
    if suffix == "npy":
        np.save(path, weights)
    else:
        np.savetxt(path, weights)
    for statistics in ("taskonomy", "own"):
        assert weights_of(packed, statistics, path) == pytest.approx(weights.tolist())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\n2\n", "expected the weights of 313 colour bins, 0 or more, found 2 numbers"),
        ("-1\n" * 313, "expected the weights of 313 colour bins"),
        ("nan\n" * 313, "expected the weights of 313 colour bins"),
        ("0\n" * 313, "expected the weights of 313 colour bins"),
        ("many\n" * 313, "cannot read these colour weights"),
        (None, "cannot read these colour weights"),
    ],
)
def test_other_files_are_refused(packed: Path, tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "weights.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        weights_of(packed, colour_weights=path)
    assert str(refused.value).startswith(str(path))
