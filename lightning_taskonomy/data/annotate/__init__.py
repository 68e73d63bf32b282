"""Labels derived from an image, from its depth, or from both, as Omnidata's annotator derives them."""

from lightning_taskonomy.data.annotate.edges import edge_occlusion, edge_texture
from lightning_taskonomy.data.annotate.keypoints2d import keypoints2d
from lightning_taskonomy.data.annotate.keypoints3d import keypoints3d
from lightning_taskonomy.data.annotate.segments import segment_unsup2d, segment_unsup25d

__all__ = [
    "edge_occlusion",
    "edge_texture",
    "keypoints2d",
    "keypoints3d",
    "segment_unsup2d",
    "segment_unsup25d",
]
