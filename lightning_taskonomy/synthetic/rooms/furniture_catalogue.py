"""Furniture catalogues of Sweet Home 3D: zip files `*.sh3f` of Wavefront models.

Everything is read in memory without unpacking: names inside a zip file never become paths. Files that are too
large are skipped; malformed ones raise a one-line error that names the file.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.rooms.shapes import Floats

CATALOGUE = "PluginFurnitureCatalog.properties"
INDOORS = frozenset({"Living room", "Kitchen", "Bedroom", "Bathroom", "Office", "Miscellaneous", "Lights"})

_LARGEST_CATALOGUE = 4 << 20
LARGEST_MODEL = 3 << 20
LARGEST_PICTURE = 8 << 20
_KEY = re.compile(r"([A-Za-z]+)#(\d+)")


@dataclass(frozen=True)
class Model:
    """One piece of furniture of a catalogue.

    Attributes:
        file: The catalogue.
        name: English name.
        category: One of `INDOORS`.
        path: Path of the Wavefront file inside the catalogue.
        size: Width, depth and height, metres.
        rotation: (3, 3) rotation to apply to the file's vertices.
        surface_m: Height of its surface for other things, or None.
    """

    file: Path
    name: str
    category: str
    path: str
    size: tuple[float, float, float]
    rotation: Floats
    surface_m: float | None


def read_catalogues(folder: Path) -> tuple[Model, ...]:
    """All indoor models of the catalogues in a folder, in the order of file names and numbers.

    Raises:
        InputError: there is no catalogue, or one is malformed.
    """
    files = sorted(folder.glob("*.sh3f"))
    if not files:
        raise InputError(f"{folder}: expected furniture catalogues (*.sh3f)")
    return tuple(model for file in files for model in _models(file))


def read_member(file: Path, name: str, largest: int) -> bytes | None:
    """The content of a member of a zip file, or None if it is missing or larger than `largest` bytes.

    Raises:
        InputError: the zip file is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open(name) as member:
            # The size stated in the directory is not trusted.
            content = member.read(largest + 1)
    except KeyError:
        return None
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{file}: {name} cannot be read: {error}") from error
    except Exception as error:  # the decompressors' own errors share no base class
        raise InputError(f"{file}: {name} is damaged: {error}") from error
    return None if len(content) > largest else content


def _models(file: Path) -> list[Model]:
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file}: expected a furniture catalogue, which is a zip file")
    content = read_member(file, CATALOGUE, _LARGEST_CATALOGUE)
    if content is None:
        raise InputError(f"{file}: expected {CATALOGUE} in it, of {_LARGEST_CATALOGUE >> 20} MiB at most")
    entries: dict[int, dict[str, str]] = {}
    for line in content.decode("latin-1").splitlines():
        key, _, value = line.strip().partition("=")
        found = _KEY.fullmatch(key.strip())
        if found:
            entries.setdefault(int(found[2]), {})[found[1]] = value.strip()
    models = [_model(file, number, entry) for number, entry in sorted(entries.items())]
    return [model for model in models if model is not None]


def _model(file: Path, number: int, entry: dict[str, str]) -> Model | None:
    if entry.get("category") not in INDOORS or entry.get("doorOrWindow") == "true":
        return None
    for key in ("name", "model"):
        if not entry.get(key):
            raise InputError(f"{file}: {CATALOGUE}: {key}#{number}: expected a value")
    path = entry["model"].lstrip("/")
    if not path.lower().endswith(".obj"):
        return None
    wide, deep, high = (_number(file, number, entry, key) for key in ("width", "depth", "height"))
    turn = np.array([float(value) for value in _numbers(file, number, entry)]).reshape(3, 3)
    surface = _number(file, number, entry, "dropOnTopElevation", high, least=-1e3)
    return Model(
        file,
        entry["name"],
        entry["category"],
        path,
        (wide / 100, deep / 100, high / 100),
        turn,
        None if surface < 0 else surface / 100,
    )


def _number(
    file: Path,
    number: int,
    entry: dict[str, str],
    key: str,
    default: float | None = None,
    least: float = 0.01,
) -> float:
    text = entry.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not least <= value <= 5000:
        raise InputError(f"{file}: {CATALOGUE}: {key}#{number}: expected centimetres, got {text!r}")
    return value


def _numbers(file: Path, number: int, entry: dict[str, str]) -> list[float]:
    text = entry.get("modelRotation", "1 0 0 0 1 0 0 0 1")
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) != 9 or not np.isfinite(values).all():
        raise InputError(f"{file}: {CATALOGUE}: modelRotation#{number}: expected nine numbers, got {text!r}")
    return values
