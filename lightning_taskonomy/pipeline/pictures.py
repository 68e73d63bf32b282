"""Jobs that draw where transfers win and lose most, beside full supervision and training from scratch."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.output import make_folder, whole_file, write_csv
from lightning_taskonomy.core.weight_files import read_weights
from lightning_taskonomy.data.stream.examples import Examples
from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.pictures.drawing import Drawing
from lightning_taskonomy.pictures.drawn import drawn_input, drawn_output, drawn_target
from lightning_taskonomy.pictures.sheets import contact_sheet, enlarged
from lightning_taskonomy.pipeline.networks import (
    own_weights_file,
    scratch_weights_file,
    small_set,
    task_network,
)
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.pipeline.transfers import TransferFiles
from lightning_taskonomy.report.transfer_pictures import COLUMNS, FOLDER, INDEX, PARTS, Extreme
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy import LossTable
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF
from lightning_taskonomy.transfers.readout_network import readout_network, sources_of
from lightning_taskonomy.transfers.stored_inputs import StoredInputs

EXTREMES = 2
"""Images at either end, for each transfer."""
_BATCH = 16
_LEAST_PIXELS = 160
_QUALITY = 90


class Chosen(NamedTuple):
    """An image on which a transfer does best or worst.

    Attributes:
        transfer: sources joined by +.
        extreme: whether it is furthest ahead of training from scratch there, or furthest behind.
        image: key.
        losses: of the transfer, from scratch, and fully supervised.
    """

    transfer: str
    extreme: Extreme
    image: str
    losses: tuple[float, float, float]


class Shown(NamedTuple):
    """One image of the test split.

    Attributes:
        input: (V, C, H, W).
        target: as the task's output.
        mask: where the loss counts; None for everywhere.
        views: places of its views.
        outputs: of the contenders that are the same for all transfers, by name.
    """

    input: Tensor
    target: Tensor
    mask: Tensor | None
    views: Tensor
    outputs: dict[str, Tensor]


def index_file(settings: PipelineSettings, target: str) -> Path:
    """The table of the strips drawn for a target's transfers."""
    return settings.root / FOLDER / target / INDEX


def draw_transfers(settings: PipelineSettings, target: str) -> str:
    """A strip for each extreme of each transfer: input, label, the transfer, scratch, full supervision."""
    files = TransferFiles.of(settings, target)
    table = LossTable.read_parquet(settings.root / "losses" / f"{target}.parquet")
    drawn = [name for name in table.contenders if weights_of(files, name).exists()]
    chosen = extremes(table, drawn, EXTREMES)
    device = _device(settings)
    task, images = images_of(settings, target, sorted({choice.image for choice in chosen}), device)
    stored = StoredInputs(
        files.stores,
        sorted({source for name in drawn for source in sources_of(name)}),
        (files.readout_size.representation_channels, *(_side(files),) * 2),
    )
    folder = make_folder(index_file(settings, target).parent)
    rows = []
    for transfer in drawn:
        choices = [choice for choice in chosen if choice.transfer == transfer]
        of_transfer = [images[choice.image] for choice in choices]
        outputs = outputs_of(files, task, transfer, stored, of_transfer, device)
        for number, (choice, shown, output) in enumerate(zip(choices, of_transfer, outputs, strict=True)):
            name = f"{_short(transfer)}-{number}.jpg"
            _write(folder / name, _strip(task, shown, output))
            rows.append((choice.transfer, choice.extreme, choice.image, *choice.losses, name))
    for path in set(folder.glob("*.jpg")) - {folder / str(row[-1]) for row in rows}:
        path.unlink()  # of transfers that no longer exist
    write_csv(folder / INDEX, COLUMNS, rows)
    return sha256_of(folder / INDEX)


def weights_of(files: TransferFiles, transfer: str) -> Path:
    """The weights of a transfer's readout."""
    return files.path(transfer).with_suffix(".safetensors")


def extremes(table: LossTable, transfers: Sequence[str], number: int) -> list[Chosen]:
    """The images on which each transfer is furthest ahead of training from scratch, and furthest behind.

    Args:
        table: losses of a target's contenders, `pixels` and `self` among them.
        transfers: names of contenders.
        number: images at either end, at most; only those that are won or lost.
    """
    blocks = list(table.blocks())
    images = [key for keys, _ in blocks for key in keys]
    losses = np.concatenate([block for _, block in blocks])
    scratch, full = (losses[:, table.contenders.index(name)] for name in (SCRATCH, SELF))
    chosen = []
    for name in transfers:
        column = losses[:, table.contenders.index(name)]
        ahead = scratch - column
        order = np.argsort(-ahead, kind="stable")
        ends: Mapping[Extreme, list[int]] = {
            "win": [n for n in order[:number].tolist() if ahead[n] > 0],
            "loss": [n for n in order[::-1][:number].tolist() if ahead[n] < 0],
        }
        chosen += [
            Chosen(name, extreme, images[n], (float(column[n]), float(scratch[n]), float(full[n])))
            for extreme, places in ends.items()
            for n in places
        ]
    return chosen


def images_of(
    settings: PipelineSettings, target: str, keys: Sequence[str], device: torch.device
) -> tuple[Task, dict[str, Shown]]:
    """Images of the test split with the outputs of full supervision and of training from scratch."""
    data = small_set(settings, target)
    data.setup("test")
    task = data.tasks[0]
    examples = Examples.of(
        settings.shards, "test", [task], settings.size, settings.seed, same_each_epoch=True
    )
    place = {key: number for number, key in enumerate(examples.shards.index.keys)}
    contenders = {
        SELF: _network(settings, target, own_weights_file(settings, target), device),
        SCRATCH: _network(settings, target, scratch_weights_file(settings, target), device),
    }
    shown: dict[str, Shown] = {}
    for first in range(0, len(keys), _BATCH):
        packed, _ = examples.batch(0, np.array([place[key] for key in keys[first : first + _BATCH]]))
        assert packed is not None
        batch = packed.finished()
        parts = batch[target]
        outputs = {name: network(parts["input"].to(device)).cpu() for name, network in contenders.items()}
        for number, key in enumerate(batch["key"]):
            mask = parts["mask"][number] if "mask" in parts else None
            each = {name: output[number] for name, output in outputs.items()}
            shown[key] = Shown(
                parts["input"][number], parts["target"][number], mask, parts["views"][number], each
            )
    return task, shown


def _network(
    settings: PipelineSettings, target: str, path: Path, device: torch.device
) -> Callable[[Tensor], Tensor]:
    module = task_network(settings, target)
    module.network.load_state_dict(read_weights(path))
    return _judging(module, device)


def outputs_of(
    files: TransferFiles,
    task: Task,
    transfer: str,
    stored: StoredInputs,
    images: Sequence[Shown],
    device: torch.device,
) -> list[Tensor]:
    """A transfer's outputs for images, from the stored representations of their views."""
    sources = sources_of(transfer)
    readout = readout_network(task, len(sources), files.readout_size, files.settings.seed)
    readout.load_state_dict(read_weights(weights_of(files, transfer)))
    network = _judging(readout, device)
    representations = stored.of("test", torch.stack([shown.views for shown in images]), sources)
    return list(
        network(torch.cat([representations[source] for source in sources], dim=1).float().to(device)).cpu()
    )


def _judging(network: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    network = network.to(device).eval()

    def judge(given: Tensor) -> Tensor:
        with torch.no_grad():
            output: Tensor = network(given)
        return output.float()

    return judge


def _device(settings: PipelineSettings) -> torch.device:
    has_gpu = settings.machine.accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if has_gpu else "cpu")


def _side(files: TransferFiles) -> int:
    return Encoder.representation_side(files.readout_size.size)


def _short(transfer: str) -> str:
    """A short file name, however many sources there are."""
    return hashlib.sha256(transfer.encode()).hexdigest()[:16]


def _strip(task: Task, shown: Shown, output: Tensor) -> Drawing:
    outputs = (output, shown.outputs[SCRATCH], shown.outputs[SELF])
    drawings = (
        drawn_input(task, shown.input),
        drawn_target(task, shown.input, shown.target, shown.mask),
        *(drawn_output(task, shown.input, each, shown.mask) for each in outputs),
    )
    titles = [part.capitalize() for part in PARTS]
    return contact_sheet([[enlarged(drawing, _LEAST_PIXELS) for drawing in drawings]], titles=titles)


def _write(path: Path, strip: Drawing) -> None:
    content = BytesIO()
    Image.fromarray(strip).save(content, format="JPEG", quality=_QUALITY, subsampling=0)
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getvalue())
