"""HTML attributes with a dash in their name, as keyword arguments."""

from typing import Any


def dashed(**named: str) -> dict[str, Any]:
    """Keyword arguments for such attributes: `dashed(aria_label="Budget")` for `aria-label="Budget"`."""
    return {name.replace("_", "-"): value for name, value in named.items()}
