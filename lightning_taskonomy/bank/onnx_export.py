"""Networks as ONNX, which other programs run without Python; what is written is run and compared."""

import warnings
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped, unused-ignore]
import torch
from torch import Tensor, nn

from lightning_taskonomy.bank.network import BankNetwork
from lightning_taskonomy.errors import InputError
from lightning_taskonomy.output import whole_file

PICTURES, OUTPUT, REPRESENTATION = "pictures", "output", "representation"
_TOLERANCE = 1e-3
"""Largest difference allowed, of the largest number that the network puts out."""


class _Exported(nn.Module):
    """Gives the output, where there is a decoder, and the representation."""

    def __init__(self, network: BankNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        representation = self.network.represent(pictures)
        if self.network.decoder is None:
            return (representation,)
        return self.network.decoder(representation), representation


def export(network: BankNetwork, path: Path) -> float:
    """Write a network as ONNX, run it by onnxruntime, and compare.

    Its input is `pictures`, (B, views, C, S, S), with any B; its outputs are `output`, where there is a
    decoder, and `representation`.

    Returns:
        The largest difference, as a share of the largest number that the network puts out.

    Raises:
        InputError: the file cannot be written, or what it computes differs.
    """
    task = network.task
    views, side = task.pictures or task.views, network.size
    example = torch.rand(
        2, views, network.encoder.input_channels, side, side, generator=torch.Generator().manual_seed(0)
    )
    names = [REPRESENTATION] if network.decoder is None else [OUTPUT, REPRESENTATION]
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            # The exporter that is to replace this one needs a package more, and gives the same file.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                _Exported(network).cpu().eval(),
                (example,),
                temporary,
                input_names=[PICTURES],
                output_names=names,
                dynamic_axes={name: {0: "batch"} for name in (PICTURES, *names)},
                dynamo=False,
            )
        difference = _difference(network, temporary, 2 * example[:1] - 1)
    if not difference <= _TOLERANCE:
        path.unlink(missing_ok=True)
        raise InputError(
            f"{path}: ONNX gives other numbers than the network, by {difference:.1e}; not written"
        )
    return difference


@torch.inference_mode()
def _difference(network: BankNetwork, path: Path, pictures: Tensor) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {PICTURES: pictures.numpy()})
    expected = [part.numpy() for part in _Exported(network)(pictures)]
    return max(
        float(np.abs(there - here).max() / max(np.abs(here).max(), 1e-12))
        for there, here in zip(found, expected, strict=True)
    )
