"""Unreadable images are named, left out and counted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec import Probe, Running, Settings, embed_tasks
from lightning_taskonomy.task2vec.probe_training import self_supervised_probe
from lightning_taskonomy.task2vec.sources import read_tasks
from tests.task2vec.slow_loop import small_net

SETTINGS = Settings(head_epochs=1, epoch_samples=64, batch=2)


def folder(root: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (root / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("method", ["exact", "montecarlo", "batch", "variational"])
def test_the_other_images_are_embedded_as_usual(
    method: str, workers: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(method=method, head_epochs=1, epoch_samples=64, batch=2)  # type: ignore[arg-type]
    probe, running = Probe(small_net(), "last"), Running({"accelerator": "cpu", "devices": 1}, workers)
    root = folder(tmp_path / "all")
    damaged = [root / "ant" / "1.png", root / "bee" / "0.png", root / "bee" / "1.png"]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:100])
    (found,) = embed_tasks(probe, read_tasks("folder", root, 32), settings, running)
    for path in damaged:
        assert f"left out: {path}: cannot read this picture" in caplog.text
        path.unlink()
    assert "left out: 3 of 12 images, which cannot be read" in caplog.text
    (expected,) = embed_tasks(probe, read_tasks("folder", root, 32), settings, running)
    np.testing.assert_allclose(found.hessian, expected.hessian, rtol=1e-4)
    assert (found.meta["samples"], found.meta["left_out"]) == (9, 3)
    assert (expected.meta["samples"], expected.meta["left_out"]) == (9, 0)


def test_embedding_fails_only_if_no_image_can_be_read(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for path in root.glob("*/*.png"):
        path.write_bytes(b"")
    tasks = read_tasks("folder", root, 32)
    with pytest.raises(InputError, match=r"none of the 12 images can be read: .*0\.png: cannot read"):
        embed_tasks(Probe(small_net(), "last"), tasks, SETTINGS)
    with pytest.raises(InputError, match=r"none of the 12 images can be read: .*cannot read"):
        self_supervised_probe("resnet18", [tasks[0].images], width=4, steps=1)


def test_probes_are_trained_on_what_can_be_read(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "ant" / "0.png").write_bytes(b"")
    tasks = read_tasks("folder", root, 32)
    probe = self_supervised_probe("resnet18", [tasks[0].images], width=4, steps=2)
    assert "2 steps" in probe.about
