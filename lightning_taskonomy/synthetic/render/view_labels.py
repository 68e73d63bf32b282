"""All labels of one view: those computed from surfaces, and those derived from image and depth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.data.annotate import (
    edge_occlusion,
    edge_texture,
    keypoints2d,
    keypoints3d,
    segment_unsup2d,
    segment_unsup25d,
)
from lightning_taskonomy.synthetic.render import labels
from lightning_taskonomy.synthetic.render.class_labels import class_object, class_scene
from lightning_taskonomy.synthetic.render.photo import photograph
from lightning_taskonomy.synthetic.render.point_info import point_info
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import surfaces_along
from lightning_taskonomy.synthetic.render.viewpoints import View

Label = npt.NDArray[Any] | dict[str, Any]


def render_view(prepared: PreparedScene, view: View, noise_seed: int) -> Mapping[str, Label]:
    """Render a view.

    Args:
        prepared: The building.
        view: The view.
        noise_seed: Seed of the pattern of light samples.

    Returns:
        Labels by domain: images and vectors as arrays, `point_info` as a dictionary. `segment_semantic` and
        the class labels are omitted if the scene has no such information.
    """
    scene, camera = prepared.scene, view.camera
    surfaces = surfaces_along(prepared, camera.location.astype(np.float32), camera.grid_directions())
    depth = labels.z_depth(surfaces, camera)
    distance = depth * labels.distance_per_depth(camera)
    normals = labels.normal_picture(labels.camera_normals(surfaces, camera))
    rgb = photograph(prepared, camera, surfaces, noise_seed)
    stored_depth = labels.depth_picture(depth)
    occlusion = edge_occlusion(stored_depth)
    rendered: dict[str, Label] = {
        "rgb": rgb,
        "normal": normals,
        "depth_zbuffer": stored_depth,
        "depth_euclidean": labels.depth_picture(distance),
        "reshading": labels.reshading_picture(surfaces, camera),
        "principal_curvature": labels.curvature_picture(surfaces, camera),
        "mask_valid": labels.valid_picture(surfaces, camera),
        "edge_texture": edge_texture(rgb),
        "keypoints2d": keypoints2d(rgb),
        "segment_unsup2d": segment_unsup2d(rgb),
        "edge_occlusion": occlusion,
        "keypoints3d": keypoints3d(depth, camera.field_of_view_rads),
        "segment_unsup25d": segment_unsup25d(stored_depth, normals, occlusion),
        "point_info": point_info(view, None if scene.outside else scene.rooms[view.stand.room]),
    }
    if scene.triangles.semantic.any():
        rendered["segment_semantic"] = labels.semantic_picture(scene, surfaces, camera)
    if (scene.object_classes >= 0).any():
        rendered["class_object"] = class_object(scene, surfaces)
    if all(room.scene_class is not None for room in scene.rooms):
        rendered["class_scene"] = class_scene(scene, surfaces, view.stand.room)
    return rendered
