"""The renderer's input: triangles with their surface attributes, materials, lamps and rooms."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Triangles:
    """The surfaces of a scene, one row per triangle, nothing shared between rows.

    Attributes:
        corners: (n, 3, 3) world positions, metres; counter-clockwise seen from outside.
        normals: (n, 3, 3) unit normals at the corners, outwards.
        uv: (n, 3, 2) texture coordinates; 1 is one repeat of the texture.
        curvature: (n, 3, 2) principal curvatures k1 >= k2 at the corners, 1/m; a convex sphere has 1/r, 1/r.
        material: (n,) row of the scene's materials.
        semantic: (n,) semantic id: 0 uncertain, 1 background, 2 to 17 objects.
        instance: (n,) id of the object, a row of the scene's object classes.
        colour: (n, 3, 3) linear colour at the corners, multiplied with the material's, or (0, 3, 3) for none.
    """

    corners: Floats
    normals: Floats
    uv: Floats
    curvature: Floats
    material: npt.NDArray[np.int32]
    semantic: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.int32]
    colour: Floats = field(default_factory=lambda: np.zeros((0, 3, 3), np.float32))

    def __len__(self) -> int:
        return len(self.corners)


@dataclass(frozen=True)
class Material:
    """The appearance of a surface.

    Attributes:
        texture: Row of the scene's textures, or -1 for a plain colour.
        tint: Linear colour, multiplied with the texture.
        emission: Emitted linear radiance.
        specular: Fraction of light reflected at normal incidence, 0 to 1.
        gloss: Blinn-Phong exponent of highlights.
        mirror: Fraction of the surroundings reflected sharply at normal incidence; larger at grazing angles.
    """

    texture: int = -1
    tint: Colour = (1.0, 1.0, 1.0)
    emission: Colour = (0.0, 0.0, 0.0)
    specular: float = 0.0
    gloss: float = 20.0
    mirror: float = 0.0


class LampKind(IntEnum):
    """The shapes of lamps."""

    SPHERE = 0
    PANEL = 1
    SUN = 2


@dataclass(frozen=True)
class Lamp:
    """A light source; a size above zero makes soft shadows.

    Attributes:
        kind: A glowing sphere, a one-sided rectangular panel (a window, a ceiling light) or the sun.
        position: Centre, metres; for the sun, the direction towards it.
        power: Linear colour: intensity of a sphere, radiance of a panel, irradiance of the sun.
        radius: Radius of a sphere in metres, or of the sun in radians.
        across: Half of a panel's first edge, metres.
        along: Half of its second edge; light is emitted in the direction of across x along.
    """

    kind: LampKind
    position: Colour
    power: Colour
    radius: float = 0.0
    across: Colour = (0.0, 0.0, 0.0)
    along: Colour = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Room:
    """A box of the building in which cameras are placed, and its scene class.

    Attributes:
        name: Name as written to `point_info`.
        low: Minimum x, y, z of the room's inside, metres.
        high: Maximum x, y, z.
        scene_class: One of `SCENE_CLASSES`, or None if unknown.
    """

    name: str
    low: Colour
    high: Colour
    scene_class: str | None = None


@dataclass(frozen=True)
class Scene:
    """A whole building, ready to be rendered.

    Attributes:
        triangles: All surfaces.
        materials: Materials, indexed by `Triangles.material`.
        textures: sRGB images (rows, columns, 3) of any size, repeated infinitely.
        lamps: All lamps; without any, a headlight is used.
        rooms: At least one room.
        object_classes: ImageNet class (0 to 999) of each instance, or -1.
        sky: Linear radiance of the open sky at the zenith.
        baked_light: Whether textures and colours include the lighting, as in scans; they are then rendered
            unchanged.
        outside: Whether cameras are placed around it, as around an object, rather than in its rooms.
        notes: Messages about parts of its file that could not be used.
    """

    triangles: Triangles
    materials: tuple[Material, ...]
    textures: tuple[npt.NDArray[np.uint8], ...]
    lamps: tuple[Lamp, ...]
    rooms: tuple[Room, ...]
    object_classes: npt.NDArray[np.int32]
    sky: Colour = (0.9, 1.15, 1.5)
    baked_light: bool = False
    outside: bool = False
    notes: tuple[str, ...] = ()
