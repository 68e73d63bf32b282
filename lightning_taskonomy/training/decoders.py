"""The decoder for a task's output, on top of representations or of a readout of them."""

from torch import nn

from lightning_taskonomy.nn import PairDecoder, PixelDecoder, VectorDecoder
from lightning_taskonomy.tasks.losses import CrossEntropy, SoftCrossEntropy
from lightning_taskonomy.tasks.task import Task


def decoder_of(
    task: Task,
    channels: int,
    side: int,
    pictures: int,
    pixel_width: int,
    hidden: int | None,
    extra_layers: int = 0,
    width_factor: float = 1.0,
) -> nn.Module:
    """A decoder with fresh weights.

    Args:
        task: whose outputs it predicts.
        channels: of each image's features.
        side: of the features, in pixels.
        pictures: number of images whose features are concatenated along channels.
        pixel_width: channels of a pixel decoder's first layer.
        hidden: width of a vector decoder's layers; None for the task's own.
        extra_layers: additional repetitions of the inner layers, 0 or 1; −1 removes those of pixel decoders.
        width_factor: scales both widths.
    """
    output = task.output
    inputs = channels * pictures
    if output.per_pixel:
        return PixelDecoder(
            output.channels,
            inputs,
            round(pixel_width * width_factor),
            is_bounded(task),
            output.size_divisor,
            1 + extra_layers,
        )
    layers = min(3, output.layers + max(0, extra_layers))
    values = inputs * side**2
    hidden = round((hidden or output.hidden) * width_factor)
    if output.of_pairs:
        return PairDecoder(output.outputs, values, pictures, hidden, layers, normalised=output.normalised)
    return VectorDecoder(output.outputs, values, hidden, layers, normalised=output.normalised)


def is_bounded(task: Task) -> bool:
    """Whether outputs per pixel lie within (-1, 1); else they are logits."""
    return not isinstance(task.loss, CrossEntropy | SoftCrossEntropy)
