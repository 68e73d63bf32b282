"""Which conventions stored labels follow: packed sets, networks and checkpoints carry the number.

It counts up when the meaning of label files, or what tasks make of them, changes: what was made before is
refused then, instead of disagreeing silently about which way a wall faces.

1: normals towards the camera, boxes of rooms in the world's own axes, vanishing points of a view along x.
2: as in Taskonomy's real files: normals into the scene, boxes with x and y in each other's place, vanishing
points of a view between x and y; reshading, edges, keypoints, curvature and scenes by the real formulas.
"""

from lightning_taskonomy.core.errors import InputError

LABEL_CONVENTIONS = 2


def require_conventions(found: object, origin: str, remedy: str) -> None:
    """Refuse what was made by other conventions.

    Args:
        found: the number that it carries; None where it carries none, as what follows the first ones.
        origin: what a message calls it.
        remedy: what to do about it.

    Raises:
        InputError: says both numbers, and what to do.
    """
    if found != LABEL_CONVENTIONS:
        raise InputError(
            f"{origin}: made by label conventions {1 if found is None else found}, expected "
            f"{LABEL_CONVENTIONS} (normals point into the scene, as in Taskonomy's files); {remedy}"
        )
