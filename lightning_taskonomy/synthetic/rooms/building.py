"""A whole building from a seed: plan, walls, furniture and light, combined in one scene."""

from functools import partial
from pathlib import Path

import numpy as np

from lightning_taskonomy.synthetic.render.scene import Lamp, LampKind, Room, Scene, Triangles
from lightning_taskonomy.synthetic.rooms.catalogue_models import Showroom
from lightning_taskonomy.synthetic.rooms.floor_plan import PlannedRoom, plan
from lightning_taskonomy.synthetic.rooms.furnishing import furnish
from lightning_taskonomy.synthetic.rooms.item import Item, Workshop
from lightning_taskonomy.synthetic.rooms.palette import Palette
from lightning_taskonomy.synthetic.rooms.relief import Relief
from lightning_taskonomy.synthetic.rooms.shapes import joined
from lightning_taskonomy.synthetic.rooms.shell import room_shell

_SKIES = ((0.95, 1.2, 1.55), (1.25, 1.3, 1.35), (0.30, 0.27, 0.34), (0.025, 0.03, 0.06))
"""Radiance of the sky at noon, when overcast, at dusk and at night."""


def build(seed: int, number: int, furniture: Path | None = None) -> Scene:
    """Generate building `number` of a seed; equal arguments give equal scenes.

    Args:
        seed: Seed of all buildings of a data set.
        number: Index of the building.
        furniture: Folder with catalogues of models, or None.

    Raises:
        InputError: a catalogue or a model in it is malformed.
    """
    random = np.random.default_rng([seed, number])
    rooms = plan(random)
    palette = Palette(np.random.default_rng([seed, number, 1]))
    time = int(random.choice(4, p=[0.5, 0.2, 0.15, 0.15]))
    bright = random.uniform(0.7, 1.25)
    sky = (_SKIES[time][0] * bright, _SKIES[time][1] * bright, _SKIES[time][2] * bright)
    showroom = None
    if furniture is not None:
        showroom = Showroom.opened(furniture, palette, np.random.default_rng([seed, number, 4]))
    items: list[Item] = []
    for index, room in enumerate(rooms):
        shop = Workshop(palette, np.random.default_rng([seed, number, 2, index]))
        items += room_shell(room, index, shop, sky)
        exchanged = partial(showroom.exchanged, room=index) if showroom is not None else None
        items += furnish(room, shop, time < 2, exchanged)
    relief = Relief.drawn(np.random.default_rng([seed, number, 3]))
    whole = [inner for item in items for inner in relief.applied(item).all_items()]
    lamps = [lamp for item in whole for lamp in item.lamps]
    if time == 0:
        lamps.append(_sun(random))
    return Scene(
        triangles=_triangles(whole, palette),
        materials=tuple(palette.materials),
        textures=tuple(palette.textures),
        lamps=tuple(lamps),
        rooms=_named(rooms),
        object_classes=np.array([int(item.object_class) for item in whole], np.int32),
        sky=sky,
    )


def _sun(random: np.random.Generator) -> Lamp:
    height, heading = random.uniform(0.35, 0.95), random.uniform(0, 2 * np.pi)
    flat = np.cos(height)
    towards = (float(flat * np.cos(heading)), float(flat * np.sin(heading)), float(np.sin(height)))
    strength = float(random.uniform(7.0, 12.0))
    return Lamp(LampKind.SUN, towards, (strength, strength * 0.92, strength * 0.78), radius=0.009)


def _triangles(items: list[Item], palette: Palette) -> Triangles:
    pieces = [(shape, material, index) for index, item in enumerate(items) for shape, material in item.pieces]
    counts = [len(shape.corners) for shape, _, _ in pieces]
    every = joined([shape for shape, _, _ in pieces])
    material = np.repeat([material for _, material, _ in pieces], counts).astype(np.int32)
    instance = np.repeat([index for _, _, index in pieces], counts).astype(np.int32)
    semantic = np.array([int(item.semantic) for item in items], np.uint8)[instance]
    uv = every.uv / np.array(palette.sizes)[material][:, None]
    return Triangles(
        corners=every.corners.astype(np.float32),
        normals=every.normals.astype(np.float32),
        uv=uv.astype(np.float32),
        curvature=every.curvature.astype(np.float32),
        material=material,
        semantic=semantic,
        instance=instance,
    )


def _named(rooms: tuple[PlannedRoom, ...]) -> tuple[Room, ...]:
    seen: dict[str, int] = {}
    named = []
    for room in rooms:
        seen[room.kind] = seen.get(room.kind, 0) + 1
        named.append(
            Room(
                f"{room.kind}_{seen[room.kind]}",
                (*room.low, 0.0),
                (*room.high, room.ceiling),
                scene_class=room.kind,
            )
        )
    return tuple(named)
