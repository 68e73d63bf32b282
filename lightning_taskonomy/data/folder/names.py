"""What the files of a data folder are called, in both layouts."""

import re
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.data.domains import DOMAINS

_LABEL = re.compile(r"point_(\d+)_view_(\d+)_domain_(\w+)\.(\w+)")
_LABEL_ALIASES = {
    "points": "point_info",
    "fixatedpose": "point_info",
    "class_1000": "class_object",
    "class_places": "class_scene",
}
"""What the original set writes in file names where the folder says the domain."""


@dataclass(frozen=True, order=True)
class ViewName:
    """One picture of one point.

    Attributes:
        building: name of the building.
        point: number of the point that the camera looks at.
        view: number of the view of that point.
    """

    building: str
    point: int
    view: int

    @property
    def key(self) -> str:
        """How shards and tables call it: `<building>/point_<P>_view_<V>`."""
        return f"{self.building}/point_{self.point}_view_{self.view}"

    @classmethod
    def from_key(cls, key: str) -> "ViewName":
        """Undo `key`.

        Raises:
            ValueError: not such a key.
        """
        found = re.fullmatch(r"([^/.]+)/point_(\d+)_view_(\d+)", key)
        if found is None:
            raise ValueError(f"expected <building>/point_<P>_view_<V>, found {key!r}")
        return cls(found[1], int(found[2]), int(found[3]))


def label_path(root: Path, domain: str, building: str, point: int, view: int) -> Path:
    """Where a label lies in Omnidata's layout."""
    name = f"point_{point}_view_{view}_domain_{domain}.{DOMAINS[domain].suffix}"
    return root / domain / building / name


def view_of_label(file_name: str, building: str, domain: str) -> ViewName | None:
    """The view that a file belongs to; None if its name is not that of a label of this domain."""
    found = _LABEL.fullmatch(file_name)
    if found is None or found[4] != DOMAINS[domain].suffix:
        return None
    if found[3] != domain and _LABEL_ALIASES.get(found[3]) != domain:
        return None
    return ViewName(building, int(found[1]), int(found[2]))
