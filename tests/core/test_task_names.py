"""Names of tasks: all forms are understood, one is written, and a set's own names take precedence."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import (
    TASK_NAMES,
    as_written,
    keys_among,
    name_among,
    names_among,
    nearest,
    written_name,
)

WRITTEN = [names.name for names in TASK_NAMES]
INTERNAL = [names.internal for names in TASK_NAMES]
CONFIGS = Path(__file__).parents[2] / "configs" / "task"


@st.composite
def forms(draw: st.DrawFn) -> tuple[int, str]:
    """A task's index in the table, and one of its names in any case and with any separators."""
    place = draw(st.integers(0, len(TASK_NAMES) - 1))
    names = TASK_NAMES[place]
    form = draw(st.sampled_from([names.name, names.internal, names.title, *names.aliases]))
    words = re.split(r"[\s_-]+", form)
    mixed = draw(st.sampled_from(["_", "-", " ", "  "])).join(words)
    return place, "".join(draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in mixed)


@given(forms())
def test_every_form_means_one_task_among_the_written_and_the_internal_names(form: tuple[int, str]) -> None:
    place, name = form
    if re.sub(r"[\s_-]+", " ", name.lower()) == "object class":  # of the 1000 or of the 100
        with pytest.raises(InputError, match="ambiguous"):
            name_among(name, WRITTEN, "here")
        return
    assert name_among(name, WRITTEN, "here") == WRITTEN[place]
    assert name_among(name, INTERNAL, "here") == INTERNAL[place]


def test_the_written_names_are_those_of_the_configurations() -> None:
    found = {path.stem: yaml.safe_load(path.read_text())["model"] for path in CONFIGS.glob("*.yaml")}
    assert sorted(found) == sorted(WRITTEN)
    assert all(model["init_args"]["task"] == name for name, model in found.items())


def test_no_identifier_stands_for_two_tasks() -> None:
    identifiers = [name for names in TASK_NAMES for name in names.identifiers]
    assert len(identifiers) == len(set(identifiers))
    assert len({names.title for names in TASK_NAMES}) == len(TASK_NAMES)


def test_a_name_that_a_set_has_comes_first() -> None:
    both = ["normal", "rgb2sfnorm", "Normals"]
    assert [name_among(name, both, "here") for name in both] == both
    assert name_among("NORMAL", both, "here") == "normal"
    with pytest.raises(
        InputError, match="'surface normals' is ambiguous; expected one of normal, rgb2sfnorm"
    ):
        name_among("surface normals", both, "here")
    assert name_among("rgb2mist", ["distance", "depth_euclidean"], "here") == "depth_euclidean"
    assert name_among("rgb2mist", ["distance"], "here") == "distance"


def test_custom_names_are_their_own() -> None:
    assert name_among("horizon", ["horizon"], "here") == "horizon"
    assert name_among("Horizon", ["horizon"], "here") is None
    assert name_among("normal", ["horizon", "depth"], "here") is None
    assert names_among(["rgb2depth", "horizon"], ["depth_zbuffer"], "here") == ["depth_zbuffer", "horizon"]


def test_a_number_of_labels_belongs_to_the_name() -> None:
    known = ["rgb2sfnorm", "rgb2sfnorm@1000"]
    assert name_among("normal@1000", known, "here") == "rgb2sfnorm@1000"
    assert name_among("normal", known, "here") == "rgb2sfnorm"
    assert name_among("normal@500", known, "here") is None


def test_two_names_of_one_task_are_not_two_numbers() -> None:
    assert keys_among({"Normals": 2.0, "b": 1.0}, ["rgb2sfnorm"], "cost") == {"rgb2sfnorm": 2.0, "b": 1.0}
    with pytest.raises(InputError, match="cost: normal is given twice, also as rgb2sfnorm"):
        keys_among({"normal": 2.0, "rgb2sfnorm": 1.0}, ["normal"], "cost")


def test_what_files_say_is_written_as_today() -> None:
    assert written_name("rgb2sfnorm") == "normal"
    assert written_name("Normals") == "Normals"  # a custom task's name, in a file
    assert as_written(["reshade+rgb2depth", "random"]) == ["reshading+depth_zbuffer", "random"]
    assert as_written(8) == 8


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("normla", WRITTEN, ["normal"]),
        ("normla", INTERNAL, ["rgb2sfnorm"]),
        ("rgb2depht", WRITTEN, ["depth_zbuffer"]),
        ("horizn", ["horizon", "slope"], ["horizon"]),
        ("xyz", WRITTEN, []),
    ],
)
def test_the_nearest_names_are_those_of_the_set(name: str, known: list[str], expected: list[str]) -> None:
    assert nearest(name, known)[: max(1, len(expected))] == expected
