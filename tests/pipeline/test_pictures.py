from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lightning_taskonomy.pipeline.pictures import extremes, images_of, outputs_of, weights_of
from lightning_taskonomy.pipeline.transfers import TransferFiles
from lightning_taskonomy.report.transfer_pictures import PARTS, TransferPictures
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.transfers.stored_inputs import StoredInputs
from tests.pipeline.tiny_run import TARGETS, settings

CPU = torch.device("cpu")


def test_extremes_are_the_ends_of_the_differences() -> None:
    random = np.random.default_rng(0)
    losses = random.random((30, 4))
    names = ["self", "pixels", "a", "a+b"]
    table = LossTable.from_arrays("t", [f"image{n}" for n in range(30)], names, losses)
    chosen = extremes(table, ["a", "a+b"], 3)
    for column, name in ((2, "a"), (3, "a+b")):
        by_margin = sorted(range(30), key=lambda n: losses[n, 1] - losses[n, column])
        found = {
            end: [one.image for one in chosen if (one.transfer, one.extreme) == (name, end)]
            for end in ("win", "loss")
        }
        assert found["win"] == [f"image{n}" for n in by_margin[::-1][:3]]
        assert found["loss"] == [f"image{n}" for n in by_margin[:3]]
    one = chosen[0]
    row = int(one.image.removeprefix("image"))
    assert one.losses == (losses[row, 2], losses[row, 1], losses[row, 0])


def test_what_always_wins_has_no_losses_to_show() -> None:
    losses = np.array([[0.1, 0.5, 0.2], [0.1, 0.6, 0.2], [0.1, 0.2, 0.2]])
    table = LossTable.from_arrays("t", ["x", "y", "z"], ["self", "pixels", "a"], losses)
    assert [(one.extreme, one.image) for one in extremes(table, ["a"], 3)] == [("win", "y"), ("win", "x")]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_outputs_that_are_drawn_have_the_losses_of_the_table(
    finished: Path, packed: Path, target: str
) -> None:
    run = settings(finished, packed)
    files = TransferFiles.of(run, target)
    table = LossTable.read_parquet(finished / "losses" / f"{target}.parquet")
    ((keys, losses),) = table.blocks()
    task, images = images_of(run, target, keys, CPU)
    shown = [images[key] for key in keys]
    targets = torch.stack([one.target for one in shown])
    masks = (
        None if shown[0].mask is None else torch.stack([one.mask for one in shown if one.mask is not None])
    )
    transfers = [name for name in table.contenders if weights_of(files, name).exists()]
    assert len(transfers) > len(run.source_names)  # of higher orders, too
    stored = StoredInputs(files.stores, [*run.source_names, "random"], (8, 2, 2))
    outputs = {name: outputs_of(files, task, name, stored, shown, CPU) for name in transfers}
    outputs |= {name: [one.outputs[name] for one in shown] for name in ("self", "pixels")}
    for name, output in outputs.items():
        expected = losses[:, table.contenders.index(name)]
        found = task.loss(torch.stack(output), targets, masks)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_every_transfer_is_shown_at_both_ends(finished: Path, packed: Path) -> None:
    run = settings(finished, packed)
    pictures = TransferPictures(finished)
    assert pictures.targets == sorted(TARGETS)
    for target in TARGETS:
        files = TransferFiles.of(run, target)
        found = pictures.of(target)
        assert {one.transfer for one in found} == {
            name
            for name in LossTable.read_parquet(finished / "losses" / f"{target}.parquet").contenders
            if weights_of(files, name).exists()
        }
        for one in found:
            assert (one.loss < one.loss_from_scratch) == (one.extreme == "win")
            with Image.open(BytesIO(one.picture)) as picture:
                assert picture.format == "JPEG"
                assert picture.width > len(PARTS) * 100
