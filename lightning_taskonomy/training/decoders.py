"""The decoder that a task's output needs, of representations or of what a readout makes of them."""

from torch import nn

from lightning_taskonomy.nn import PairDecoder, PixelDecoder, VectorDecoder
from lightning_taskonomy.tasks.losses import CrossEntropy, SoftCrossEntropy
from lightning_taskonomy.tasks.task import Pixels, Task


def decoder_of(
    task: Task,
    channels: int,
    side: int,
    pictures: int,
    pixel_width: int,
    hidden: int,
    extra_layers: int = 0,
) -> nn.Module:
    """A decoder with fresh weights.

    Args:
        task: whose outputs it makes.
        channels: of what is read of each picture.
        side: of that, in pixels.
        pictures: how many there are, concatenated on channels.
        pixel_width: channels of a pixel decoder's first layer.
        hidden: width of a vector decoder's layers.
        extra_layers: how often the inner layers stand there beyond once: −1, 0 or 1.
    """
    output = task.output
    inputs = channels * pictures
    if isinstance(output, Pixels):
        return PixelDecoder(
            output.channels, inputs, pixel_width, is_bounded(task), output.size_divisor, 1 + extra_layers
        )
    layers = min(3, output.layers + max(0, extra_layers))
    values = inputs * side**2
    if output.of_pairs:
        return PairDecoder(output.outputs, values, pictures, hidden, layers, normalised=output.normalised)
    return VectorDecoder(output.outputs, values, hidden, layers, normalised=output.normalised)


def is_bounded(task: Task) -> bool:
    """Whether outputs per pixel lie within (-1, 1); else they are logits."""
    return not isinstance(task.loss, CrossEntropy | SoftCrossEntropy)
