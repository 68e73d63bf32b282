"""Probes: finding classifiers, reading weights, training one without labels."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.nn.resnet import ResNet
from lightning_taskonomy.task2vec import Probe
from lightning_taskonomy.task2vec.images import ImageArrays
from lightning_taskonomy.task2vec.probe_training import (
    probe_from_file,
    save_probe,
    self_supervised_probe,
    untrained_probe,
)
from tests.task2vec.slow_loop import SmallNet, small_resnet


class OfTheUsers(pytorch_lightning.LightningModule):
    """A LightningModule that names its own classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.logits = nn.Linear(4, 2)

    @property
    def classifier(self) -> nn.Module:
        """The head."""
        return self.logits

    def forward(self, pictures: Tensor) -> Tensor:
        outputs: Tensor = self.logits(self.body(pictures))
        return outputs


def test_classifiers_are_found() -> None:
    assert Probe(ResNet("resnet18", width=4)).classifier == "fc"
    assert Probe(OfTheUsers()).classifier == "logits"
    assert Probe(SmallNet(), "last").classifier == "last"
    assert Probe(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 2))).classifier == "2"
    with pytest.raises(InputError, match="SmallNet does not name its classifier"):
        Probe(SmallNet())
    with pytest.raises(InputError, match="SmallNet has no module named 'fc'"):
        Probe(SmallNet(), "fc")


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("resnet18", [4800, 4736, 4736, 4736, 4736, 4480, 3840, 2560]),
        ("resnet34", [8512, 8448, 8448, 8448, 8448, 8064, 6912, 3584]),
    ],
)
def test_embeddings_are_as_long_as_the_published_ones(name: str, filters: list[int]) -> None:
    """By layers skipped: a number per filter, and with norms one per channel of normalisation too."""
    with torch.device("meta"):
        probe = Probe(ResNet(name))

    def length(skipped: int, norms: bool) -> int:
        layers = probe.filters(skipped, norms).values()
        return sum(len(layer.weight) for layer in layers if isinstance(layer.weight, Tensor))

    assert [length(skipped, norms=False) for skipped in range(8)] == filters
    with_norms = [2 * count for count in filters]
    with_norms[1] += 64  # the first convolution is skipped, its normalisation is not
    assert [length(skipped, norms=True) for skipped in range(8)] == with_norms
    with pytest.raises(InputError, match="no layer with weights is left"):
        length(8, norms=True)


def test_features_are_the_classifiers_input() -> None:
    network = OfTheUsers().eval()
    pictures = torch.randn(3, 3, 8, 8)
    found = Probe(network).features(pictures)
    torch.testing.assert_close(found[..., 0], network.body(pictures))
    resnet = small_resnet()
    pictures = torch.randn(2, 3, 32, 32)
    expected = resnet.features(pictures)[-1].mean((2, 3))
    torch.testing.assert_close(Probe(resnet).features(pictures)[..., 0], expected)


def test_maps_are_all_stages_at_one_resolution() -> None:
    network = small_resnet()
    pictures = torch.randn(2, 3, 64, 64)
    found = Probe(network).features(pictures, "maps", side=4).view(2, -1, 4, 4)
    stages = network.features(pictures)
    assert found.shape[1] == sum(network.channels)
    torch.testing.assert_close(found[:, :4], nn.functional.avg_pool2d(stages[0], 4))
    torch.testing.assert_close(found[:, 12:28], stages[2])


def write(path: Path, state: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if path.stem == "nested" else state, path)
    return path


@pytest.mark.parametrize("name", ["plain.pt", "nested.ckpt", "plain.safetensors"])
def test_checkpoints_are_read(tmp_path: Path, name: str) -> None:
    network = small_resnet(classes=1000)
    probe = probe_from_file("resnet18", write(tmp_path / name, network.state_dict()))
    pictures = torch.randn(2, 3, 32, 32)
    expected = network.features(pictures)[-1].mean((2, 3))
    torch.testing.assert_close(probe.eval().features(pictures)[..., 0], expected)
    assert probe.about == f"resnet18, weights of {name}"


class Evil:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    write(tmp_path / "larger.pt", ResNet("resnet34", width=4).state_dict())
    for name, message in (
        ("evil.pt", "evil.pt: expected weights"),
        ("text.pt", "text.pt: expected weights"),
        ("text.safetensors", "cannot read these weights"),
        ("other.pt", "there is no conv1.weight"),
        ("larger.pt", "larger.pt: weights: a resnet18 has no"),
        ("none.pt", "none.pt: cannot read these weights"),
    ):
        with pytest.raises(InputError, match=message):
            probe_from_file("resnet18", tmp_path / name)
    assert "unpickled" not in capsys.readouterr().out


def test_a_self_supervised_probe_learns_and_is_read_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pictures = generator.random((40, 32, 32)) * 0.3
    pictures[:, :10] += 0.7  # a bright sky
    images = ImageArrays(pictures, 32)
    probe = self_supervised_probe("resnet18", [images], width=4, steps=25)
    turned = torch.stack([images[place].rot90(turn, (1, 2)) for place in range(10) for turn in range(4)])
    with torch.no_grad():
        right = probe.network(turned).argmax(1) == torch.arange(4).repeat(10)
    assert right.float().mean() > 0.6
    assert probe.about == "resnet18, width 4, trained on rotations of 40 pictures, 25 steps"
    save_probe(probe, tmp_path / "probe.pt")
    again = probe_from_file("resnet18", tmp_path / "probe.pt")
    torch.testing.assert_close(again.eval().features(turned[:2]), probe.features(turned[:2]))


def test_untrained_probes_depend_on_the_seed_alone() -> None:
    first, same, other = (untrained_probe("resnet18", 4, seed).network.state_dict() for seed in (0, 0, 1))
    assert torch.equal(first["conv1.weight"], same["conv1.weight"])
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
