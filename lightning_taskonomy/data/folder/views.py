"""Finding the views of a data folder and which labels each has, in any of the layouts.

Omnidata: `ROOT/<domain>/<building>/`, also with a level for the component,
`ROOT/<domain>/taskonomy/<building>/`. Original Taskonomy: `ROOT/<building>/<domain>/`.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.domains import DOMAINS
from lightning_taskonomy.data.folder.names import ViewName, domain_of_folder, label_names, view_of_label

Layout = Literal["omnidata", "original"]
_Places = dict[str, dict[str, Path]]


@dataclass(frozen=True)
class DataFolder:
    """A folder of labels, with its buildings known but their files not yet listed.

    Ignored are files in the folder itself, such as lists of splits; folders that are not a domain of the
    dictionary, such as `rgb_large`; and hidden files, such as the `._NAME` that macOS leaves beside each
    file.

    Attributes:
        root: where it is.
        layout: `omnidata` (ROOT/<domain>/<building>/…) or `original` (ROOT/<building>/<domain>/…).
        folders: by building and domain, where the labels lie; in order of name and of the table of domains.
    """

    root: Path
    layout: Layout
    folders: Mapping[str, Mapping[str, Path]]

    @classmethod
    def open(cls, root: Path) -> "DataFolder":
        """Open a folder by listing its top levels.

        Raises:
            InputError: no such folder, neither layout, or two folders for one building and domain.
        """
        if not root.is_dir():
            raise InputError(f"{root}: expected a folder of labels")
        top = _folders(root)
        layout: Layout = "omnidata" if any(domain_of_folder(folder.name) for folder in top) else "original"
        places = _domain_first(top) if layout == "omnidata" else _building_first(top)
        if not places:
            names = ", ".join(folder.name for folder in top[:5])
            raise InputError(
                f"{root}: expected <domain>/<building>/ or <building>/<domain>/ with domains such as rgb, "
                f"found {names or 'no folders'}"
            )
        ordered = {
            building: {domain: places[building][domain] for domain in DOMAINS if domain in places[building]}
            for building in sorted(places)
        }
        return cls(root, layout, ordered)

    @property
    def buildings(self) -> tuple[str, ...]:
        """The names of the buildings, in order."""
        return tuple(self.folders)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that any building has, in the order of the table of domains."""
        held = {domain for folders in self.folders.values() for domain in folders}
        return tuple(domain for domain in DOMAINS if domain in held)

    def folder_of(self, building: str, domain: str) -> Path:
        """Where the labels of a building and domain lie, or would lie, in this folder's layout."""
        parts = (domain, building) if self.layout == "omnidata" else (building, domain)
        return self.folders.get(building, {}).get(domain, self.root.joinpath(*parts))

    def labels(self, building: str) -> dict[ViewName, dict[str, Path]]:
        """The labels of every view of a building, by view in order, then by domain.

        Raises:
            InputError: a folder cannot be listed.
        """
        found: dict[ViewName, dict[str, Path]] = {}
        for domain, path, view in self._files(building):
            if view is not None:
                found.setdefault(view, {}).setdefault(domain, path)
        return dict(sorted(found.items()))

    def label(self, view: ViewName, domain: str) -> Path | None:
        """Where one label lies, found without listing its folder; None where the view has none."""
        folder = self.folders.get(view.building, {}).get(domain)
        if folder is None:
            return None
        return next((path for name in label_names(view, domain) if (path := folder / name).is_file()), None)

    def stray_files(self, building: str) -> list[Path]:
        """Files in the folders of a building whose names are not those of labels.

        Raises:
            InputError: a folder cannot be listed.
        """
        return sorted(path for _, path, view in self._files(building) if view is None)

    def repeated_files(self, building: str) -> list[Path]:
        """Extra files for a label that a view already has, under another of its possible names.

        Raises:
            InputError: a folder cannot be listed.
        """
        seen: set[tuple[str, ViewName]] = set()
        repeated: list[Path] = []
        for domain, path, view in self._files(building):
            if view is not None and (domain, view) in seen:
                repeated.append(path)
            elif view is not None:
                seen.add((domain, view))
        return sorted(repeated)

    def _files(self, building: str) -> Iterator[tuple[str, Path, ViewName | None]]:
        for domain, folder in self.folders[building].items():
            try:
                with os.scandir(
                    folder
                ) as entries:  # a quarter of the time of Path.iterdir on millions of files
                    names = [(entry.name, entry.is_file()) for entry in entries if not _is_hidden(entry.name)]
            except OSError as error:
                raise InputError(f"{folder}: cannot list this folder ({error.strerror})") from error
            for name, is_file in sorted(
                names, key=lambda found: (f"_domain_{domain}." not in found[0], found)
            ):
                yield domain, folder / name, view_of_label(name, building, domain) if is_file else None


def _domain_first(top: list[Path]) -> _Places:
    places: _Places = {}
    for folder in top:
        domain = domain_of_folder(folder.name)
        if domain is not None:
            for place in _building_folders(folder):
                _add(places, place.name, domain, place)
    return places


def _building_folders(domain_folder: Path) -> Iterator[Path]:
    """The buildings below a domain, or below its components where there is such a level."""
    for folder in _folders(domain_folder):
        # Labels are files: a folder of nothing but folders is a component, not a building.
        inner = _folders(folder)
        yield from inner if inner and _has_no_file(folder) else (folder,)


def _building_first(top: list[Path]) -> _Places:
    places: _Places = {}
    for building in top:
        for folder in _folders(building):
            domain = domain_of_folder(folder.name)
            if domain is not None:
                _add(places, building.name, domain, folder)
    return places


def _add(places: _Places, building: str, domain: str, folder: Path) -> None:
    taken = places.setdefault(building, {}).setdefault(domain, folder)
    if taken != folder:
        raise InputError(f"{folder}: building {building} has labels of {domain} in {taken} already")


def _has_no_file(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return all(entry.is_dir() or _is_hidden(entry.name) for entry in entries)


def _is_hidden(name: str) -> bool:
    # What a killed run has left of a label is hidden too, but should be reported.
    return name.startswith(".") and not name.startswith(".point_")


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: cannot list this folder ({error.strerror})") from error
    return [folder / name for name in sorted(names)]
