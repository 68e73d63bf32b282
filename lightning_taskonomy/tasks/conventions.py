"""The version of the label conventions, which packed sets, networks and checkpoints carry.

It increases when the meaning of label files, or their interpretation by tasks, changes. Older files are then
rejected, instead of silently disagreeing about the direction of normals.

1: normals towards the camera, room boxes in world axes, vanishing points of a view along x.
2: as in Taskonomy's real files: normals into the scene, room boxes with x and y swapped, vanishing points of
a view between x and y; reshading, edges, keypoints, curvature and scenes by the real formulas.
"""

from lightning_taskonomy.core.errors import InputError

LABEL_CONVENTIONS = 2


def require_conventions(found: object, origin: str, remedy: str) -> None:
    """Reject a file that follows other conventions.

    Args:
        found: Its version; None if it has none, which means version 1.
        origin: Its name, for the message.
        remedy: What to do about it, for the message.

    Raises:
        InputError: the versions differ; the message names both and the remedy.
    """
    if found != LABEL_CONVENTIONS:
        raise InputError(
            f"{origin}: made by label conventions {1 if found is None else found}, expected "
            f"{LABEL_CONVENTIONS} (normals point into the scene, as in Taskonomy's files); {remedy}"
        )
