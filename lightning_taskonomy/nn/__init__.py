"""The networks: encoder, decoders, discriminator, readout. Plain torch; no data, no training."""

from lightning_taskonomy.nn.decoder import PairDecoder, PixelDecoder, VectorDecoder
from lightning_taskonomy.nn.discriminator import Discriminator
from lightning_taskonomy.nn.encoder import Encoder
from lightning_taskonomy.nn.readout import Readout
from lightning_taskonomy.nn.switching.network import SwitchingNet
from lightning_taskonomy.nn.task_net import TaskNet

__all__ = [
    "Discriminator",
    "Encoder",
    "PairDecoder",
    "PixelDecoder",
    "Readout",
    "SwitchingNet",
    "TaskNet",
    "VectorDecoder",
]
