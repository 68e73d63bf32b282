"""The DataModules of PASCAL-Context and NYUD, and a network trained on each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning
import torch
from PIL import Image
from torch import nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.switching.data.folders import NyudFolder, PascalFolder
from lightning_taskonomy.switching.data.pascal_nyud import NyudMT, PascalMT
from lightning_taskonomy.switching.data.switched_loader import Switching
from lightning_taskonomy.switching.methods import NetworkOptions
from lightning_taskonomy.switching.metrics import as_scored
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.switching.results import Results
from lightning_taskonomy.tasks.pascal_nyud import NYUD, PASCAL, PASCAL_CLASSES_WITH_NORMALS
from tests.switching.data.small_sets import HEIGHT, WIDTH, make_nyud, make_pascal

SIZE = 64
NAMES = [task.name for task in PASCAL]
OPTIONS: dict[str, Any] = {"size": SIZE, "batch_size": 2, "num_workers": 0}


@pytest.fixture(scope="module")
def pascal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pascal(tmp_path_factory.mktemp("pascal"))


@pytest.fixture(scope="module")
def nyud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_nyud(tmp_path_factory.mktemp("nyud"))


def test_tasks_take_turns_over_the_images_that_have_their_label(pascal: Path) -> None:
    seen: dict[str, list[str]] = {name: [] for name in NAMES}
    loader = PascalMT(str(pascal), NAMES, **OPTIONS).train_dataloader()
    for batch in loader:
        (name,) = batch.keys() - {"key"}
        seen[name] += batch["key"]
        assert "present" not in batch[name]
        assert batch[name]["input"].shape == (2, 1, 3, SIZE, SIZE)
        assert -1 <= float(batch[name]["input"].min()) < float(batch[name]["input"].max()) <= 1
    counts = {name: (len(keys), len(set(keys))) for name, keys in seen.items()}
    # Three images have people, which makes one batch of two; five have saliency, which makes two.
    assert counts == {
        "pascal_semseg": (6, 6),
        "pascal_parts": (2, 2),
        "pascal_edge": (6, 6),
        "pascal_normals": (6, 6),
        "pascal_saliency": (4, 4),
    }
    assert "2008_train0" not in seen["pascal_saliency"]


def test_evaluation_says_which_images_have_a_label(pascal: Path) -> None:
    module = PascalMT(str(pascal), NAMES, **{**OPTIONS, "batch_size": 3})
    (batch,) = list(module.val_dataloader())
    assert batch["key"] == ["2008_val0", "2008_val1", "2008_val2"]
    assert batch["pascal_parts"]["present"].tolist() == [True, False, True]
    assert batch["pascal_saliency"]["present"].tolist() == [False, True, True]
    assert "present" not in batch["pascal_edge"]
    assert all(batch[name]["input"] is batch["pascal_edge"]["input"] for name in NAMES)
    seg = batch["pascal_semseg"]
    assert not seg["mask"][:, :, :2].any()
    assert seg["mask"][:, :, 4:].all()
    again = next(iter(module.val_dataloader()))
    torch.testing.assert_close(again["pascal_semseg"]["input"], seg["input"])


def test_evaluation_has_labels_as_they_are_too(pascal: Path, nyud: Path) -> None:
    """Unchanged at the size of the image, while the network is trained on a square."""
    batch = next(iter(PascalMT(str(pascal), NAMES, **{**OPTIONS, "batch_size": 3}).val_dataloader()))
    folder = PascalFolder(pascal, "val", PASCAL_CLASSES_WITH_NORMALS)
    for name, label in (("semseg", "semseg"), ("parts", "parts"), ("edge", "edge"), ("saliency", "saliency")):
        parts = batch[f"pascal_{name}"]
        assert parts["target"].shape[-2:] == (SIZE, SIZE)
        for place, image in enumerate(batch["key"]):
            assert parts["own_target"][place].shape[-2:] == parts["own_mask"][place].shape == (HEIGHT, WIDTH)
            if "present" not in parts or parts["present"][place]:
                stored = folder.read(image, [label])[label]
                known = parts["own_mask"][place].numpy()
                np.testing.assert_array_equal(known, stored != 255)
                found = parts["own_target"][place].numpy().reshape(HEIGHT, WIDTH)
                np.testing.assert_array_equal(found[known], stored[known])
    (depths,) = list(NyudMT(str(nyud), ["nyud_depth"], **OPTIONS).val_dataloader())
    np.testing.assert_array_equal(
        depths["nyud_depth"]["own_target"][1][0], NyudFolder(nyud, "val").read("1001", ["depth"])["depth"]
    )
    training = next(iter(PascalMT(str(pascal), NAMES, **OPTIONS, switching="all").train_dataloader()))
    assert not any("own_target" in training[name] for name in NAMES)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(("classes", "rows"), [("published", (30, 50)), ([300], (10, 30)), ("all", (0, 50))])
def test_normals_count_on_the_chosen_classes(pascal: Path, split: str, classes: Any, rows: Any) -> None:  # noqa: ANN401
    """Of the file's classes 0, 300 and 46, only the last is in the published protocol."""
    module = PascalMT(str(pascal), ["pascal_normals"], **OPTIONS, normal_classes=classes)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[slice(*rows), slice(None) if rows != (10, 30) else slice(20, 50)] = True
    if split == "val":
        for batch in module.val_dataloader():
            for known in batch["pascal_normals"]["own_mask"]:
                np.testing.assert_array_equal(known, expected)
        return
    for batch in module.train_dataloader():
        counted = float(batch["pascal_normals"]["mask"].float().mean())
        # Rotated, and scaled by a quarter at most.
        assert 0.5 * expected.mean() < counted < min(1.6 * expected.mean(), 1.0001)


def test_other_classes_of_normals_are_refused(pascal: Path) -> None:
    with pytest.raises(InputError, match="normal_classes: expected published, all or numbers, found 'some'"):
        PascalMT(str(pascal), NAMES, normal_classes="some")  # type: ignore[arg-type]


def test_training_images_are_others_in_every_epoch_and_the_same_in_every_run(pascal: Path) -> None:
    def inputs(epochs: int) -> list[torch.Tensor]:
        loader = PascalMT(str(pascal), ["pascal_normals"], **OPTIONS).train_dataloader()
        return [batch["pascal_normals"]["input"] for _ in range(epochs) for batch in loader]

    first, both = inputs(1), inputs(2)
    assert all(torch.equal(found, expected) for found, expected in zip(both, first, strict=False))
    assert not any(torch.equal(later, earlier) for later in both[3:] for earlier in both[:3])


@pytest.mark.parametrize("switching", ["epoch", "all"])
def test_an_interrupted_epoch_goes_on(pascal: Path, switching: Switching) -> None:
    def module() -> PascalMT:
        return PascalMT(str(pascal), NAMES, **OPTIONS, switching=switching)

    whole = [batch["key"] for batch in module().train_dataloader()]
    interrupted = module()
    running = iter(interrupted.train_dataloader())
    started = [next(running)["key"] for _ in range(2)]
    resumed = module()
    resumed.load_state_dict(interrupted.state_dict())
    assert started + [batch["key"] for batch in resumed.train_dataloader()] == whole


def test_ranks_share_the_images(pascal: Path) -> None:
    class OfTwo:
        world_size, global_rank = 2, 0

    keys = []
    for rank in range(2):
        module = PascalMT(str(pascal), ["pascal_edge"], **OPTIONS)
        OfTwo.global_rank = rank
        module.trainer = OfTwo()  # type: ignore[assignment]
        keys += [key for batch in module.val_dataloader() for key in batch["key"]]
    assert sorted(keys) == ["2008_val0", "2008_val1", "2008_val2"]


def test_forty_classes_without_background(nyud: Path) -> None:
    module = NyudMT(str(nyud), ["nyud_semseg", "nyud_semseg40"], **OPTIONS)
    batch = next(iter(module.val_dataloader()))
    known = batch["nyud_semseg"]["target"] > 0
    assert torch.equal(batch["nyud_semseg40"]["mask"], known)
    assert torch.equal(batch["nyud_semseg40"]["target"][known], batch["nyud_semseg"]["target"][known] - 1)


def test_unknown_tasks_and_sets_are_refused(tmp_path: Path, pascal: Path) -> None:
    with pytest.raises(InputError, match=r"expected some of pascal_semseg, .* found 'nyud_depth'"):
        PascalMT(str(pascal), ["nyud_depth"])
    with pytest.raises(InputError, match="at least one task"):
        PascalMT(str(pascal), [])
    with pytest.raises(InputError, match="expected the list of the split's images"):
        NyudMT(str(tmp_path), ["nyud_depth"]).train_dataloader()


@pytest.mark.parametrize("switching", ["epoch", "mixed", "all"])
@pytest.mark.parametrize("data", ["pascal", "nyud"])
def test_networks_train_on_both_sets(
    request: pytest.FixtureRequest, tmp_path: Path, data: str, switching: Switching
) -> None:
    root: Path = request.getfixturevalue(data)
    tasks = [task.name for task in (PASCAL if data == "pascal" else NYUD) if task.name != "nyud_semseg40"]
    kind = PascalMT if data == "pascal" else NyudMT
    torch.manual_seed(0)
    network = SwitchingNetwork(
        tasks,
        SIZE,
        network=NetworkOptions(code=20, width=4, decoder_width=32),
        learning_rate=0.01,
        eight_bit=True,
    )
    trainer = pytorch_lightning.Trainer(
        default_root_dir=tmp_path / "runs" / "switching",
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        max_epochs=1,
    )
    module = kind(
        str(root), tasks, **{**OPTIONS, "batch_size": 5 if switching == "mixed" else 2}, switching=switching
    )
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    trainer.fit(network, module)
    assert not [name for name, value in network.named_parameters() if torch.equal(value, before[name])]
    assert torch.isfinite(trainer.callback_metrics["val/loss"])
    if switching == "all":
        trainer.predict(network, module)
        folder = tmp_path / "runs" / "switching" / "predictions"
        assert (folder / "sheet.png").exists()
        pictures = [path for path in folder.rglob("*.png") if path.name != "sheet.png"]
        images = [key for batch in module.val_dataloader() for key in batch["key"]]
        assert len(pictures) == len(tasks) * len(images)
        for path in pictures:  # at the images' own size, as they are scored
            with Image.open(path) as picture:
                assert picture.size == (WIDTH, HEIGHT)


def test_the_published_measures_are_written(pascal: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SwitchingNetwork(NAMES, SIZE, network=NetworkOptions(code=20, width=4, decoder_width=32))
    trainer = pytorch_lightning.Trainer(
        default_root_dir=tmp_path / "runs" / "switching",
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_test_batches=1,
    )
    trainer.test(network, PascalMT(str(pascal), NAMES, **OPTIONS), verbose=False)
    found = Results.load(tmp_path / "runs" / "switching")
    measures = [score.measure for score in found.scores]
    assert measures == ["miou", "miou", "ods_f", "mean", "miou"]
    assert all(np.isfinite(score.value) for score in found.scores)


def test_eight_bits_round_towards_zero_levels() -> None:
    torch.manual_seed(0)
    tasks = {task.name: task for task in PASCAL}
    normals = torch.randn(1, 3, 4, 4)
    found = as_scored(tasks["pascal_normals"], normals, (4, 4), eight_bit=True)
    units = nn.functional.normalize(normals, dim=1)
    levels = ((units.numpy() + 1) * 127.5).astype(np.uint8)
    np.testing.assert_allclose(found.numpy(), 2 * (levels / 255) - 1, atol=1e-6)
    logits = torch.randn(1, 1, 4, 4) * 3
    chances = torch.sigmoid(as_scored(tasks["pascal_edge"], logits, (4, 4), eight_bit=True))
    expected = (torch.sigmoid(logits) * 255).numpy().astype(np.uint8) / 255
    np.testing.assert_allclose(chances.numpy(), expected, atol=1e-6)
    classes = torch.randn(1, 21, 4, 4)
    assert as_scored(tasks["pascal_semseg"], classes, (4, 4), eight_bit=True) is classes
