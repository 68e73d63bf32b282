"""Networks that start from the weights of others."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.training.task_network import TaskNetwork

SMALL: dict[str, Any] = {"size": 32, "width": 4, "blocks": (1, 1, 1, 1), "decoder_width": 32, "hidden": 16}


def network(task: str, **options: Any) -> TaskNetwork:  # noqa: ANN401 - passed on
    return TaskNetwork(task, **{**SMALL, "adversarial_after": None, **options})


def equal_parts(one: TaskNetwork, other: TaskNetwork) -> dict[str, bool]:
    others = other.network.state_dict()
    return {name: torch.equal(values, others[name]) for name, values in one.network.state_dict().items()}


def write(module: TaskNetwork, path: Path, kind: str) -> Path:
    weights = {name: values.contiguous() for name, values in module.network.state_dict().items()}
    if kind == "ckpt":
        torch.save({"state_dict": {f"network.{name}": values for name, values in weights.items()}}, path)
    elif kind == "safetensors":
        save_file(weights, path)
    else:
        encoder = {name.removeprefix("encoder."): one for name, one in weights.items() if "encoder." in name}
        torch.save({"state_dict": encoder}, path)
    return path


@pytest.mark.parametrize("kind", ["ckpt", "safetensors"])
def test_all_weights_of_the_same_task(kind: str, tmp_path: Path) -> None:
    trained = network("normal")
    begun = network("normal", start_from=str(write(trained, tmp_path / f"a.{kind}", kind)))
    assert all(equal_parts(begun, trained).values())


def test_another_tasks_encoder_and_its_decoder_without_the_last_layer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained = network("normal")
    path = write(trained, tmp_path / "a.ckpt", "ckpt")
    with caplog.at_level("INFO", "pytorch_lightning.utilities.rank_zero"):
        begun = network("depth_zbuffer", start_from=str(path))
    others = trained.network.state_dict()
    fresh = [
        name for name, values in begun.network.state_dict().items() if not torch.equal(values, others[name])
    ]
    assert fresh
    assert all(name.startswith("decoder.decoder_output.") for name in fresh)
    assert "a.ckpt: took the encoder, the decoder without decoder_output.0.weight" in caplog.text


def test_a_decoder_of_another_kind_is_left_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(network("normal"), tmp_path / "a.ckpt", "ckpt")
    with caplog.at_level("INFO", "pytorch_lightning.utilities.rank_zero"):
        network("class_scene", start_from=str(path))
    assert "took the encoder, not the decoder (fc0.weight: expected" in caplog.text


def test_a_published_encoder_alone(tmp_path: Path) -> None:
    trained = network("normal")
    begun = network(
        "normal", start_from=str(write(trained, tmp_path / "a.pth", "pth")), encoder_trained=False
    )
    same = equal_parts(begun, trained)
    assert all(same[name] for name in same if name.startswith("encoder."))
    assert not begun.network.encoder.conv1.weight.requires_grad


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("wide", "its encoder does not fit this network .conv1.weight: expected .4, 3, 7, 7., found .8"),
        ("absent", "cannot read these weights .No such file"),
        ("text", "expected weights, as of torch.save"),
    ],
)
def test_what_does_not_fit_is_one_line(kind: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    if kind == "wide":
        write(network("normal", width=8), path, "ckpt")
    if kind == "text":
        path.write_text("weights")
    with pytest.raises(InputError, match=message):
        network("normal", start_from=str(path))
