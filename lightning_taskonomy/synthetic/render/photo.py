"""The colour image: light at every pixel, smoothed within surfaces, then antialiased along edges."""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.synthetic.render.camera import Camera
from lightning_taskonomy.synthetic.render.lighting import Light, light_at
from lightning_taskonomy.synthetic.render.pixels import add_samples, find_edges, smooth
from lightning_taskonomy.synthetic.render.prepared import PreparedScene
from lightning_taskonomy.synthetic.render.surfaces import Surfaces, surfaces_along

Floats = npt.NDArray[np.float32]

_SAMPLES = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]])
"""Sample positions relative to the pixel centre: a rotated grid."""
_BOUNCES = 1
_STEPS = np.array([0.75487766624669, 0.56984029099805, 1 / 16, 7 / 16])
"""Steps between samples of a tile: evenly over lamps, and on a lattice of 16 points over directions."""
_TILE = 4
"""Side of a tile of pixels over which light samples are stratified; smoothing averages them."""


def photograph(
    prepared: PreparedScene, camera: Camera, surfaces: Surfaces, noise_seed: int
) -> npt.NDArray[np.uint8]:
    """Render an image (resolution, resolution, 3; sRGB).

    Args:
        prepared: The scene.
        camera: The camera.
        surfaces: Surfaces at its pixel centres, row by row.
        noise_seed: Seed of the pattern of light samples.
    """
    side = camera.resolution
    eye = np.asarray(camera.location, np.float32)
    directions = camera.grid_directions()
    if prepared.scene.baked_light:
        light = Light(np.ones_like(surfaces.normal), np.zeros_like(surfaces.normal))
    else:
        light = light_at(prepared, surfaces, eye, _jitter(side, noise_seed), _BOUNCES)
        light = _smoothed(light, surfaces, side)
        _add_mirrored(prepared, surfaces, directions, light)
    edge = np.zeros(side * side, np.bool_)
    find_edges(
        surfaces.face, surfaces.position, surfaces.normal, prepared.scene.triangles.material, side, edge
    )
    radiance = np.zeros((side * side, 3), np.float32)
    inner = np.flatnonzero(~edge).astype(np.int32)
    _add(prepared, camera, surfaces, light, surfaces, directions, inner, inner, 1.0, radiance)
    outer = np.repeat(np.flatnonzero(edge), len(_SAMPLES)).astype(np.int32)
    shifts = np.tile(_SAMPLES, (len(outer) // len(_SAMPLES), 1)) / camera.focal_pixels
    across, up = camera.rotation[:, 0], camera.rotation[:, 1]
    ways = directions[outer] + (shifts[:, :1] * across - shifts[:, 1:] * up).astype(np.float32)
    seen = surfaces_along(prepared, eye, ways)
    every = np.arange(len(outer), dtype=np.int32)
    _add(prepared, camera, surfaces, light, seen, ways, every, outer, 1.0 / len(_SAMPLES), radiance)
    linear = radiance if prepared.scene.baked_light else _exposed(radiance)
    return _bytes(linear).reshape(side, side, 3)


def _add(
    prepared: PreparedScene,
    camera: Camera,
    surfaces: Surfaces,
    light: Light,
    seen: Surfaces,
    directions: Floats,
    rays: npt.NDArray[np.int32],
    pixels: npt.NDArray[np.int32],
    share: float,
    radiance: Floats,
) -> None:
    add_samples(
        rays,
        pixels,
        seen.face,
        seen.reach,
        seen.weights,
        seen.position,
        seen.normal,
        directions,
        surfaces.face,
        surfaces.position,
        surfaces.normal,
        light.diffuse,
        light.highlight,
        1.0 / camera.focal_pixels,
        prepared.scene.triangles.uv,
        prepared.scene.triangles.colour,
        prepared.scene.triangles.material,
        prepared.texture_density,
        prepared.pyramids.texels,
        prepared.pyramids.starts,
        prepared.pyramids.widths,
        prepared.pyramids.heights,
        prepared.pyramids.counts,
        prepared.materials.texture,
        prepared.materials.tint,
        prepared.materials.emission,
        prepared.materials.mirror,
        np.asarray(prepared.scene.sky, np.float32),
        share,
        camera.resolution,
        radiance,
    )


def _jitter(side: int, seed: int) -> Floats:
    """Values in [0, 1) per pixel (side², 4), stratified within every tile of pixels."""
    order = np.random.default_rng(0).permutation(_TILE * _TILE)[:, None]
    start = np.random.default_rng(seed).random(len(_STEPS))
    tile = ((start + order * _STEPS) % 1.0).astype(np.float32).reshape(_TILE, _TILE, -1)
    repeats = -(-side // _TILE)
    return np.ascontiguousarray(np.tile(tile, (repeats, repeats, 1))[:side, :side]).reshape(side * side, -1)


def _smoothed(light: Light, surfaces: Surfaces, side: int) -> Light:
    diffuse, highlight = np.zeros_like(light.diffuse), np.zeros_like(light.highlight)
    smooth(
        surfaces.face,
        surfaces.position,
        surfaces.normal,
        light.diffuse,
        light.highlight,
        side,
        diffuse,
        highlight,
    )
    return Light(diffuse, highlight)


def _add_mirrored(prepared: PreparedScene, seen: Surfaces, directions: Floats, light: Light) -> None:
    """Add reflections in mirror-like surfaces to the highlights: the colours hit by reflected rays."""
    triangles = prepared.scene.triangles
    shiny = np.flatnonzero(seen.seen & (prepared.materials.mirror[triangles.material[seen.face]] > 0))
    if not len(shiny):
        return
    ways, normals = directions[shiny], seen.normal[shiny]
    turned = ways - 2 * (ways * normals).sum(1, keepdims=True) * normals
    hits = prepared.caster.nearest(seen.position[shiny] + np.float32(2e-3) * normals, turned)
    mean_light = light.diffuse[seen.seen].mean(0)
    unit = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    # The reflected surface has the image's mean light, more where the ray hits it head-on.
    facing = np.abs((triangles.normals[hits.face, 0] * unit).sum(1, keepdims=True))
    glow = prepared.materials.emission[triangles.material[hits.face]]
    colour = prepared.face_colour[hits.face] * mean_light * (0.65 + 0.5 * facing) + glow
    sky = np.asarray(prepared.scene.sky, np.float32) * (0.6 + 0.4 * np.clip(unit[:, 2:], 0, 1))
    reflected = np.where((hits.face >= 0)[:, None], np.minimum(colour, 3.0), sky)
    cosine = np.abs((unit * normals).sum(1, keepdims=True))
    at_normal = prepared.materials.mirror[triangles.material[seen.face[shiny]]][:, None]
    fresnel = at_normal + (1 - at_normal) * np.minimum(6 * at_normal, 1) * (1 - cosine) ** 5
    light.highlight[shiny] += fresnel * reflected


def _exposed(radiance: Floats) -> Floats:
    """Expose the whole image and compress highlights."""
    luminance = radiance @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    key = float(np.exp(np.log(np.maximum(luminance, 1e-3)).mean()))
    exposed = radiance * np.float32(0.30 / max(key, 0.01) ** 0.82)
    return np.asarray(
        exposed * (2.51 * exposed + 0.03) / (exposed * (2.43 * exposed + 0.59) + 0.14), np.float32
    )


def _bytes(linear: Floats) -> npt.NDArray[np.uint8]:
    """Linear light as sRGB bytes, through a table fine enough for dark tones."""
    return np.asarray(_SRGB[np.rint(np.clip(linear, 0.0, 1.0) * (len(_SRGB) - 1)).astype(np.int32)])


def _srgb_table() -> npt.NDArray[np.uint8]:
    linear = np.linspace(0.0, 1.0, 16384)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(curve * 255), np.uint8)


_SRGB = _srgb_table()
