import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from lightning_taskonomy.cli.option_types import NamedNumbers, Names, Numbers, WholeNumbers


def parse(kind: type, *words: str) -> object:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=kind)
    return parser.parse_args(["--value", *words]).value


def test_names() -> None:
    assert parse(Names, "a,b") == ("a", "b")
    assert parse(Names, " a , b ") == ("a", "b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a, b",c', ("a, b", "c")),
        ('"a,b"', ("a,b",)),
        ('c, "a,b"', ("c", "a,b")),
        ('"say ""ah"", twice"', ('say "ah", twice',)),
        ('5" disk,b', ('5" disk', "b")),
        ("a=1,b", ("a=1", "b")),
        ("[a],{b}", ("[a]", "{b}")),
    ],
)
def test_names_with_commas_stand_in_quotes(text: str, expected: tuple[str, ...]) -> None:
    assert parse(Names, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a, b"=2,c=0.5', {"a, b": 2, "c": 0.5}),
        ('c=0.5, "a,b"=2', {"a,b": 2, "c": 0.5}),
        ('"a,b=2"', {"a,b": 2}),
        ("x=y=2", {"x=y": 2}),
        ('"say ""ah"", twice"=2', {'say "ah", twice': 2}),
    ],
)
def test_numbers_of_names_with_commas(text: str, expected: dict[str, float]) -> None:
    parsed = parse(NamedNumbers, text)
    assert isinstance(parsed, NamedNumbers)
    assert dict(parsed) == expected


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@given(
    st.lists(
        NAMES | st.sampled_from(["#", "?", "null", "~", "true", "1_0", "1e3", "2020-01-01", "*a"]), min_size=1
    )
)
def test_any_names_survive_printing_and_reading(names: list[str]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=Names)
    again = parser.parse_string(parser.dump(parser.parse_object({"value": names})))
    assert again.value == tuple(names)


@given(st.dictionaries(NAMES, st.floats(-1e9, 1e9), min_size=1))
def test_any_numbers_survive_printing_and_reading(numbers: dict[str, float]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=NamedNumbers)
    again = parser.parse_string(parser.dump(parser.parse_object({"value": numbers})))
    assert dict(again.value) == numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:4", (1, 2, 3, 4)), ("4,1", (1, 4)), ("1,3:5,4", (1, 3, 4, 5)), ("7", (7,)), ("-2:0", (-2, -1, 0))],
)
def test_whole_numbers(text: str, expected: tuple[int, ...]) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=WholeNumbers)
    assert parser.parse_args([f"--value={text}"]).value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:3", (1, 2, 3)), ("2.5,1", (1, 2.5)), ("1,0.5,2:3", (0.5, 1, 2, 3)), ("7.0", (7,))],
)
def test_numbers(text: str, expected: tuple[float, ...]) -> None:
    assert parse(Numbers, text) == expected


@given(st.dictionaries(st.from_regex(r"[a-z_]+[0-9]?", fullmatch=True), st.floats(-1e6, 1e6), min_size=1))
def test_named_numbers_read_back(numbers: dict[str, float]) -> None:
    text = ",".join(f"{name}={number!r}" for name, number in numbers.items())
    assert parse(NamedNumbers, text) == numbers


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Names, "a,", "expected names joined by commas"),
        (Names, '"a,b', "expected names joined by commas"),
        (WholeNumbers, "1.5", "expected whole numbers joined by commas, or a range"),
        (WholeNumbers, "5:1", "the range 5:1 is empty"),
        (WholeNumbers, "a:b", "expected whole numbers"),
        (Numbers, "1,x", "expected numbers joined by commas"),
        (Numbers, "1.5:3", "expected whole numbers joined by commas, or a range"),
        (Numbers, "inf", "expected finite numbers"),
        (Numbers, "nan", "expected"),
        (NamedNumbers, "a", "expected name=number pairs"),
        (NamedNumbers, "a=x", "expected name=number pairs"),
        (NamedNumbers, "a=nan", "expected name=number pairs"),
        (NamedNumbers, "=1", "expected name=number pairs"),
        (NamedNumbers, "a=1,a=2", "a name is given twice"),
    ],
)
def test_bad_words_are_refused(kind: type, text: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        parse(kind, text)


def test_yaml_lists_and_mappings() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--names", type=Names)
    parser.add_argument("--numbers", type=NamedNumbers)
    parser.add_argument("--budgets", type=WholeNumbers)
    found = parser.parse_string("{names: [a, b], numbers: {a: 2, b: 0.5}, budgets: [1, 4]}")
    assert (found.names, found.numbers, found.budgets) == (("a", "b"), {"a": 2, "b": 0.5}, (1, 4))
