"""The task networks: encoder, decoders, discriminator. Plain torch modules; knows no data and no training."""

from lightning_taskonomy.nn.decoder import PixelDecoder, VectorDecoder
from lightning_taskonomy.nn.discriminator import Discriminator
from lightning_taskonomy.nn.encoder import Encoder
from lightning_taskonomy.nn.task_net import TaskNet

__all__ = ["Discriminator", "Encoder", "PixelDecoder", "TaskNet", "VectorDecoder"]
