"""Geometry drawn into photos: the box of a room, vanishing points, and cameras as axes.

Cameras are as in the whole package: x right, y up, looking along -z; rotations map camera to world axes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lightning_taskonomy.bank.shots import Bytes
from lightning_taskonomy.bank.tiles import SIDE, STRIP
from lightning_taskonomy.pictures.sheets import FAINT, INK, PAPER, font
from lightning_taskonomy.tasks.rotations import rotation_from_euler

Floats = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

AXES: tuple[Colour, Colour, Colour] = ((213, 94, 0), (0, 158, 115), (0, 114, 178))
"""Colours of x, y and z, from Okabe and Ito's palette, which is safe for colour-blind readers."""
_AXIS_NAMES = ("right", "left", "up")
_NEAREST_METRES = 0.05
_SCALE = 2
"""Lines are drawn at this multiple of the size and averaged down, which smooths them."""


@dataclass(frozen=True)
class DrawnLayout:
    """A room's box as a camera sees it.

    Attributes:
        centre: in camera coordinates, (3,), metres.
        rotation: of the camera in the turned world, 3x3.
        sides: of the box along the turned world's x, y and z, (3,), metres.
    """

    centre: Floats
    rotation: Floats
    sides: Floats

    @classmethod
    def of(cls, layout: npt.ArrayLike) -> "DrawnLayout":
        """From the nine values of the task: centre, Euler angles, sides."""
        values = np.asarray(layout, np.float64)
        return cls(values[:3], rotation_from_euler(values[3:6]), values[6:])

    def corners(self) -> Floats:
        """Corners in camera coordinates, (2, 2, 2, 3), by low and high x, y and z."""
        signs = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1)
        return np.asarray((signs * self.sides) @ self.rotation + self.centre)

    def edges(self) -> list[tuple[Floats, Floats, int]]:
        """The twelve edges: both ends, and the axis along which each runs."""
        corners = self.corners()
        found = []
        for axis in range(3):
            low, high = np.take(corners, 0, axis).reshape(-1, 3), np.take(corners, 1, axis).reshape(-1, 3)
            found += [(start, end, axis) for start, end in zip(low, high, strict=True)]
        return found

    def drawn_on(self, photo: Bytes, field_of_view: float) -> Bytes:
        """The box's edges on a photo, (SIDE, SIDE, 3)."""
        canvas = _Canvas(_paler(photo))
        for start, end, axis in self.edges():
            line = _in_front(start, end)
            if line is not None:
                ends = project(np.stack(line), field_of_view)
                canvas.line(ends[0], ends[1], AXES[axis], 3)
        return canvas.drawn()


def project(points: Floats, field_of_view: float) -> Floats:
    """Pixels (n, 2: column, row) of SIDE x SIDE for points (n, 3) in front of the camera."""
    focal = SIDE / 2 / np.tan(np.radians(field_of_view) / 2)
    flat = points[:, :2] / -points[:, 2:]
    return np.asarray(SIDE / 2 + focal * flat * [1.0, -1.0])


def draw_vanishing_points(photo: Bytes, directions: Floats, field_of_view: float) -> tuple[Bytes, Bytes]:
    """Small crosses along the world's axes, rings at their vanishing points, and a legend.

    Args:
        photo: (SIDE, SIDE, 3).
        directions: of the three axes in camera coordinates, (3, 3), of any length.
        field_of_view: full angle across the photo in degrees.
    """
    canvas = _Canvas(_paler(photo))
    focal = SIDE / 2 / np.tan(np.radians(field_of_view) / 2)
    places = (np.arange(5) + 0.5) * SIDE / 5
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    for column in places:
        for row in places:
            ray = np.array([(column - SIDE / 2) / focal, (SIDE / 2 - row) / focal, -1.0])
            for axis in range(3):
                ends = project(np.stack([ray - 0.08 * unit[axis], ray + 0.08 * unit[axis]]), field_of_view)
                canvas.line(ends[0], ends[1], AXES[axis], 2)
    for axis in range(3):
        for direction in (unit[axis], -unit[axis]):
            if direction[2] < -_NEAREST_METRES:
                canvas.ring(project(direction[None], field_of_view)[0], AXES[axis])
    return canvas.drawn(), _axis_legend()


def draw_poses(poses: Floats) -> Bytes:
    """Cameras as axes, seen from behind and above the last one, (SIDE, SIDE, 3).

    Args:
        poses: of the other cameras relative to the last, (n, 6): Euler angles (radians), position (metres).
    """
    canvas = _Canvas(np.full((SIDE, SIDE, 3), PAPER, np.uint8))
    reach = max(1.0, *(1.3 * float(np.linalg.norm(pose[3:])) for pose in poses))
    length = 0.3 * reach
    flat = _FromAbove(reach)
    for metres in np.linspace(-reach, reach, 9):
        for ends in (((metres, 0, -reach), (metres, 0, reach)), ((-reach, 0, metres), (reach, 0, metres))):
            canvas.line(flat(ends[0]), flat(ends[1]), (226, 229, 232), 1)
    cameras = [(np.eye(3), np.zeros(3)), *((rotation_from_euler(pose[:3]), pose[3:]) for pose in poses)]
    for number, (rotation, place) in enumerate(cameras):
        canvas.line(flat(place), flat((place[0], 0, place[2])), FAINT, 1)
        _draw_view(canvas, flat, rotation, place, length)
        for axis in range(3):
            canvas.line(flat(place), flat(place + length * rotation[:, axis]), AXES[axis], 3)
        label = "last" if number == 0 else ("first" if number == 1 else "second")
        canvas.text(flat(place), label)
    return canvas.drawn()


def turn_and_way(pose: Floats) -> tuple[float, float]:
    """How far a camera has turned, in degrees, and how far it has moved, in metres."""
    cosine = (np.trace(rotation_from_euler(pose[:3])) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), float(np.linalg.norm(pose[3:]))


class _Canvas:
    def __init__(self, picture: Bytes) -> None:
        side = SIDE * _SCALE
        self._image = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
        self._pen = ImageDraw.Draw(self._image)
        self._texts: list[tuple[tuple[float, float], str]] = []

    def line(self, start: npt.ArrayLike, end: npt.ArrayLike, colour: Colour, width: int) -> None:
        ends = np.clip(np.stack([np.asarray(start), np.asarray(end)]) * _SCALE, -1e5, 1e5)
        points = [(float(column), float(row)) for column, row in ends]
        self._pen.line(points, colour, width * _SCALE)

    def ring(self, middle: npt.ArrayLike, colour: Colour) -> None:
        column, row = (float(number) * _SCALE for number in np.clip(np.asarray(middle), -1e4, 1e4))
        for radius, fill, rim in ((9, PAPER, colour), (4, colour, colour)):
            reach = radius * _SCALE
            box = (column - reach, row - reach, column + reach, row + reach)
            self._pen.ellipse(box, fill, rim, 2 * _SCALE)

    def text(self, place: npt.ArrayLike, text: str) -> None:
        column, row = np.asarray(place, np.float64).tolist()
        self._texts.append(((column + 4, row + 3), text))

    def drawn(self) -> Bytes:
        image = self._image.resize((SIDE, SIDE), Image.Resampling.BOX)
        pen = ImageDraw.Draw(image)
        for place, text in self._texts:
            pen.text(place, text, INK, font())
        return np.asarray(image)


def _draw_view(canvas: _Canvas, flat: "_FromAbove", rotation: Floats, place: Floats, length: float) -> None:
    """Draw a camera's viewing frustum."""
    half = 0.45 * length
    corners = np.array(
        [(-half, half, -length), (half, half, -length), (half, -half, -length), (-half, -half, -length)]
    )
    ends = corners @ rotation.T + place
    for number, end in enumerate(ends):
        canvas.line(flat(place), flat(end), FAINT, 1)
        canvas.line(flat(end), flat(ends[number - 1]), FAINT, 1)


class _FromAbove:
    """Maps the last camera's coordinates, metres, to pixels: an orthographic view from behind and above."""

    def __init__(self, reach: float) -> None:
        turn, tilt = np.radians(-25.0), np.radians(35.0)
        about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        self._rotation, self._unit = about_x @ about_y, SIDE / (2.3 * reach)

    def __call__(self, point: npt.ArrayLike) -> Floats:
        across, up, _ = self._rotation @ np.asarray(point, np.float64)
        return np.array([SIDE / 2 + across * self._unit, SIDE / 2 - up * self._unit])


def _in_front(start: Floats, end: Floats) -> tuple[Floats, Floats] | None:
    """The part of a line that lies in front of the camera."""
    ahead = np.array([-start[2], -end[2]]) - _NEAREST_METRES
    if (ahead <= 0).all():
        return None
    if (ahead > 0).all():
        return start, end
    cut = start + (end - start) * (ahead[0] / (ahead[0] - ahead[1]))
    return (start, cut) if ahead[0] > 0 else (cut, end)


def _axis_legend() -> Bytes:
    strip = Image.new("RGB", (SIDE, STRIP), PAPER)
    pen = ImageDraw.Draw(strip)
    for place, (name, colour) in enumerate(zip(_AXIS_NAMES, AXES, strict=True)):
        left = 4 + place * SIDE // 3
        pen.line((left, 15, left + 14, 15), colour, 3)
        pen.text((left + 18, 8), name, INK, font())
    return np.asarray(strip)


def _paler(photo: Bytes) -> Bytes:
    """Blended with white, so that lines stand out."""
    return (photo * 0.6 + 255 * 0.4).astype(np.uint8)
