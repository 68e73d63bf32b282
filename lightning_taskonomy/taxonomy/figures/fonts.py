"""Fonts for names in any script: the first that has the letters, else their code points."""

from collections.abc import Iterable
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OWN = "DejaVu Sans"
"""The default font of figures; it comes with matplotlib."""
_NOT_FOR_NAMES = ("Last Resort", "STIX", "cm")
"""Matplotlib's fonts of placeholder boxes, and of mathematics in special encodings."""


def legible(words: str) -> str:
    """Words as they can be drawn here: a letter that no font has becomes an escape, as in Python."""
    return "".join(
        letter if letter.isspace() or ord(letter) in _letters(OWN) or _family_of(letter) else _number(letter)
        for letter in words
    )


def families_for(words: Iterable[str]) -> list[str]:
    """The fallback families for letters that the default font lacks."""
    missing = sorted({letter for word in words for letter in word if ord(letter) not in _letters(OWN)})
    families = (_family_of(letter) for letter in missing)
    return list(dict.fromkeys(family for family in families if family))


@cache
def _family_of(letter: str) -> str:
    """The first family that has a letter; empty if none has."""
    return next((family for family in _families() if ord(letter) in _letters(family)), "")


@cache
def _families() -> tuple[str, ...]:
    """All other families: those with a bold face first, sans-serif ones before others, by name."""
    weights: dict[str, set[int | str]] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.name != OWN and not entry.name.startswith(_NOT_FOR_NAMES):
            weights.setdefault(entry.name, set()).add(entry.weight)
    return tuple(
        sorted(weights, key=lambda name: (not {400, 700} <= weights[name], "Sans" not in name, name))
    )


@cache
def _letters(family: str) -> frozenset[int]:
    """The code points of the face nearest to regular; none for a bitmap or damaged font."""
    faces = [entry for entry in font_manager.fontManager.ttflist if entry.name == family]
    face = min(faces, key=lambda entry: (entry.style != "normal", entry.weight != 400, entry.fname))
    try:
        font = FT2Font(face.fname)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


def _number(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
