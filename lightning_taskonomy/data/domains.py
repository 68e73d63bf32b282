"""The format of each domain (kind of label) on disk: suffix, channels, bit depth, unit and invalid value.

One table for everything that writes, reads, checks or packs the Taskonomy/Omnidata folder layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENES_IN_FILES

DEPTH_UNITS_PER_METRE = 512
DEPTH_MAXIMUM_M = 128.0
DEPTH_INVALID = 65535
"""What a depth image holds where there is no surface."""


@dataclass(frozen=True)
class Domain:
    """One kind of label on disk.

    Attributes:
        name: the folder and the name inside file names.
        suffix: `png`, `npy` (class labels) or `json` (`point_info`).
        channels: of an image, 1 or 3; the length of a class vector; 0 for `point_info`.
        bits: bits per channel of an image; 32 for float vectors; 0 for `point_info`.
        unit: what the stored number means, in words.
        invalid: the stored value that means "no label here", if there is one.
        ids: whether values are ids, so that resizing takes the nearest pixel.
        other_length: another length that a class vector may have.
    """

    name: str
    suffix: Literal["png", "npy", "json"]
    channels: int
    bits: int
    unit: str
    invalid: int | None = None
    ids: bool = False
    other_length: int | None = None


def _table(*domains: Domain) -> Mapping[str, Domain]:
    return MappingProxyType({domain.name: domain for domain in domains})


DOMAINS: Mapping[str, Domain] = _table(
    Domain("rgb", "png", 3, 8, "sRGB colour"),
    Domain("normal", "png", 3, 8, "unit vector (right, down, into the scene), 127-centred"),
    Domain("depth_zbuffer", "png", 1, 16, "z-depth in 1/512 m", invalid=DEPTH_INVALID),
    Domain("depth_euclidean", "png", 1, 16, "distance to the camera in 1/512 m", invalid=DEPTH_INVALID),
    Domain("reshading", "png", 3, 8, "grey level of white surfaces lit from the camera"),
    Domain("principal_curvature", "png", 3, 8, "curvatures, the larger in red, 127-centred"),
    Domain("edge_occlusion", "png", 1, 16, "response of an edge detector on depth"),
    Domain("edge_texture", "png", 1, 16, "response of an edge detector on rgb"),
    Domain("keypoints2d", "png", 1, 16, "SURF response on rgb"),
    Domain("keypoints3d", "png", 1, 16, "NARF interest on depth"),
    Domain("segment_unsup2d", "png", 1, 8, "segment id from rgb", ids=True),
    Domain("segment_unsup25d", "png", 1, 8, "segment id from depth, normals and occlusion edges", ids=True),
    Domain("segment_semantic", "png", 1, 8, "0 uncertain, 1 background, 2 to 17 objects", ids=True),
    Domain("mask_valid", "png", 1, 8, "255 where the mesh has a surface, else 0", ids=True),
    Domain("class_object", "npy", 1000, 32, "logits over 1000 object classes"),
    Domain(
        "class_scene",
        "npy",
        SCENES_IN_FILES,
        32,
        "probabilities over 365 scene classes, or the 63 that Taskonomy keeps",
        other_length=len(SCENE_CLASSES),
    ),
    Domain("point_info", "json", 0, 0, "camera, point and room: metres and radians"),
)
