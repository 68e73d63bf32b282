"""A scene prepared for many views: ray hierarchy, texture pyramids, tables of materials and lamps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.synthetic.render.ray_casting import RayCaster
from lightning_taskonomy.synthetic.render.scene import Floats, LampKind, Material, Scene

_LINEAR = np.where(
    np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_TEST_RAYS_PER_ROOM = 48


@dataclass(frozen=True)
class TexturePyramids:
    """Mipmaps of all textures, in one array.

    Attributes:
        texels: (n, 3) linear colours of all levels of all textures.
        starts: (textures, levels) first row of each level.
        widths: (textures, levels) columns of each level.
        heights: (textures, levels) rows of each level.
        counts: (textures,) number of levels.
    """

    texels: Floats
    starts: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class MaterialTable:
    """The scene's materials as columns."""

    texture: npt.NDArray[np.int32]
    tint: Floats
    emission: Floats
    specular: Floats
    gloss: Floats
    mirror: Floats


@dataclass(frozen=True)
class LampTable:
    """The scene's lamps as columns, and which rooms each lamp reaches (lamps, rooms)."""

    kind: npt.NDArray[np.int32]
    position: Floats
    power: Floats
    radius: Floats
    across: Floats
    along: Floats
    reaches: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PreparedScene:
    """A scene with everything that its views share.

    Attributes:
        scene: The scene.
        caster: Ray caster of its triangles.
        pyramids: Its textures.
        materials: Its materials.
        lamps: Its lamps.
        texture_density: (triangles,) texture repeats per metre.
        face_colour: (triangles, 3) mean linear colour, for indirect light.
        rooms_low: (rooms, 3) minimum corner of each room.
        rooms_high: (rooms, 3) maximum corner of each room.
    """

    scene: Scene
    caster: RayCaster
    pyramids: TexturePyramids
    materials: MaterialTable
    lamps: LampTable
    texture_density: Floats
    face_colour: Floats
    rooms_low: Floats
    rooms_high: Floats


def prepare(scene: Scene) -> PreparedScene:
    """Build the tables and the ray hierarchy of a scene."""
    caster = RayCaster(scene.triangles.corners)
    pyramids = _pyramids(scene.textures)
    materials = _material_table(scene.materials)
    return PreparedScene(
        scene=scene,
        caster=caster,
        pyramids=pyramids,
        materials=materials,
        lamps=_lamp_table(scene, caster),
        texture_density=_texture_density(scene),
        face_colour=_face_colour(scene, pyramids, materials),
        rooms_low=np.array([room.low for room in scene.rooms], np.float32).reshape(-1, 3),
        rooms_high=np.array([room.high for room in scene.rooms], np.float32).reshape(-1, 3),
    )


def _pyramids(textures: tuple[npt.NDArray[np.uint8], ...]) -> TexturePyramids:
    ladders = [_halvings(_LINEAR[texture]) for texture in textures] or [[np.ones((1, 1, 3), np.float32)]]
    most = max(map(len, ladders))
    shape = (len(ladders), most)
    starts, widths, heights = np.zeros(shape, np.int64), np.ones(shape, np.int64), np.ones(shape, np.int64)
    pieces: list[Floats] = []
    filled = 0
    for row, ladder in enumerate(ladders):
        for level, picture in enumerate(ladder):
            heights[row, level], widths[row, level] = picture.shape[:2]
            starts[row, level] = filled
            filled += picture.shape[0] * picture.shape[1]
            pieces.append(picture.reshape(-1, 3))
    counts = np.array([len(ladder) for ladder in ladders], np.int64)
    return TexturePyramids(np.concatenate(pieces), starts, widths, heights, counts)


def _halvings(picture: Floats) -> list[Floats]:
    ladder = [picture]
    while max(picture.shape[:2]) > 1:
        for axis in (0, 1):
            if picture.shape[axis] > 1:
                even = picture.shape[axis] // 2 * 2
                first = picture.take(range(0, even, 2), axis)
                picture = ((first + picture.take(range(1, even, 2), axis)) / 2).astype(np.float32)
        ladder.append(picture)
    return ladder


def _material_table(materials: tuple[Material, ...]) -> MaterialTable:
    return MaterialTable(
        texture=np.array([material.texture for material in materials], np.int32),
        tint=np.array([material.tint for material in materials], np.float32).reshape(-1, 3),
        emission=np.array([material.emission for material in materials], np.float32).reshape(-1, 3),
        specular=np.array([material.specular for material in materials], np.float32),
        gloss=np.array([material.gloss for material in materials], np.float32),
        mirror=np.array([material.mirror for material in materials], np.float32),
    )


def _lamp_table(scene: Scene, caster: RayCaster) -> LampTable:
    lamps = scene.lamps
    return LampTable(
        kind=np.array([lamp.kind for lamp in lamps], np.int32),
        position=np.array([lamp.position for lamp in lamps], np.float32).reshape(-1, 3),
        power=np.array([lamp.power for lamp in lamps], np.float32).reshape(-1, 3),
        radius=np.array([lamp.radius for lamp in lamps], np.float32),
        across=np.array([lamp.across for lamp in lamps], np.float32).reshape(-1, 3),
        along=np.array([lamp.along for lamp in lamps], np.float32).reshape(-1, 3),
        reaches=_reaches(scene, caster),
    )


def _reaches(scene: Scene, caster: RayCaster) -> npt.NDArray[np.bool_]:
    """Which lamps light which rooms, tested at a fixed set of points; other pairs need no rays."""
    reaches = np.ones((len(scene.lamps), len(scene.rooms)), np.bool_)
    if len(scene.rooms) == 1:
        return reaches
    share = np.random.default_rng(0).random((_TEST_RAYS_PER_ROOM, 3))
    for column, room in enumerate(scene.rooms):
        low, high = np.array(room.low), np.array(room.high)
        points = low + share * (high - low)
        for row, lamp in enumerate(scene.lamps):
            if lamp.kind == LampKind.SUN:
                continue
            towards = np.array(lamp.position) + 0.02 * np.cross(lamp.across, lamp.along) - points
            reaches[row, column] = not caster.blocked(points, towards, 0.99).all()
    return reaches


def _texture_density(scene: Scene) -> Floats:
    corners, uv = scene.triangles.corners, scene.triangles.uv
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64), axis=1
    )
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    covered = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return np.asarray(np.sqrt(covered / np.maximum(area, 1e-12)), np.float32)


def _face_colour(scene: Scene, pyramids: TexturePyramids, materials: MaterialTable) -> Floats:
    means = pyramids.texels[pyramids.starts[np.arange(len(pyramids.counts)), pyramids.counts - 1]]
    textured = np.where(
        materials.texture[:, None] >= 0, means[np.maximum(materials.texture, 0)], np.float32(1.0)
    )
    colour = (textured * materials.tint)[scene.triangles.material]
    if len(scene.triangles.colour):
        colour = colour * scene.triangles.colour.mean(axis=1)
    return np.ascontiguousarray(colour, np.float32)
