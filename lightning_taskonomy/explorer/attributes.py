"""Attributes of HTML with a dash in their name, as keyword arguments."""

from typing import Any


def dashed(**named: str) -> dict[str, Any]:
    """`dashed(aria_label="Budget")` is what to pass on for `aria-label="Budget"`."""
    return {name.replace("_", "-"): value for name, value in named.items()}
