from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from lightning_taskonomy.bank.convert import convert, networks_in
from lightning_taskonomy.bank.network import BankNetwork, load, load_file
from lightning_taskonomy.bank.predictor import predict
from lightning_taskonomy.bank.shots import Shot
from lightning_taskonomy.bank.weights import read_published
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn import Encoder, PixelDecoder
from lightning_taskonomy.tasks import Task, task_named
from lightning_taskonomy.tasks.task import Standard
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.bank.small_networks import small_network, write_small_bank
from tests.nn.trained_statistics import unsettle


def equal(left: nn.Module, right: nn.Module) -> bool:
    ours, theirs = left.state_dict(), right.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("task", ["normal", "class_scene", "egomotion", "class_selected", "jigsaw"])
def test_there_and_back_gives_the_same_weights(task: str, tmp_path: Path) -> None:
    network = small_network(task)
    convert(network, "published", tmp_path / "published")
    published = load(task, tmp_path / "published")
    convert(published, "safetensors", tmp_path / "own")
    own = load(task, tmp_path / "own")
    assert equal(network, published)
    assert equal(network, own)


def test_published_classes_load_what_was_trained_here(tmp_path: Path, reference: ModuleType) -> None:
    torch.manual_seed(0)
    network = BankNetwork(task_named("normal"), 256, Encoder(), PixelDecoder(3))
    unsettle(network)
    files = convert(network, "published", tmp_path)
    theirs = reference.TaskonomyNetwork(out_channels=3)
    for part, file in zip((theirs.encoder, theirs.decoder), files, strict=True):
        part.load_state_dict(torch.load(file, weights_only=True)["state_dict"])
    pictures = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(network(pictures[:, None]), theirs(pictures), atol=1e-5, rtol=1e-5)


def test_checkpoint_of_training_is_read(tmp_path: Path) -> None:
    module = TaskNetwork("normal", 64, 8, (1, 1, 1, 1), 64, adversarial_after=None)
    checkpoint = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    network = load_file(tmp_path / "last.ckpt")
    assert (network.task.name, network.size) == ("normal", 64)
    assert equal(network, module.network)


def test_own_standardisation_travels_along(tmp_path: Path) -> None:
    own = Standard(tuple(range(6)), (2.0,) * 6)
    network = small_network("fixated_pose")
    network.task = replace(network.task, standard=own)
    convert(network, "safetensors", tmp_path)
    found: Task = load("fixated_pose", tmp_path).task
    assert found.standard == own


@pytest.mark.parametrize("task", ["normal", "class_scene", "fixated_pose", "colorization"])
def test_onnx_computes_the_same_for_any_batch_and_size(task: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX is absent: pip install '.[bank]'")
    network = small_network(task)
    (path,) = convert(network, "onnx", tmp_path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    channels, views = network.encoder.input_channels, network.task.views
    sizes = [(64, 64), (96, 48)] if isinstance(network.decoder, PixelDecoder) else [(64, 64)]
    for batch, size in product((1, 5), sizes):
        pictures = torch.rand(batch, views, channels, *size) * 2 - 1
        given = pictures[:, 0] if views == 1 else pictures
        output, representation = session.run(None, {"pictures": given.numpy()})
        with torch.no_grad():
            expected = network.represent(pictures)
            np.testing.assert_allclose(representation, expected, atol=1e-4, rtol=1e-3)
            np.testing.assert_allclose(output, network(pictures), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("task", ["normal", "class_scene", "fixated_pose"])
def test_what_a_network_was_trained_for_travels_through_the_published_layout(
    task: str, tmp_path: Path
) -> None:
    """Its images have 64 pixels; the authors' published files are all for 256."""
    network = small_network(task)
    if network.task.standard is not None:
        own = Standard(tuple(range(6)), (2.0,) * 6)
        network.task = replace(network.task, standard=own)
    convert(network, "published", tmp_path / "published")
    convert(load(task, tmp_path / "published"), "safetensors", tmp_path / "own")
    found = load(task, tmp_path / "own")
    assert (found.size, found.task.standard) == (64, network.task.standard)
    shot = Shot("photo", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    (_, before), (_, after) = (next(iter(predict([of], [shot]))) for of in (network, found))
    torch.testing.assert_close(after[task].output, before[task].output, atol=1e-5, rtol=1e-5)


def test_parts_of_different_networks_are_refused(tmp_path: Path) -> None:
    small, large = small_network("normal"), small_network("normal")
    large.size = 128
    convert(small, "published", tmp_path)
    next(tmp_path.glob("normal_decoder-*")).unlink()
    convert(large, "published", tmp_path)
    # Their encoders have the same weights, yet different names: the metadata counts too.
    encoders = sorted(tmp_path.glob("normal_encoder-*"))
    assert len(encoders) == 2
    for encoder in encoders:
        if read_published(encoder).about.size == 128:
            encoder.unlink()
    with pytest.raises(InputError, match="expected parts of one network"):
        load("normal", tmp_path)


def test_onnx_of_an_encoder_alone(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX is absent: pip install '.[bank]'")
    full = small_network("normal")
    (path,) = convert(BankNetwork(full.task, full.size, full.encoder, None), "onnx", tmp_path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["representation"]


def test_one_file_holds_one_task(tmp_path: Path) -> None:
    write_small_bank(tmp_path, "normal")
    file = tmp_path / "normal" / "weights.safetensors"
    assert list(networks_in(file)) == ["normal"]
    with pytest.raises(InputError, match="one file holds one task's network"):
        networks_in(file, ["normal", "reshading"])
    with pytest.raises(InputError, match="expected weights of reshading, found those of normal"):
        networks_in(file, ["reshading"])
