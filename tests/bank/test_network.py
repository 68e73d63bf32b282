import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.functional import group_norm

from lightning_taskonomy import bank
from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.bank.network import load_file
from lightning_taskonomy.bank.published import PUBLISHED
from lightning_taskonomy.bank.weights import StoredNetwork, write_network, write_published
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder, PixelDecoder
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.bank.conftest import Written, publish
from tests.bank.small_networks import small_network
from tests.nn.trained_statistics import unsettle

_EVERY_KIND = ("normal", "class_scene", "room_layout")


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(entry.name, marks=() if entry.name in _EVERY_KIND else pytest.mark.slow)
        for entry in PUBLISHED
    ],
)
def test_outputs_equal_those_of_the_classes_that_wrote_the_files(
    task: str, tmp_path: Path, written_by_reference: Written
) -> None:
    encoder, decoder = written_by_reference(task, tmp_path)
    network = bank.load(task, tmp_path)
    pictures = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        expected = encoder(pictures)
        representation = network.encoder(pictures)
        torch.testing.assert_close(representation, expected, atol=1e-5, rtol=1e-5)
        if decoder is None or network.decoder is None:
            assert decoder is None
            assert network.decoder is None
        else:
            torch.testing.assert_close(
                network.decoder(representation), decoder(expected), atol=1e-5, rtol=1e-5
            )
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_normalised_representations_equal_the_reference(
    tmp_path: Path, written_by_reference: Written
) -> None:
    encoder, _ = written_by_reference("jigsaw", tmp_path)
    pictures = torch.rand(2, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        found = bank.load("jigsaw", tmp_path, normalised=True).encoder(pictures)
        expected = group_norm(encoder(pictures), 8)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_bank(tmp_path)
    with pytest.raises(InputError, match="LIGHTNING_TASKONOMY_BANK"):
        bank.load("normal")
    monkeypatch.setenv("LIGHTNING_TASKONOMY_BANK", str(tmp_path))
    assert bank.load("normal").task.name == "normal"
    assert bank.load("normal").task.name == "normal"


def test_sizes_follow_from_the_weights(tmp_path: Path) -> None:
    encoder, decoder = small_bank(tmp_path)
    network = bank.load("normal", tmp_path)
    pictures = torch.rand(2, 1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(pictures), decoder(encoder(pictures[:, 0])))


def test_a_single_encoder_file_says_its_task(tmp_path: Path) -> None:
    small_bank(tmp_path)
    network = load_file(next(tmp_path.glob("normal_encoder-*")))
    assert network.task.name == "normal"
    assert network.decoder is None


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    small_bank(tmp_path)
    path = next(tmp_path.glob("normal_decoder-*"))
    path.write_bytes(path.read_bytes()[:-1000])
    refused(
        tmp_path, rf"{path.name}: damaged or incomplete: expected SHA-256 \w+… as in its name, found \w+…"
    )


def test_truncated_file_whose_name_fits_is_refused(tmp_path: Path) -> None:
    from hashlib import sha256

    small_bank(tmp_path)
    path = next(tmp_path.glob("normal_encoder-*"))
    half = path.read_bytes()[:-20_000]
    path.unlink()
    (tmp_path / f"normal_encoder-{sha256(half).hexdigest()}.pth").write_bytes(half)
    refused(tmp_path, "cannot read these weights")


def test_another_tasks_decoder_is_refused(tmp_path: Path) -> None:
    small_bank(tmp_path)
    next(tmp_path.glob("normal_decoder-*")).unlink()
    publish(tmp_path, "normal", "decoder", PixelDecoder(1, width=64))
    refused(tmp_path, "decoder: expected 3 output channels, found 1")


def test_another_layout_is_refused(tmp_path: Path) -> None:
    publish(tmp_path, "normal", "encoder", torch.nn.Conv2d(3, 8, 3))
    refused(tmp_path, "no conv1.weight in these weights")


def test_keys_are_strict(tmp_path: Path) -> None:
    weights = Encoder(width=8, blocks=(1, 1, 1, 1)).state_dict()
    del weights["layer2.0.bn1.weight"]
    write_published(tmp_path, "encoder", StoredNetwork(weights, None, "normal", 64))
    refused(tmp_path, "layer2.0.bn1.weight")


def test_decoder_without_encoder_is_refused(tmp_path: Path) -> None:
    small_bank(tmp_path)
    next(tmp_path.glob("normal_encoder-*")).unlink()
    refused(tmp_path, "a decoder of normal without its encoder")


def test_decoder_of_another_encoder_is_refused(tmp_path: Path) -> None:
    small_bank(tmp_path)
    next(tmp_path.glob("normal_decoder-*")).unlink()
    publish(tmp_path, "normal", "decoder", PixelDecoder(3, inputs=16, width=64))
    refused(tmp_path, "the decoder takes 16 inputs, which this encoder does not provide")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": _Malicious(tmp_path / "was_run")}, tmp_path / "x")
    from hashlib import sha256

    path = tmp_path / "x"
    path.rename(tmp_path / f"normal_encoder-{sha256(path.read_bytes()).hexdigest()}.pth")
    refused(tmp_path, "which could run code and is not read")
    assert not (tmp_path / "was_run").exists()


def test_two_files_of_one_part_are_refused(tmp_path: Path) -> None:
    small_bank(tmp_path)
    publish(tmp_path, "normal", "encoder", Encoder(width=8, blocks=(1, 1, 1, 1)))
    refused(tmp_path, "expected one encoder of normal, found normal_encoder-")


def test_absent_task_names_those_there(tmp_path: Path) -> None:
    small_bank(tmp_path)
    with pytest.raises(InputError, match=r"no weights of reshading in this folder; found normal"):
        bank.load("reshading", tmp_path)


class _Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def small_bank(folder: Path) -> tuple[Encoder, PixelDecoder]:
    torch.manual_seed(0)
    encoder = Encoder(width=8, blocks=(1, 1, 1, 1)).eval()
    decoder = PixelDecoder(3, width=64).eval()
    unsettle(encoder)
    unsettle(decoder)
    publish(folder, "normal", "encoder", encoder)
    publish(folder, "normal", "decoder", decoder)
    return encoder, decoder


def refused(folder: Path, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        bank.load("normal", folder)
    assert "\n" not in str(error.value)


def test_networks_trained_on_normals_towards_the_camera_are_refused(tmp_path: Path) -> None:
    network = small_network("normal")
    path = tmp_path / "weights.safetensors"
    write_network(path, network.stored)
    assert load_file(path).task.name == "normal"
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    del about["conventions"]
    save_file(weights, path, metadata={"about": json.dumps(about)})
    message = r": made by label conventions 1, expected 2 \(normals point into the scene.*\); train again$"
    with pytest.raises(InputError, match=r"weights\.safetensors" + message):
        load_file(path)
    # Weights from elsewhere have no metadata.
    save_file(weights, path)
    assert load_file(path, "normal").task.name == "normal"


def test_checkpoints_trained_on_normals_towards_the_camera_are_refused(tmp_path: Path) -> None:
    module = TaskNetwork("normal", 64, 8, (1, 1, 1, 1), 64, 32, adversarial_after=None)
    checkpoint: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "new.ckpt")
    assert load_file(tmp_path / "new.ckpt").task.name == "normal"
    del checkpoint["contender"]["conventions"]
    torch.save(checkpoint, tmp_path / "old.ckpt")
    with pytest.raises(InputError, match=r"old\.ckpt: made by label conventions 1, .*; train again$"):
        load_file(tmp_path / "old.ckpt")
    with pytest.raises(InputError, match=r"checkpoint: made by label conventions 1, .*; train again$"):
        module.on_load_checkpoint(checkpoint)


@pytest.mark.parametrize("place", ["rgb2sfnorm.safetensors", "rgb2sfnorm/weights.safetensors"])
@pytest.mark.parametrize("name", ["normal", "rgb2sfnorm", "NORMALS"])
def test_networks_of_earlier_runs_are_known_by_every_name(tmp_path: Path, place: str, name: str) -> None:
    earlier = replace(small_network("normal").stored, task="rgb2sfnorm")
    write_network(tmp_path / place, earlier)
    found = bank.load(name, tmp_path)
    assert found.task.name == "normal"
    assert load_file(tmp_path / place).task.name == "normal"
    assert list(BankFolder.open(tmp_path).entries) == ["normal"]
