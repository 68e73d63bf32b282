"""Pictures of other sizes than the originals': their labels are those of the 512-pixel picture, resized.

The formulas of the annotator count in pixels of its 512 x 512 pictures. A view rendered at 256 pixels per
side is meant to have the labels that one rendered at 512 has after area averaging, as near as its coarser
picture allows. So widths shrink with the side, areas with its square, and what is measured per pixel (the
gradients) is divided by what a pixel has grown.
"""

ORIGINAL_PIXELS = 512
"""Pixels per side of the annotator's pictures."""


def share_of_original(shape: tuple[int, ...]) -> float:
    """The shorter side of a picture (H, W, ...) as a share of the original's: 1 at 512 pixels."""
    return min(shape[:2]) / ORIGINAL_PIXELS
