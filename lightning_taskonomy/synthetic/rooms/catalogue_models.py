"""Replaces procedural furniture by catalogue models of the same kind and label and of similar size."""

import posixpath
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.pictures import PictureError, open_picture
from lightning_taskonomy.synthetic.render.mesh_shape import shape_of_mesh
from lightning_taskonomy.synthetic.render.scene import Material
from lightning_taskonomy.synthetic.rooms.furniture_catalogue import (
    LARGEST_MODEL,
    LARGEST_PICTURE,
    Model,
    read_catalogues,
    read_member,
)
from lightning_taskonomy.synthetic.rooms.item import Item, ObjectClass
from lightning_taskonomy.synthetic.rooms.palette import Palette, linear
from lightning_taskonomy.synthetic.rooms.shapes import Floats, Shape
from lightning_taskonomy.synthetic.rooms.wavefront import Look, read_looks, read_mesh

WORDS: dict[ObjectClass, tuple[str, ...]] = {
    ObjectClass.FOLDING_CHAIR: ("chair", "oak chair", "osaka chair", "folding chair", "chair with cushion"),
    ObjectClass.ROCKING_CHAIR: ("armchair", "relax chair", "winchester armchair", "modern armchair"),
    ObjectClass.STUDIO_COUCH: ("sofa", "couch", "winchester sofa", "futon couch", "burlap sofa"),
    ObjectClass.FOUR_POSTER: ("bed", "iron bed", "futon"),
    ObjectClass.CHEST_OF_DRAWERS: ("bedside table", "dresser with drawers", "drawers cabinet", "cupboard"),
    ObjectClass.WARDROBE: ("wardrobe",),
    ObjectClass.BOOKCASE: ("bookcase", "full bookcase", "shelves", "vertical shelves"),
    ObjectClass.DESK: ("desk", "wooden desk", "coffee table"),
    ObjectClass.DINING_TABLE: ("table", "oak table", "round table", "wooden table", "wooden alder table"),
    ObjectClass.ENTERTAINMENT_CENTER: ("tv stand", "television cabinet"),
    ObjectClass.FLOWERPOT: (
        "plant", "decorative plant", "little plant", "indoor plant", "cactus", "orchids", "yucca", "bamboo",
        "spathiphyllum", "spider plant", "succulent plant", "ficus", "bonsai tree",
    ),
    ObjectClass.TOILET_SEAT: ("toilets unit",),
    ObjectClass.BATHTUB: ("bath",),
    ObjectClass.WASHING_MACHINE: ("washing machine", "clothes washing machine", "dryer machine"),
    ObjectClass.REFRIGERATOR: ("refrigerator", "fridge", "large fridge"),
    ObjectClass.TELEVISION: ("tv", "tv 16:9", "screen"),
    ObjectClass.MICROWAVE: ("microwave",),
    ObjectClass.TOASTER: ("toaster",),
    ObjectClass.VASE: ("vase", "pottery", "old jar"),
    ObjectClass.WINE_BOTTLE: ("wine bottle", "beer bottle"),
    ObjectClass.WATER_BOTTLE: ("bottle", "flacon", "yogurt bottle"),
    ObjectClass.COFFEE_MUG: ("coffee cup", "coffee mug", "cup"),
    ObjectClass.CUP: ("cup", "coffee cup"),
    ObjectClass.WASTEBIN: ("dustbin", "bullet trash can"),
}  # fmt: skip
"""Lower-case names of models by object class."""

_ALIKE = 1.45
"""A model may replace an item if no side differs by more than this factor."""
_CARRIES = 0.85
"""Things on an item are kept if the model's width and depth are at least this fraction of the item's."""
_MOST_PIXELS = 4096**2
_PICTURE_SIDE = 256
_MOST_FACES = 12_000
"""Models with more faces are skipped: a building contains dozens of models."""


@dataclass
class Showroom:
    """The models of some catalogues, for one building.

    Attributes:
        models: All models.
        palette: The building's materials.
        random: Random generator of choices among models.
    """

    models: tuple[Model, ...]
    palette: Palette
    random: np.random.Generator
    _made: dict[tuple[Path, str], tuple[tuple[Shape, int], ...]] = field(default_factory=dict)
    _chosen: dict[tuple[object, ...], Model | None] = field(default_factory=dict)

    @classmethod
    def opened(cls, folder: Path, palette: Palette, random: np.random.Generator) -> "Showroom":
        """The models of a folder.

        Raises:
            InputError: see `read_catalogues`.
        """
        return cls(read_catalogues(folder), palette, random)

    def exchanged(self, item: Item, room: int) -> Item:
        """An item with itself and the things on it replaced by models where a similar one exists.

        Items of the same kind and size in a room get the same model, so that chairs around a table match.

        Raises:
            InputError: the model cannot be read.
        """
        parts = tuple(self.exchanged(part, room) for part in item.parts)
        key = (room, item.object_class, *(round(side, 1) for side in (item.wide, item.deep, item.high)))
        if key not in self._chosen:
            self._chosen[key] = self._like(item)
        model = self._chosen[key]
        if model is None or item.lamps or item.bends:
            return replace(item, parts=parts)
        wide, deep, high = model.size
        roomy = wide >= _CARRIES * item.wide and deep >= _CARRIES * item.deep
        surface = model.surface_m if roomy else None
        kept = () if surface is None else tuple(part.placed(z=surface - item.high) for part in parts)
        stand_in = Item(self._pieces(model), item.semantic, item.object_class, wide, deep, high)
        return stand_in.placed(*item.place).with_parts(*kept)

    def _like(self, item: Item) -> Model | None:
        words = WORDS.get(item.object_class, ())
        sides = np.array([item.wide, item.deep, item.high])
        if not words or sides.min() <= 0:
            return None
        alike = [
            model
            for model in self.models
            if model.name.lower() in words
            and np.abs(np.log(np.array(model.size) / sides)).max() < np.log(_ALIKE)
            and self._is_small(model)
        ]
        return alike[int(self.random.integers(len(alike)))] if alike else None

    @staticmethod
    def _is_small(model: Model) -> bool:
        content = read_member(model.file, model.path, LARGEST_MODEL)
        return content is not None and content.count(b"\nf ") <= _MOST_FACES

    def _pieces(self, model: Model) -> tuple[tuple[Shape, int], ...]:
        key = (model.file, model.path)
        if key not in self._made:
            self._made[key] = self._read(model)
        return self._made[key]

    def _read(self, model: Model) -> tuple[tuple[Shape, int], ...]:
        content = read_member(model.file, model.path, LARGEST_MODEL) or b""
        try:
            mesh = read_mesh(content.decode("latin-1"))
            looks: dict[str, Look] = {}
            for library in mesh.libraries:
                found = read_member(model.file, _beside(model.path, library), LARGEST_MODEL)
                looks |= read_looks((found or b"").decode("latin-1"))
        except ValueError as error:
            raise InputError(f"{model.file}: {model.path}: {error}") from error
        names = list(mesh.corners)
        counts = [len(mesh.corners[name]) for name in names]
        corners = _fitted(np.concatenate([mesh.corners[name] for name in names]), model)
        uv = np.concatenate([mesh.uv[name] for name in names])
        normals, curvature = shape_of_mesh(corners)
        sides = corners[:, [1, 2]] - corners[:, :1]
        solid = (np.cross(sides[:, 0], sides[:, 1]) ** 2).sum(1) > 1e-20
        whole = Shape(corners, normals, uv, np.nan_to_num(curvature))
        owner = np.repeat(np.arange(len(names)), counts)
        pieces = []
        for number, name in enumerate(names):
            mine = solid & (owner == number)
            if mine.any():
                part = Shape(whole.corners[mine], whole.normals[mine], whole.uv[mine], whole.curvature[mine])
                pieces.append((part, self._material(model, looks.get(name, Look()))))
        return tuple(pieces)

    def _material(self, model: Model, look: Look) -> int:
        shine = Material(specular=0.04, gloss=40, mirror=0.01)
        picture = None if look.picture is None else _picture(model, _beside(model.path, look.picture))
        if picture is not None:
            return self.palette.textured(picture, (1.0, 1.0), shine)
        return self.palette.plain(replace(shine, tint=linear(look.colour)))


def _beside(path: str, name: str) -> str:
    return posixpath.join(posixpath.dirname(path), posixpath.basename(name.replace("\\", "/")))


def _fitted(corners: Floats, model: Model) -> Floats:
    """Corners (n, 3, 3) of a file with y up and front +z, scaled to the model's stated size as an item."""
    turned = corners @ model.rotation.T
    upright = np.stack([turned[..., 0], -turned[..., 2], turned[..., 1]], -1)
    low, high = upright.reshape(-1, 3).min(0), upright.reshape(-1, 3).max(0)
    scale = np.array(model.size) / np.maximum(high - low, 1e-9)
    foot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return np.asarray((upright - foot) * scale)


def _picture(model: Model, path: str) -> npt.NDArray[np.uint8] | None:
    """A texture of the catalogue, scaled down; None if it is missing, too large or not an image."""
    content = read_member(model.file, path, LARGEST_PICTURE)
    if content is None:
        return None
    try:
        with open_picture(content, path, _MOST_PIXELS) as picture:
            small = picture.convert("RGB").resize((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.BOX)
    except (PictureError, OSError, ValueError, SyntaxError):
        return None
    return np.asarray(small, np.uint8)
