"""Exporting networks to ONNX, which runs without Python; every export is run and compared."""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lightning_taskonomy.bank.network import BankNetwork
from lightning_taskonomy.bank.onnx_files import onnx_session
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import whole_file
from lightning_taskonomy.nn import PixelDecoder

PICTURES, OUTPUT, REPRESENTATION = "pictures", "output", "representation"
_TOLERANCE = 1e-3
"""Largest difference allowed, relative to the network's largest output."""


_ANOTHER_SIZE = 32
"""Pixels added to the height, and half of them to the width, of the second images compared."""


class _Exported(nn.Module):
    """Returns the output, if there is a decoder, and the representation; a single view has no axis."""

    def __init__(self, network: BankNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        views = pictures if _views(self.network) > 1 else pictures.unsqueeze(1)
        representation = self.network.represent(views)
        if self.network.decoder is None:
            return (representation,)
        return self.network.decoder(representation), representation


def export(network: BankNetwork, path: Path) -> float:
    """Write a network as ONNX, run it with onnxruntime, and compare.

    Its input is `pictures`: (B, C, H, W), or (B, views, C, H, W) for tasks of several views, with any B. H
    and W may be any multiples of 16, except for vector decoders, which are built for one size. Its outputs
    are `output`, if there is a decoder, and `representation`.

    Returns:
        The largest difference, relative to the network's largest output.

    Raises:
        InputError: the file cannot be written, or what it computes differs.
    """
    side, any_size = network.size, network.decoder is None or isinstance(network.decoder, PixelDecoder)
    example = _pictures(network, 2, side, side)
    axes = {0: "batch"} | ({example.ndim - 2: "height", example.ndim - 1: "width"} if any_size else {})
    outputs = {name: {0: "batch"} for name in (OUTPUT, REPRESENTATION)}
    if any_size:
        outputs = {name: {0: "batch", 2: f"{name}_height", 3: f"{name}_width"} for name in outputs}
    names = [REPRESENTATION] if network.decoder is None else [OUTPUT, REPRESENTATION]
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            # The exporter that will replace this one needs another package, and gives the same file.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                _Exported(network).cpu().eval(),
                (example,),
                temporary,
                input_names=[PICTURES],
                output_names=names,
                dynamic_axes={PICTURES: axes, **{name: outputs[name] for name in names}},
                dynamo=False,
            )
        compared = [example[:1]]
        if any_size:
            compared.append(_pictures(network, 3, side + _ANOTHER_SIZE, side + _ANOTHER_SIZE // 2))
        difference = max(_difference(network, temporary, 2 * pictures - 1) for pictures in compared)
    if not difference <= _TOLERANCE:
        path.unlink(missing_ok=True)
        raise InputError(f"{path}: its outputs differ from the network's by {difference:.1e}; not written")
    return difference


def _views(network: BankNetwork) -> int:
    return network.task.pictures or network.task.views


def _pictures(network: BankNetwork, batch: int, height: int, width: int) -> Tensor:
    views = (_views(network),) if _views(network) > 1 else ()
    shape = (batch, *views, network.encoder.input_channels, height, width)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def _difference(network: BankNetwork, path: Path, pictures: Tensor) -> float:
    exported = onnx_session(path).run(None, {PICTURES: pictures.numpy()})
    expected = [part.numpy() for part in _Exported(network)(pictures)]
    return max(
        float(np.abs(there - here).max() / max(np.abs(here).max(), 1e-12))
        for there, here in zip(exported, expected, strict=True)
    )
