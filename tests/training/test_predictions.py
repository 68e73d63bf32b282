import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.tasks.pixel_labels import SHORTEST_NORMAL
from lightning_taskonomy.training.predictions import WritePredictions
from lightning_taskonomy.training.task_module import Evaluated
from tests.training.one_convolution import SIZE, OneConvolution, data, pack_every_label, trainer

VIEWS = {f"point_{point}_view_{view}" for point in range(4) for view in range(3)}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_every_label(tmp_path_factory.mktemp("predictions"))


class Predicted(OneConvolution):
    """Keeps its outputs by key; can be made to return an odd key."""

    def __init__(self, task: str, key: str | None = None) -> None:
        super().__init__(task)
        self.outputs: dict[str, Tensor] = {}
        self.key = key

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> Evaluated:
        judged = super().predict_step(batch, batch_idx)
        if self.task.name == "room_layout":
            judged["output"][:, 2] = torch.inf
        self.outputs.update(zip(judged["key"], judged["output"], strict=True))
        if self.key is not None:
            judged["key"] = [self.key] * len(judged["key"])
        return judged


def predict(packed: Path, root: Path, task: str, key: str | None = None) -> Predicted:
    module = Predicted(task, key)
    run = trainer(root, callbacks=[WritePredictions(str(root / "out" / "deep"))])
    assert not run.predict(module, data(packed, [task]))
    return module


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_every_image_gets_a_picture(packed: Path, tmp_path: Path) -> None:
    module = predict(packed, tmp_path, "normal")
    folder = tmp_path / "out" / "deep" / "cedar"
    assert files(folder) == {f"{view}_normal.png" for view in VIEWS}
    assert set(module.outputs) == {f"cedar/{view}" for view in VIEWS}
    for key, output in module.outputs.items():
        with Image.open(tmp_path / "out" / "deep" / f"{key}_normal.png") as picture:
            assert picture.size == (SIZE, SIZE)
            drawn = np.asarray(picture)
        # The first two rows of the labels have no surface.
        vectors = output.double().numpy().transpose(1, 2, 0)[2:]
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        # An untrained network's vectors can be too short to point anywhere: those are drawn grey.
        expected = np.where(lengths < SHORTEST_NORMAL, 127, 127 * vectors / lengths + 127)
        assert np.abs(drawn[2:] - expected).max() <= 0.51
        assert np.abs(drawn[:2] - 200.0).max() <= 0.35 * 200 + 1


@pytest.mark.parametrize(
    ("task", "count"), [("room_layout", 9), ("class_scene", 63), ("egomotion", 18), ("point_matching", 2)]
)
def test_vectors_have_their_numbers_beside(packed: Path, tmp_path: Path, task: str, count: int) -> None:
    module = predict(packed, tmp_path, task)
    folder = tmp_path / "out" / "deep"
    expected_files = {f"{key}_{task}.{kind}" for key in module.outputs for kind in ("png", "json")}
    assert files(folder) == expected_files | {"sheet.png"}
    for key, output in module.outputs.items():
        read = json.loads((folder / f"{key}_{task}.json").read_text())
        assert (read["key"], read["task"], len(read["output"])) == (key, task, count)
        expected = output.double().numpy()
        if module.task.standard is not None:
            expected = expected * module.task.standard.deviation + module.task.standard.mean
        if task == "room_layout":
            assert read["output"][2] is None
            read["output"][2] = expected[2] = 0.0
        np.testing.assert_allclose(read["output"], expected, rtol=1e-6)


@pytest.mark.parametrize("key", ["../point_1_view_2", "cedar", "cedar/../../point_1_view_2", "cedar/view"])
def test_keys_cannot_name_files_elsewhere(packed: Path, tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=r"image .*: expected <building>/point_<P>_view_<V>, found"):
        predict(packed, tmp_path, "reshading", key)
    assert files(tmp_path) == set()


def test_a_broken_write_leaves_nothing(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(self: Image.Image, path: Path, format: str) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill_the_disk)
    with pytest.raises(InputError, match=r"_reshading\.png: cannot write this file \(No space left"):
        predict(packed, tmp_path, "reshading")
    assert files(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_said_before_work_begins(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    module = Predicted("reshading")
    with pytest.raises(InputError, match="cannot create this output folder"):
        trainer(tmp_path, callbacks=[WritePredictions(str(tmp_path / "out"))]).predict(
            module, data(packed, ["reshading"])
        )
    assert module.outputs == {}
