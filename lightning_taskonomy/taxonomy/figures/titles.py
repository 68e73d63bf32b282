"""What a task is called in a picture: the tables' internal names are not what a reader should meet."""

_TITLES = {
    "autoencoder": "Autoencoding",
    "class_1000": "Object class. (1000)",
    "class_places": "Scene class.",
    "class_selected": "Object class. (100)",
    "colorization": "Colorization",
    "curvature": "Curvature",
    "denoise": "Denoising",
    "edge2d": "2D edges",
    "edge3d": "Occlusion edges",
    "ego_motion": "Egomotion",
    "fix_pose": "Camera pose (fixated)",
    "impainting_whole": "In-painting",
    "inpainting_whole": "In-painting",
    "jigsaw": "Jigsaw",
    "keypoint2d": "2D keypoints",
    "keypoint3d": "3D keypoints",
    "non_fixated_pose": "Camera pose (non-fix.)",
    "point_match": "Point matching",
    "random": "Random encoder",
    "reshade": "Reshading",
    "rgb2depth": "Z-depth",
    "rgb2mist": "Distance",
    "rgb2sfnorm": "Normals",
    "room_layout": "Room layout",
    "segment25d": "2.5D segmentation",
    "segment2d": "2D segmentation",
    "segmentsemantic": "Semantic segm.",
    "segmentsemantic_rb": "Semantic segm.",
    "vanishing_point": "Vanishing points",
    "vanishing_point_well_defined": "Vanishing points",
}


def title_of(task: str) -> str:
    """The English title of a task of the published dictionary; else its name, made readable."""
    if task in _TITLES:
        return _TITLES[task]
    words = task.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
