"""Images of other sizes than the originals': their labels match those of the 512-pixel image, resized.

The annotator's formulas are in pixels of its 512 x 512 images. A view rendered at 256 pixels per side should
have the labels of one rendered at 512 after area averaging, as nearly as its coarser image allows. So widths
shrink with the side, variances with its square, and what is measured per pixel (the gradients) is divided by
the growth of a pixel.
"""

ORIGINAL_PIXELS = 512
"""Pixels per side of the annotator's images."""


def share_of_original(shape: tuple[int, ...]) -> float:
    """The shorter side of an image (H, W, ...) relative to the original's: 1 at 512 pixels."""
    return min(shape[:2]) / ORIGINAL_PIXELS
