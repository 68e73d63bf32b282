from pathlib import Path

import pytest

from lightning_taskonomy.bank.class_names import class_names, imagenet_classes
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.synthetic.rooms.item import ObjectClass
from lightning_taskonomy.tasks import dictionary

_OTHERWISE = {
    "WASTEBIN": "ashcan",
    "CHEST_OF_DRAWERS": "chiffonier",
    "FOUR_POSTER": "four-poster",
    "FLOWERPOT": "pot",
    "WASHING_MACHINE": "washer",
}
"""What WordNet calls otherwise than the rooms do."""


def test_objects_have_the_names_of_imagenet() -> None:
    names = imagenet_classes()
    assert len(names) == len(set(names)) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")
    for entry in ObjectClass:
        if entry >= 0:
            assert names[entry].lower() == _OTHERWISE.get(entry.name, entry.name.lower().replace("_", " "))


def test_scenes_and_chosen_objects_have_their_names() -> None:
    scenes, objects = (class_names(dictionary()[name]) for name in ("class_scene", "class_selected"))
    assert (scenes[0], scenes[2], scenes[33], scenes[62]) == (
        "alcove",
        "atrium/public",
        "kitchen",
        "youth_hostel",
    )
    assert (objects[0], objects[-1]) == ("accordion", "toilet tissue")
    assert len(objects) == 100


def test_numbers_stand_for_names_that_nobody_has() -> None:
    assert class_names(dictionary()["jigsaw"])[:2] == ("class 0", "class 1")


def test_names_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"room {number}" for number in range(63)))
    assert class_names(dictionary()["class_scene"], path)[62] == "room 62"
    with pytest.raises(
        InputError, match="expected the names of the 1000 classes of class_object, one per line, found 63"
    ):
        class_names(dictionary()["class_object"], path)
