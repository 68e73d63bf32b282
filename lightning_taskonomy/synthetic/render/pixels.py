"""Compiled loops over the pixels of an image: edges, smoothing of light, textures, and summing samples."""

import numpy as np
import numpy.typing as npt

from lightning_taskonomy.core.compiled import compiled

Floats = npt.NDArray[np.float32]


@compiled
def find_edges(
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
    face_material: npt.NDArray[np.int32],
    side: int,
    edge: npt.NDArray[np.bool_],
) -> None:
    """Mark pixels adjacent to another surface, material or slope: only they need several samples."""
    for row in range(side):
        for column in range(side):
            pixel = row * side + column
            for step in range(2):
                if (row if step else column) + 1 >= side:
                    continue
                other = pixel + (side if step else 1)
                if face[pixel] == face[other]:
                    continue
                apart = face[pixel] < 0 or face[other] < 0
                if not apart:
                    aligned, off = np.float32(0.0), np.float32(0.0)
                    for axis in range(3):
                        aligned += normal[pixel, axis] * normal[other, axis]
                        off += normal[pixel, axis] * (position[other, axis] - position[pixel, axis])
                    apart = (
                        aligned < np.float32(0.97)
                        or abs(off) > np.float32(0.02)
                        or face_material[face[pixel]] != face_material[face[other]]
                    )
                if apart:
                    edge[pixel] = True
                    edge[other] = True


@compiled
def smooth(
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
    diffuse: Floats,
    highlight: Floats,
    side: int,
    smooth_diffuse: Floats,
    smooth_highlight: Floats,
) -> None:
    """Mean over neighbouring pixels that lie on the same plane.

    Five pixels with weights 1/2, 1, 1, 1, 1/2 weight every position in a tile of four equally, which removes
    the tile's pattern.
    """
    reach = 2
    for row in range(side):
        for column in range(side):
            pixel = row * side + column
            if face[pixel] < 0:
                continue
            nx, ny, nz = normal[pixel, 0], normal[pixel, 1], normal[pixel, 2]
            px, py, pz = position[pixel, 0], position[pixel, 1], position[pixel, 2]
            red, green, blue, total = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            shine_red, shine_green, shine_blue = np.float32(0), np.float32(0), np.float32(0)
            for other_row in range(max(row - reach, 0), min(row + reach + 1, side)):
                row_weight = np.float32(0.5) if abs(other_row - row) == reach else np.float32(1.0)
                for other_column in range(max(column - reach, 0), min(column + reach + 1, side)):
                    other = other_row * side + other_column
                    if face[other] < 0:
                        continue
                    aligned = nx * normal[other, 0] + ny * normal[other, 1] + nz * normal[other, 2]
                    if aligned < np.float32(0.9):
                        continue
                    dx, dy, dz = position[other, 0] - px, position[other, 1] - py, position[other, 2] - pz
                    off = abs(nx * dx + ny * dy + nz * dz)
                    if off > np.float32(0.015) + np.float32(0.15) * (abs(dx) + abs(dy) + abs(dz)):
                        continue
                    weight = row_weight * (
                        np.float32(0.5) if abs(other_column - column) == reach else np.float32(1.0)
                    )
                    red += weight * diffuse[other, 0]
                    green += weight * diffuse[other, 1]
                    blue += weight * diffuse[other, 2]
                    shine_red += weight * highlight[other, 0]
                    shine_green += weight * highlight[other, 1]
                    shine_blue += weight * highlight[other, 2]
                    total += weight
            share = np.float32(1.0) / total
            smooth_diffuse[pixel, 0] = red * share
            smooth_diffuse[pixel, 1] = green * share
            smooth_diffuse[pixel, 2] = blue * share
            smooth_highlight[pixel, 0] = shine_red * share
            smooth_highlight[pixel, 1] = shine_green * share
            smooth_highlight[pixel, 2] = shine_blue * share


@compiled
def _sky_colour(x: float, y: float, z: float, sky: Floats, channel: int) -> float:
    """A sky that brightens towards the horizon, above lawns and trees; x, y, z is a unit direction."""
    angle = np.arctan2(y, x)
    day = (sky[0] + sky[1] + sky[2]) / 3
    trees = (
        0.07 + 0.03 * np.sin(angle * 5.0) + 0.02 * np.sin(angle * 13.0 + 1.0) + 0.008 * np.sin(angle * 47.0)
    )
    if z > trees:
        pale = np.exp(-5.0 * (z - trees))
        return float(sky[channel] * (1 - 0.8 * pale) + 0.8 * pale * day)
    if z > 0.0:
        leaf = day * (0.16 + 2.2 * z + 0.05 * np.sin(angle * 29.0))
        return float(leaf * (0.42 if channel == 0 else 0.55 if channel == 1 else 0.28))
    grass = day * (0.42 + 0.16 * np.exp(9.0 * z))
    return float(grass * (0.55 if channel == 0 else 0.62 if channel == 1 else 0.34))


@compiled
def _texel(
    texels: Floats,
    starts: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
    heights: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    texture: int,
    across: float,
    up: float,
    footprint: float,
    colour: Floats,
) -> None:
    """Interpolate a texture bilinearly, at the level whose texels cover the footprint (in repeats)."""
    wide = footprint * widths[texture, 0]
    level = 0
    if wide > 1.0:
        level = min(int(np.log2(wide) + 0.35), counts[texture] - 1)
    width, height = widths[texture, level], heights[texture, level]
    start = starts[texture, level]
    x = (across - np.floor(across)) * width - 0.5
    y = (1.0 - (up - np.floor(up))) * height - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    right_share, low_share = x - left, y - top
    for channel in range(3):
        colour[channel] = 0.0
    for corner in range(4):
        column = (left + (corner & 1)) % width
        row = (top + (corner >> 1)) % height
        share = (right_share if corner & 1 else 1 - right_share) * (
            low_share if corner >> 1 else 1 - low_share
        )
        for channel in range(3):
            colour[channel] += share * texels[start + row * width + column, channel]


@compiled
def _nearest_light(
    row: int,
    column: int,
    side: int,
    ray: int,
    seen_position: Floats,
    seen_normal: Floats,
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
) -> int:
    """The pixel around (row, column) whose surface is most similar to the sampled one, or -1."""
    own = row * side + column
    apart = np.float32(0.0)
    for axis in range(3):
        apart += abs(position[own, axis] - seen_position[ray, axis])
    if apart == 0:  # the sample is the pixel's centre
        return own
    best, found = np.float32(np.inf), -1
    for other_row in range(max(row - 1, 0), min(row + 2, side)):
        for other_column in range(max(column - 1, 0), min(column + 2, side)):
            other = other_row * side + other_column
            if face[other] < 0:
                continue
            apart, aligned = np.float32(0.0), np.float32(0.0)
            for axis in range(3):
                apart += abs(position[other, axis] - seen_position[ray, axis])
                aligned += normal[other, axis] * seen_normal[ray, axis]
            cost = apart + np.float32(2.0) * (1 - aligned)
            if cost < best:
                best, found = cost, other
    return found


@compiled
def add_samples(
    rays: npt.NDArray[np.int32],
    pixels: npt.NDArray[np.int32],
    seen_face: npt.NDArray[np.int32],
    seen_reach: Floats,
    seen_weights: Floats,
    seen_position: Floats,
    seen_normal: Floats,
    directions: Floats,
    face: npt.NDArray[np.int32],
    position: Floats,
    normal: Floats,
    diffuse: Floats,
    highlight: Floats,
    pixel_angle: float,
    uv: Floats,
    colours: Floats,
    face_material: npt.NDArray[np.int32],
    density: Floats,
    texels: Floats,
    starts: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
    heights: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    texture: npt.NDArray[np.int32],
    tint: Floats,
    emission: Floats,
    mirror: Floats,
    sky: Floats,
    share: float,
    side: int,
    radiance: Floats,
) -> None:
    """Add samples to pixels: each sample's own colour, lit like a nearby pixel of the same surface."""
    colour = np.ones(3, np.float32)
    weight = np.float32(share)
    angle = np.float32(0.8 * pixel_angle)
    for number in range(len(rays)):
        ray, pixel = rays[number], pixels[number]
        row = seen_face[ray]
        x, y, z = directions[ray, 0], directions[ray, 1], directions[ray, 2]
        length = np.sqrt(x * x + y * y + z * z)
        if row < 0:
            for channel in range(3):
                radiance[pixel, channel] += weight * _sky_colour(
                    x / length, y / length, z / length, sky, channel
                )
            continue
        material = face_material[row]
        second, third = seen_weights[ray, 0], seen_weights[ray, 1]
        first = 1 - second - third
        if texture[material] >= 0:
            across = first * uv[row, 0, 0] + second * uv[row, 1, 0] + third * uv[row, 2, 0]
            up = first * uv[row, 0, 1] + second * uv[row, 1, 1] + third * uv[row, 2, 1]
            cosine = abs(
                (x * seen_normal[ray, 0] + y * seen_normal[ray, 1] + z * seen_normal[ray, 2]) / length
            )
            footprint = angle * seen_reach[ray] * density[row] / np.sqrt(max(cosine, np.float32(0.08)))
            _texel(texels, starts, widths, heights, counts, texture[material], across, up, footprint, colour)
        else:
            for channel in range(3):
                colour[channel] = 1.0
        if len(colours):
            for channel in range(3):
                colour[channel] *= (
                    first * colours[row, 0, channel]
                    + second * colours[row, 1, channel]
                    + third * colours[row, 2, channel]
                )
        lit = _nearest_light(
            pixel // side, pixel % side, side, ray, seen_position, seen_normal, face, position, normal
        )
        for channel in range(3):
            value = colour[channel] * emission[material, channel]
            if lit >= 0:
                reflected = colour[channel] * tint[material, channel] * (1 - mirror[material])
                value += reflected * diffuse[lit, channel] + highlight[lit, channel]
            radiance[pixel, channel] += weight * min(value, np.float32(12.0))
