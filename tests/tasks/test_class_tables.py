"""The lists of classes against those of the project's specification."""

import csv
from pathlib import Path

import pytest

from lightning_taskonomy.bank.class_names import imagenet_classes
from lightning_taskonomy.tasks.class_tables import SCENE_CLASSES, SCENE_PLACES, SELECTED_OBJECTS

LISTS = Path(__file__).parents[3] / "shared/spec/classes.csv"


def test_there_are_63_scenes_and_100_objects_in_the_order_of_their_files() -> None:
    assert len(SCENE_CLASSES) == len(set(SCENE_CLASSES)) == len(SCENE_PLACES) == 63
    assert len(SELECTED_OBJECTS) == 100
    for places, length in ((SCENE_PLACES, 365), (SELECTED_OBJECTS, 1000)):
        assert list(places) == sorted(set(places))
        assert 0 <= places[0] < places[-1] < length
    # Places-365 is in alphabetical order, and so is what is kept of it.
    assert list(SCENE_CLASSES) == sorted(SCENE_CLASSES)


def test_selected_objects_are_found_indoors() -> None:
    names = {imagenet_classes()[number] for number in SELECTED_OBJECTS}
    assert {"bathtub", "bookcase", "dining table", "dishwasher", "microwave", "pillow"} <= names
    assert names.isdisjoint({"tench", "tabby", "airliner", "volcano"})


def test_lists_are_those_of_the_specification() -> None:
    if not LISTS.exists():
        pytest.skip("the specification's list of classes is not here")
    with LISTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scenes = [row for row in rows if row["task"] == "class_places"]
    assert [int(row["output"]) for row in scenes] == list(range(63))
    assert [(int(row["index_in_file"]), row["name"]) for row in scenes] == list(
        zip(SCENE_PLACES, SCENE_CLASSES, strict=True)
    )
    objects = [int(row["index_in_file"]) for row in rows if row["task"] == "class_selected"]
    assert objects == list(SELECTED_OBJECTS)
