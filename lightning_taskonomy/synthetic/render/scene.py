"""What a renderer is given: triangles with all that surfaces carry, materials, lamps and rooms."""

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
        instance: (n,) which object this is; row of the scene's object classes.
        colour: (n, 3, 3) linear colour at the corners that multiplies the material, or (0, 3, 3) for none.
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
    """How a surface looks.

    Attributes:
        texture: row of the scene's textures, or -1 for a plain colour.
        tint: linear colour, multiplies the texture.
        emission: linear radiance that the surface gives off.
        specular: share of light that is reflected at normal incidence, 0 to 1.
        gloss: Blinn-Phong exponent of highlights.
        mirror: share of the surroundings reflected sharply at normal incidence; it grows towards grazing
            angles.
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
    """A source of light; a size above zero makes shadows soft.

    Attributes:
        kind: a glowing sphere, a one-sided rectangular panel (a window, a ceiling light) or the sun.
        position: centre, metres; of the sun, the direction towards it.
        power: linear colour: intensity of a sphere, radiance of a panel, irradiance of the sun.
        radius: of a sphere in metres; of the sun in radians.
        across: half of a panel's first edge, metres.
        along: half of its second edge; light leaves along across x along.
    """

    kind: LampKind
    position: Colour
    power: Colour
    radius: float = 0.0
    across: Colour = (0.0, 0.0, 0.0)
    along: Colour = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Room:
    """A box of the building: where cameras stand, and the label of the scene.

    Attributes:
        name: as written to `point_info`.
        low: least x, y, z of the room's inside, metres.
        high: greatest x, y, z.
        scene_class: name of one of `SCENE_CLASSES`, or None where unknown.
    """

    name: str
    low: Colour
    high: Colour
    scene_class: str | None = None


@dataclass(frozen=True)
class Scene:
    """A whole building, ready to be rendered.

    Attributes:
        triangles: all surfaces.
        materials: looked up by `Triangles.material`.
        textures: sRGB pictures (rows, columns, 3) of any size, repeated without end.
        lamps: all of them; without any, a headlight is used.
        rooms: at least one.
        object_classes: per instance, its class of the 1000 ImageNet classes or -1.
        sky: linear radiance of the open sky at the zenith.
        baked_light: whether textures and colours already hold the light, as in scans; then they are shown as
            they are.
        outside: whether cameras stand around it, as around an object, and not in its rooms.
        notes: what of its file could not be used, a line each.
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
