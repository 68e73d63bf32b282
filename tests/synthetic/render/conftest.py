import numpy as np
import pytest

from lightning_taskonomy.synthetic.render.prepared import PreparedScene, prepare
from lightning_taskonomy.synthetic.render.scene import Lamp, LampKind, Material, Room, Scene, Triangles
from lightning_taskonomy.synthetic.rooms.shapes import Shape, box, joined, sphere

SPHERE_CENTRE = np.array([0.0, 1.5, 1.2])
SPHERE_RADIUS_M = 0.25
ROOM_LOW, ROOM_HIGH = (-3.0, -2.0, 0.0), (3.0, 4.0, 2.5)


def triangles_of(shape: Shape, semantic: int) -> Triangles:
    count = len(shape.corners)
    return Triangles(
        corners=shape.corners.astype(np.float32),
        normals=shape.normals.astype(np.float32),
        uv=shape.uv.astype(np.float32),
        curvature=shape.curvature.astype(np.float32),
        material=np.zeros(count, np.int32),
        semantic=np.full(count, semantic, np.uint8),
        instance=np.full(count, int(semantic > 1), np.int32),
    )


def together(first: Triangles, second: Triangles) -> Triangles:
    return Triangles(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("corners", "normals", "uv", "curvature", "material", "semantic", "instance")
        )
    )


@pytest.fixture(scope="session")
def sphere_room() -> PreparedScene:
    """A closed room of 6 x 6 x 2.5 m with a sphere of radius 0.25 m that hangs in it."""
    shell = box(6.0, 6.0, 2.5).moved(0.0, 1.0, 0.0)
    inwards = Shape(
        shell.corners[:, ::-1], -shell.normals[:, ::-1], shell.uv[:, ::-1], shell.curvature[:, ::-1]
    )
    ball = sphere(SPHERE_RADIUS_M, 160).moved(*SPHERE_CENTRE)
    scene = Scene(
        triangles=together(triangles_of(joined([inwards]), 1), triangles_of(ball, 17)),
        materials=(Material(tint=(0.6, 0.6, 0.6)),),
        textures=(),
        lamps=(Lamp(LampKind.SPHERE, (0.0, 0.0, 2.3), (3.0, 3.0, 3.0), 0.1),),
        rooms=(Room("kitchen_1", ROOM_LOW, ROOM_HIGH, "kitchen"),),
        object_classes=np.array([-1, 883], np.int32),
    )
    return prepare(scene)
