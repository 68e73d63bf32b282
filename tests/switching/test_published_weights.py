"""The authors' own checkpoint, tested from the command line: against the published formulas written out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import jaccard_score
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.data.folders import PascalFolder
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.tasks.pascal_nyud import PASCAL, PASCAL_CLASSES_WITH_NORMALS
from tests.nn.test_switching_reference import CHANNELS, CODE, Weights, reference_weights, written_out
from tests.switching.data.small_sets import HEIGHT, WIDTH, make_pascal

CONFIG = Path(__file__).parents[2] / "configs" / "switching" / "pascal.yaml"
NAMES = [task.name for task in PASCAL]
SIZE = 64


@pytest.fixture(scope="module")
def weights() -> Weights:
    return reference_weights()


def save(path: Path, weights: Weights, **more: Any) -> Path:  # noqa: ANN401 - whatever a checkpoint holds
    """As written by the authors' training: states of Adam and the schedule, and a NumPy scalar."""
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    whole = {
        "epoch": 129,
        "iter": 40_560,
        "model_state": weights,
        "optimizer_state": optimizer.state_dict(),
        "scheduler_state": schedule.state_dict(),
        "best_loss": np.float64(1.25),
    }
    torch.save({**whole, **more}, path)
    return path


def test_an_authors_checkpoint_is_tested_from_the_command_line(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing else: no trained network of ours, no ImageNet weights."""
    monkeypatch.chdir(tmp_path)
    root = make_pascal(tmp_path / "set")
    save(tmp_path / "tsns_model.pth", {f"module.{name}": value for name, value in weights.items()})
    words = [
        f"--config={CONFIG}",
        "--model.reference=tsns_model.pth",
        f"--model.size={SIZE}",
        f"--data.root={root}",
        "--data.batch_size=2",
        "--data.num_workers=0",
        "--trainer.precision=32-true",
        "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false",
    ]
    assert main(["test", *words]) == 0
    found = json.loads(Path("runs/switching/published/results.json").read_text())
    scores = {score["task"]: score["value"] for score in found["scores"]}
    assert found["parameters"] == 18_258_805
    assert list(scores) == NAMES
    expected = by_hand(weights, root)
    assert scores["pascal_semseg"] == pytest.approx(expected["pascal_semseg"], abs=1e-3)
    assert scores["pascal_normals"] == pytest.approx(expected["pascal_normals"], abs=0.05)


@torch.no_grad()
def by_hand(weights: Weights, root: Path) -> dict[str, float]:
    """Mean IoU over all 21 classes, and mean angle on the classes with normals, at the images' size."""
    folder = PascalFolder(root, "val", PASCAL_CLASSES_WITH_NORMALS)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    rows, columns = np.arange(HEIGHT) * SIZE // HEIGHT, np.arange(WIDTH) * SIZE // WIDTH
    said, right, angles = [], [], []
    for image in folder.ids:
        photo = Image.open(root / "JPEGImages" / f"{image}.jpg").resize(
            (SIZE, SIZE), Image.Resampling.BICUBIC
        )
        pixels = torch.from_numpy(np.array(photo)).float() / 255
        picture = ((pixels - mean) / deviation).permute(2, 0, 1)[None]

        def output(slot: int, picture: Tensor = picture) -> Tensor:
            shared = written_out(weights, picture, slot, training=False)
            return functional.adaptive_avg_pool3d(shared[:, None], (CHANNELS[slot], SIZE, SIZE))[0, 0]

        labels = folder.read(image, ["semseg", "normals"])
        known = labels["semseg"] != 255
        said.append(output(0).argmax(dim=0).numpy()[np.ix_(rows, columns)][known])
        right.append(labels["semseg"][known])
        levels = (functional.normalize(output(3), dim=0) + 1) * 127.5
        scaled = functional.interpolate(levels[None], (HEIGHT, WIDTH), mode="bilinear")[0].numpy()
        normals = scaled.astype(np.uint8).astype(float) / 127.5 - 1
        normals /= np.linalg.norm(normals, axis=0)
        counts = np.square(labels["normals"]).sum(axis=-1) > 0
        along = (normals.transpose(1, 2, 0) * labels["normals"]).sum(axis=-1)[counts]
        angles.append(np.degrees(np.arccos(np.clip(along, -1, 1))))
    overlap = jaccard_score(
        np.concatenate(right), np.concatenate(said), average=None, labels=range(21), zero_division=0
    )
    return {
        "pascal_semseg": float(overlap.mean()),
        "pascal_normals": float(np.concatenate(angles).mean()),
    }


def network(path: Path, **options: Any) -> SwitchingNetwork:  # noqa: ANN401 - passed on
    return SwitchingNetwork(**{"tasks": NAMES, "size": SIZE, "reference": str(path), **options})


class Mark:
    """Would create a file if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("mark"), "run")


def test_no_code_in_a_checkpoint_is_run(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path / "evil.pth", weights, args=Mark())
    with pytest.raises(InputError, match=r"evil\.pth: .* could run code and is not read"):
        network(path)
    assert not Path("mark").exists()


def test_what_the_file_is_not_for_is_named(weights: Weights, tmp_path: Path) -> None:
    path = save(tmp_path / "tsns_model.pth", weights)
    with pytest.raises(InputError, match="reference: expected the tasks pascal_semseg, pascal_parts"):
        network(path, tasks=NAMES[::-1])
    with pytest.raises(InputError, match="reference: expected the method switching"):
        network(path, method="multi_decoder")
    with pytest.raises(InputError, match=r"nowhere\.pth: cannot read these weights"):
        network(tmp_path / "nowhere.pth")
    cut = {name: value for name, value in weights.items() if not name.startswith("conv_last")}
    message = r"cut\.pth: weights: expected decoder\.head\.weight of the switching network; it is missing"
    with pytest.raises(InputError, match=message):
        network(save(tmp_path / "cut.pth", cut))


def test_the_weights_are_those_of_the_file(weights: Weights, tmp_path: Path) -> None:
    module = network(save(tmp_path / "tsns_model.pth", weights))
    state = module.network.state_dict()
    assert torch.equal(state["network.decoder.head.weight"], weights["conv_last.0.weight"])
    assert state["network.embedding.layers.0.weight"].shape == (CODE, CODE)
    assert module.pretrained
