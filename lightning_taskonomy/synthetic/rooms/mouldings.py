"""Mouldings along walls: skirting, cornices, rails, and beaded panelling."""

import numpy as np

from lightning_taskonomy.synthetic.rooms.shapes import Floats, Shape, extruded, joined

STEP_M = 0.26


def skirting(length: float, high: float) -> Shape:
    """A board with a rounded top along x, at the foot of a wall at y = 0 that faces -y."""
    thick = 0.03
    face = [[thick, 0.0], [thick, high - 0.035]]
    ogee = _arc(thick, high - 0.035, 0.018, 0.035)
    return joined([extruded(face, length, STEP_M), extruded(ogee, length, STEP_M)])


def cornice(length: float, size: float) -> Shape:
    """A concave moulding along x between wall and ceiling; its top is z = 0."""
    turn = np.linspace(0.0, np.pi / 2, 7)
    hollow = np.column_stack([0.012 + size * (1 - np.cos(turn)), -size + size * np.sin(turn)])
    bead = _half_round(0.012, -size - 0.026, 0.026)
    return joined([extruded(part, length, STEP_M) for part in (hollow, bead)])


def rail(length: float, high: float = 0.06) -> Shape:
    """A round rail along x on a wall at y = 0, from z = 0 up."""
    return extruded(_half_round(0.0, 0.0, high), length, STEP_M)


def beads(wide: float, high: float, pitch: float) -> Shape:
    """Upright round beads side by side on a wall at y = 0, from z = 0 up: boarding, reeds or half logs."""
    count = max(1, round(wide / pitch))
    across = wide / count
    sagitta = 0.2 * across
    radius = (across**2 / 4 + sagitta**2) / (2 * sagitta)
    half = float(np.arcsin(across / 2 / radius))
    turn = np.linspace(-half, half, 6)
    profile = np.column_stack([radius * np.cos(turn) - radius + sagitta + 0.004, radius * np.sin(turn)])
    # Extruded along x it is horizontal; rotated about y it is upright and still faces -y.
    bead = extruded(profile, high, STEP_M).rotated(1, -np.pi / 2).moved(z=high / 2)
    return joined([bead.moved(x=(number + 0.5) * across - wide / 2) for number in range(count)])


def _arc(out: float, low: float, deep: float, high: float) -> Floats:
    """A quarter of an ellipse from its steep foot to its level top."""
    turn = np.linspace(0.0, np.pi / 2, 6)
    return np.column_stack([out - deep * (1 - np.cos(turn)), low + high * np.sin(turn)])


def _half_round(out: float, low: float, high: float) -> Floats:
    turn = np.linspace(-np.pi / 2, np.pi / 2, 8)
    return np.column_stack([out + 0.4 * high * np.cos(turn), low + high / 2 * (1 + np.sin(turn))])
