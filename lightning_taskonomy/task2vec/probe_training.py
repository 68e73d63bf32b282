"""Where probes come from: a weight file, random weights, or self-supervised training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.core.pictures import PictureError
from lightning_taskonomy.core.processes import leave_signals_to_parent
from lightning_taskonomy.core.weight_files import read_weights
from lightning_taskonomy.nn.resnet import ResNet
from lightning_taskonomy.task2vec.features import Images
from lightning_taskonomy.task2vec.probe import Probe
from lightning_taskonomy.task2vec.running import Running, quiet

_ROTATIONS = 4


def probe_from_file(name: str, path: Path) -> Probe:
    """A ResNet with the weights of a checkpoint, except its classifier.

    Args:
        name: resnet18, resnet34 or resnet50; torchvision's and timm's weights fit.
        path: Path of the checkpoint. The width is read from it.

    Raises:
        InputError: the file cannot be read or belongs to another network.
    """
    state = read_weights(path)
    stem = next((value for key, value in state.items() if key.endswith("conv1.weight")), None)
    if stem is None or stem.ndim != 4:
        raise InputError(f"{path}: expected weights of a {name}; there is no conv1.weight")
    try:
        network = ResNet(name, classes=2, input_channels=stem.shape[1], width=len(stem))
        network.load_backbone(state)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Probe(network, about=f"{name}, weights of {path.name}")


def untrained_probe(name: str, width: int = 64, seed: int = 0) -> Probe:
    """A ResNet with random weights: the baseline that any other probe should beat."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = ResNet(name, classes=2, width=width)
    return Probe(network, about=f"{name}, width {width}, untrained (seed {seed})")


def self_supervised_probe(
    name: str,
    sets: Sequence[Images],
    width: int = 64,
    steps: int = 400,
    seed: int = 0,
    running: Running | None = None,
) -> Probe:
    """A ResNet trained without labels to predict how images are rotated (Gidaris et al., 2018).

    Args:
        name: resnet18, resnet34 or resnet50.
        sets: Image sets, all of one size; each is drawn equally often, whatever its length.
        width: Channels of its first layer; 64 is the published width, 16 trains in a minute without a GPU.
        steps: Training steps of 64 images.
        seed: Seed of weights, images and rotations.
        running: Devices, precision and workers.
    """
    running = running or Running()
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ResNet(name, classes=_ROTATIONS, width=width)
        module = _RotationNetwork(network, steps)
        trainer = running.trainer(max_steps=steps, max_epochs=-1)
        loader = DataLoader(
            _Drawn(sets, steps * 64, seed),
            batch_size=64,
            num_workers=running.workers,
            worker_init_fn=leave_signals_to_parent,
        )
        trainer.fit(module, loader)
    about = f"{name}, width {width}, trained on rotations of {sum(map(len, sets))} pictures, {steps} steps"
    return Probe(network.cpu().eval(), about=about)


def save_probe(probe: Probe, path: Path) -> None:
    """Write a probe's weights; `probe_from_file` reads them.

    Raises:
        InputError: the file cannot be written.
    """
    with whole_file(path) as temporary:
        torch.save(probe.network.state_dict(), temporary)


class _Drawn(Dataset[Tensor]):
    """Images drawn at random, all sets equally often."""

    def __init__(self, sets: Sequence[Images], count: int, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self._sets, self._of = list(sets), generator.integers(0, len(sets), count)
        self._place = generator.random(count)

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, place: int) -> Tensor:
        images = self._sets[self._of[place]]
        return readable_picture(images, int(self._place[place] * len(images)))


def readable_picture(images: Images, start: int = 0) -> Tensor:
    """The first readable image at or after `start`, wrapping around at the end.

    Raises:
        InputError: no image can be read.
    """
    damage = ""
    for step in range(len(images)):
        try:
            return images[(start + step) % len(images)]
        except PictureError as error:
            damage = str(error)
    raise InputError(f"none of the {len(images)} images can be read: {damage}")


class _RotationNetwork(LightningModule):
    """Learns to predict by which quarter turn a slightly shifted and recoloured image is rotated."""

    def __init__(self, network: ResNet, steps: int) -> None:
        super().__init__()
        self.network, self._steps = network, steps

    def training_step(self, pictures: Tensor, batch_idx: int) -> Tensor:
        """One step on a batch, each image rotated by a random multiple of 90°."""
        turns = torch.randint(_ROTATIONS, (len(pictures),), device=pictures.device)
        strength = 1 + 0.4 * (torch.rand(len(pictures), 3, 1, 1, device=pictures.device) - 0.5)
        margin = max(1, pictures.shape[-1] // 8)
        down, right = torch.randint(2 * margin + 1, (2,)).tolist()
        padded = functional.pad(pictures * strength, (margin,) * 4, mode="reflect")
        shifted = padded[..., down : down + pictures.shape[-2], right : right + pictures.shape[-1]]
        turned = torch.stack(
            [picture.rot90(turn, (1, 2)) for picture, turn in zip(shifted, turns.tolist(), strict=True)]
        )
        loss = functional.cross_entropy(self.network(turned), turns)
        self.log("train/loss", loss.detach(), prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of the many forms that Lightning takes
        """Adam with warm-up and annealing."""
        optimizer = Adam(self.parameters(), 1e-3, weight_decay=1e-4)
        schedule = OneCycleLR(optimizer, 2e-3, total_steps=self._steps + 1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
