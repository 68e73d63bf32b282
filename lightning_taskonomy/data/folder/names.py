"""The file names of a data folder, in both layouts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_taskonomy.data.domains import DOMAINS

_LABEL = re.compile(r"point_(0|[1-9]\d*)_view_(0|[1-9]\d*)_domain_(\w+)\.(\w+)", re.ASCII)
# Released files and folders do not always name the domain as the table does.
_FILE_WORDS: Mapping[str, frozenset[str]] = {
    "point_info": frozenset({"fixatedpose", "points"}),
    "segment_semantic": frozenset({"segmentsemantic"}),
    "mask_valid": frozenset({"depth_zbuffer"}),
    "class_object": frozenset({"class_1000"}),
    "class_scene": frozenset({"class_places"}),
}
_FOLDER_WORDS: Mapping[str, str] = {"points": "point_info", "segmentsemantic": "segment_semantic"}


@dataclass(frozen=True, order=True)
class ViewName:
    """One image of one point.

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
        """Its key in shards and tables: `<building>/point_<P>_view_<V>`."""
        return f"{self.building}/point_{self.point}_view_{self.view}"

    @classmethod
    def from_key(cls, key: str) -> "ViewName":
        """Parse a key.

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


def domain_of_folder(name: str) -> str | None:
    """The domain whose labels lie in folders of this name; None if it is the name of something else."""
    return name if name in DOMAINS else _FOLDER_WORDS.get(name)


def label_names(view: ViewName, domain: str) -> list[str]:
    """The possible file names of a label, the usual one first."""
    words = [domain, *sorted(_FILE_WORDS.get(domain, ()))]
    return [f"point_{view.point}_view_{view.view}_domain_{word}.{DOMAINS[domain].suffix}" for word in words]


def view_of_label(file_name: str, building: str, domain: str) -> ViewName | None:
    """The view that a file belongs to; None if its name is not that of a label of this domain."""
    found = _LABEL.fullmatch(file_name)
    if found is None or found[4] != DOMAINS[domain].suffix:
        return None
    if found[3] != domain and found[3] not in _FILE_WORDS.get(domain, ()):
        return None
    return ViewName(building, int(found[1]), int(found[2]))
