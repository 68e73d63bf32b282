"""Options with custom syntax: `a,b`, `t=2,u=0.5` and `1:26`. In YAML, plain lists and mappings.

A name that contains a comma is put in double quotes, as in a CSV: `'"a, b",c'` and `'"a, b"=2,c=0.5'`.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import yaml
from jsonargparse.typing import register_type


class Names(tuple[str, ...]):
    """names joined by commas, as in a,b; a name with a comma in it in double quotes, as in '"a, b",c'."""

    __slots__ = ()


class NamedNumbers(Mapping[str, float]):
    """name=number pairs joined by commas, as in a=2,b=0.5; '"a, b"=2' where a name holds a comma."""

    # Not a dictionary: jsonargparse would take over one from YAML and lose its entries.
    def __init__(self, numbers: Mapping[str, float]) -> None:
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class WholeNumbers(tuple[int, ...]):
    """whole numbers joined by commas, or a range with both ends, as in 1,4 or 1:26."""

    __slots__ = ()


class Numbers(tuple[float, ...]):
    """numbers joined by commas, or a range of whole ones with both ends, as in 1.5,4 or 1:26."""

    __slots__ = ()


def _names(value: object) -> Names:
    parts = [str(part) for part in value] if isinstance(value, list | tuple) else _parts(str(value))
    names = [part.strip() for part in parts]
    if not all(names):
        raise ValueError(f"expected names joined by commas, as in a,b; got {value!r}")
    return Names(names)


def _named_numbers(value: object) -> NamedNumbers:
    if isinstance(value, dict):
        pairs = [(str(name), number) for name, number in value.items()]
    else:
        # The quotes may enclose the name or the pair, and a name may contain an equals sign.
        words = re.sub(r'(^|,)\s*"((?:[^"]|"")*)"\s*=([^,"]*)', r'\1"\2=\3"', str(value))
        pairs = [(name.strip(), number) for name, _, number in (p.rpartition("=") for p in _parts(words))]
    numbers: dict[str, float] = {}
    for name, number in pairs:
        try:
            numbers[name] = float(number)
        except (TypeError, ValueError):
            numbers[name] = math.nan
        if not name or not math.isfinite(numbers[name]):
            raise ValueError(f"expected name=number pairs joined by commas, as in a=2,b=0.5; got {value!r}")
    if len(numbers) < len(pairs):
        raise ValueError(f"a name is given twice in {value!r}")
    return NamedNumbers(numbers)


def _parts(words: str) -> list[str]:
    """The parts between commas; commas in quotes do not split."""
    try:
        return next(csv.reader([words], skipinitialspace=True, strict=True), [""])
    except csv.Error as error:
        raise ValueError(f"expected names joined by commas, got {words!r} ({error})") from error


def _joined(parts: Iterable[str]) -> str:
    words = list(parts)
    text = _written(words, csv.QUOTE_MINIMAL)
    # YAML would read some names as something else than text: `#`, `?`, `null`, `1_0`.
    return text if _is_text(text) else _written(words, csv.QUOTE_ALL)


def _written(words: list[str], quoting: Literal[0, 1]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="", quoting=quoting).writerow(words)
    return text.getvalue()


def _is_text(words: str) -> bool:
    """Whether YAML reads words as text."""
    try:
        float(words)
    except ValueError:
        pass
    else:
        return False
    try:
        return isinstance(yaml.safe_load(words), str)
    except (yaml.YAMLError, ValueError):  # not YAML; or a date that is none
        return True


def _whole_numbers(value: object) -> WholeNumbers:
    expected = f"expected whole numbers joined by commas, or a range such as 1:26; got {value!r}"
    parts = [str(part) for part in value] if isinstance(value, list | tuple) else str(value).split(",")
    numbers: list[int] = []
    for part in parts:
        first, colon, last = part.partition(":")
        try:
            span = range(int(first), int(last) + 1) if colon else range(int(first), int(first) + 1)
        except ValueError:
            raise ValueError(expected) from None
        if not span:
            raise ValueError(f"the range {part} is empty")
        numbers.extend(span)
    return WholeNumbers(sorted(set(numbers)))


def _numbers(value: object) -> Numbers:
    """Numbers and ranges; whole numbers stay integers."""
    parts = [str(part) for part in value] if isinstance(value, list | tuple) else str(value).split(",")
    numbers: set[float] = set()
    for part in parts:
        if ":" in part:
            numbers.update(_whole_numbers(part))
            continue
        try:
            number = float(part)
        except ValueError:
            raise ValueError(
                f"expected numbers joined by commas, or a range such as 1:26; got {value!r}"
            ) from None
        if not math.isfinite(number):
            raise ValueError(f"expected finite numbers; got {value!r}")
        numbers.add(int(number) if number.is_integer() else number)
    return Numbers(sorted(numbers))


def _register(kind: type, read: Callable[[object], Any], write: Callable[[Any], str]) -> None:
    register_type(kind, serializer=write, deserializer=read, deserializer_exceptions=(ValueError,))


_register(Names, _names, _joined)
_register(NamedNumbers, _named_numbers, lambda pairs: _joined(f"{k}={v!r}" for k, v in pairs.items()))
_register(Numbers, _numbers, lambda numbers: ",".join(f"{number!r}" for number in numbers))
_register(WholeNumbers, _whole_numbers, lambda numbers: ",".join(map(str, numbers)))

NO_NAMES = Names()
