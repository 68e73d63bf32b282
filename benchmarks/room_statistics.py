"""How close rendered rooms are to real views: four statistics of typical views, beside those of real ones.

python -m benchmarks.room_statistics [BUILDINGS] [VIEWS]

- flat: fraction of pixels whose curvature label has both channels within 1 of the centre, 127; mean over
  views;
- six normals: fraction of pixels whose normal lies within 5 degrees of one of the six axes of the building;
  median over views;
- keypoints2d: the label as a fraction of its decoding range, 0 to 0.005 of 65535; mean over views;
- edge_occlusion: greatest value of a view's label; median over views.

The last two are computed by the formulas of the real labels, reimplemented here.
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
from skimage.feature import hessian_matrix_det
from skimage.filters import sobel

from lightning_taskonomy.synthetic.render import labels
from lightning_taskonomy.synthetic.render.photo import photograph
from lightning_taskonomy.synthetic.render.prepared import PreparedScene, prepare
from lightning_taskonomy.synthetic.render.surfaces import surfaces_along
from lightning_taskonomy.synthetic.render.viewpoints import View, plan_views
from lightning_taskonomy.synthetic.rooms.house import House

SIDE = 256
WITHIN_DEGREES = 5.0
DECODED_TO = 0.005 * 65535
REAL = (
    ("flat in curvature", "34 to 52 %"),
    ("six normals within 5°", "aim: under 75 %"),
    ("keypoints2d / range", "0.21 to 0.28"),
    ("edge_occlusion, maximum", "4,658 and 18,571"),
)


@dataclass(frozen=True)
class Figures:
    """The four statistics of one view."""

    flat: float
    six_normals: float
    keypoints: float
    occlusion: float


def figures(prepared: PreparedScene, view: View) -> Figures:
    """Measure one view."""
    camera = view.camera
    surfaces = surfaces_along(prepared, camera.location.astype(np.float32), camera.grid_directions())
    curvature = labels.curvature_picture(surfaces, camera)[..., :2].astype(int)
    along_axis = np.abs(surfaces.normal[surfaces.seen]).max(1)
    grey = photograph(prepared, camera, surfaces, 0) @ np.array([0.299, 0.587, 0.114]) / 255
    determinants = [hessian_matrix_det(grey, sigma) for sigma in np.linspace(1, 30, 10)]  # type: ignore[no-untyped-call]
    response = np.max(determinants, axis=0)
    keypoints = np.clip(response, 0, 1) * 65535
    depth = labels.depth_picture(labels.z_depth(surfaces, camera)).astype(float)
    mask = surfaces.seen.reshape(SIDE, SIDE)
    edges = sobel(np.sqrt(depth) / 256, mask=mask) * 65535  # type: ignore[no-untyped-call]
    return Figures(
        float((np.abs(curvature - 127) <= 1).all(-1).mean()),
        float((along_axis > np.cos(np.radians(WITHIN_DEGREES))).mean()),
        float(np.minimum(keypoints / DECODED_TO, 1).mean()),
        float(edges.max()),
    )


def main(buildings: int, views: int) -> None:
    found: list[Figures] = []
    making, triangles = 0.0, 0
    for number in range(buildings):
        start = time.process_time()
        prepared = prepare(House(0, number).load())
        making += time.process_time() - start
        triangles += len(prepared.scene.triangles)
        planned = plan_views(prepared, views, 1, SIDE, np.random.default_rng(number), "house")
        found += [figures(prepared, view) for view in planned]
    measured = (
        f"{100 * np.mean([f.flat for f in found]):.0f} %",
        f"{100 * np.median([f.six_normals for f in found]):.0f} %",
        f"{np.mean([f.keypoints for f in found]):.3f}",
        f"{np.median([f.occlusion for f in found]):,.0f}",
    )
    print(f"{len(found)} views of {buildings} buildings at {SIDE} pixels")
    print(f"{'':<26}{'here':>10}   real")
    for (name, real), value in zip(REAL, measured, strict=True):
        print(f"{name:<26}{value:>10}   {real}")
    print(f"a building: {triangles / buildings:,.0f} triangles, ready after {making / buildings:.1f} CPU s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6, int(sys.argv[2]) if len(sys.argv) > 2 else 12)
