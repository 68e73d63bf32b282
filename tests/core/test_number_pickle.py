"""Pickles of numbers: harmless ones read as `pickle` itself reads them, hostile ones refused in one line."""

import collections
import os
import pickle
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.number_pickle import MAX_BYTES, read_numbers

KINDS = ("?", "e", "f", "d", "b", "h", "i", "q", "B", "H", "I", "Q", ">d", ">f", ">i4", ">u2")
SCALAR_2 = "cnumpy.core.multiarray\nscalar\np1\n(cnumpy\ndtype\np2\n(S'f8'\np3\nI0\nI1\ntp4\nRp5\n"
"""The start of a scalar in protocol 0, as Python 2 wrote it."""
STATE_2 = "(I3\nS'<'\np6\nNNNI-1\nI-1\nI0\ntp7\nb"


def read(folder: Path, content: bytes) -> dict[str, float]:
    path = folder / "numbers.pkl"
    path.write_bytes(content)
    return read_numbers(path)


def refusal(folder: Path, content: bytes) -> str:
    """The error message for a file: one line that begins with its name."""
    with pytest.raises(InputError) as caught:
        read(folder, content)
    line = str(caught.value)
    start = f"{folder / 'numbers.pkl'}: "
    assert line.startswith(start)
    assert line.isprintable()
    assert len(line) < len(start) + 250
    return line.removeprefix(start)


class Calls:
    """An object that pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.called


@settings(max_examples=50, deadline=None)
@given(
    numbers=st.dictionaries(st.text(max_size=20), st.floats() | st.integers(-(2**70), 2**70)),
    protocol=st.integers(0, pickle.HIGHEST_PROTOCOL),
)
def test_pythons_numbers(
    numbers: dict[str, float], protocol: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = read(tmp_path_factory.mktemp("pickles"), pickle.dumps(numbers, protocol))
    np.testing.assert_equal(found, {key: float(number) for key, number in numbers.items()})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", KINDS[1:])
def test_numpys_scalars(kind: str, protocol: int, tmp_path: Path) -> None:
    with np.errstate(over="ignore"):
        values = np.array([0, 1, 3, 100]).astype(kind)
    if values.dtype.kind == "f":
        values = np.append(values, np.array([np.pi, -0.1, np.inf, np.nan]).astype(kind))
    numbers = {f"key {place}": value for place, value in enumerate(values)}
    content = pickle.dumps(numbers, protocol)
    np.testing.assert_equal(read(tmp_path, content), pickle.loads(content))
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    if protocol < 4:  # no frames whose lengths would change
        assert old != content
        np.testing.assert_equal(read(tmp_path, old), pickle.loads(content))


def test_scalars_of_either_byte_order(tmp_path: Path) -> None:
    for order in "<>":
        body = (
            SCALAR_2
            + STATE_2.replace("<", order)
            + "S{!r}\ntR".format(struct.pack(order + "d", 0.3).decode("latin-1"))
        )
        assert read(tmp_path, f"(dp0\nS'a__b'\np8\n{body}s.".encode("latin-1")) == {"a__b": 0.3}


@pytest.mark.parametrize("number", [0.0, 1.0, 0.1, 1e-300, -7.25, 0.5767345290962570])
def test_what_python_2_wrote(number: float, tmp_path: Path) -> None:
    raw = struct.pack("<d", number)
    escaped = repr(raw)[1:]  # Python 2 wrote its strings as this shows bytes: quotes and escapes
    text = f"(dp0\nS'a__b'\np8\n{SCALAR_2}{STATE_2}S{escaped}\np9\ntp10\nRp11\ns."
    assert read(tmp_path, text.encode()) == {"a__b": number}
    binary = (
        b"\x80\x02}q\x00U\x04a__bq\x01cnumpy.core.multiarray\nscalar\nq\x02cnumpy\ndtype\nq\x03"
        b"U\x02f8q\x04K\x00K\x01\x87q\x05Rq\x06(K\x03U\x01<q\x07NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
        b"q\x08bU\x08" + raw + b"q\t\x86q\nRq\x0bs."
    )
    assert read(tmp_path, binary) == {"a__b": number}
    assert pickle.loads(binary, encoding="latin-1") == {"a__b": number}
    assert read(tmp_path, b"(dp0\nS'a'\nL7L\nsVb\nF0.5\nsS\"c\"\nI3\ns.") == {"a": 7, "b": 0.5, "c": 3}


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for call in (Calls(os.mkdir, str(trace)), Calls(eval, f"__import__('os').mkdir({str(trace)!r})")):
            content = pickle.dumps({"a__b": 0.5, "c__d": call}, protocol)
            pickle.loads(content)
            trace.rmdir()  # it did run
            assert "it asks for" in refusal(tmp_path, content)
            assert not trace.exists()


class Persistent(pickle.Pickler):
    def persistent_id(self, content: object) -> str | None:
        return "anything" if isinstance(content, Fraction) else None


def persistent(folder: Path, protocol: int) -> bytes:
    with (folder / "made").open("wb") as file:
        Persistent(file, protocol).dump({"a": Fraction(1, 2)})
    return (folder / "made").read_bytes()


def test_persistent_ids_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, persistent(tmp_path, 0)).startswith("refused, it holds a persistent id (PERSID)")
    assert "a persistent id (BINPERSID)" in refusal(tmp_path, persistent(tmp_path, 3))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (pickle.dumps({"a": Calls(os.system, "true")}, 4), f"{os.name}.system"),
        (pickle.dumps({"a": Calls(os.system, "true")}, 0), f"{os.name}.system"),
        (pickle.dumps({"a": Calls(eval, "1")}, 4), "builtins.eval"),
        (pickle.dumps({"a": Calls(eval, "1")}, 2), "__builtin__.eval"),
        (pickle.dumps({"a": Calls(getattr, Calls(__import__, "os"), "system")}), "builtins.getattr"),
        (b"\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93.", "os.path.exists"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "numpy.dtype.__init__"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0aload\nload2\x93.", r"numpy.load\nload2"),
        (b"cnumpy.core.multiarray\n_reconstruct\n.", "numpy.core.multiarray._reconstruct"),
        (b"c__builtin__\nset\n.", "__builtin__.set"),
        (b"ccopy_reg\n_reconstructor\n.", "copy_reg._reconstructor"),
        (b"(ios\nsystem\n.", "an instance of os.system"),
        (pickle.dumps({"a": np.zeros(2)}), "numpy._core.multiarray._reconstruct"),
        (pickle.dumps({"a": np.array([Calls(eval, "1")], object)}, 2), "numpy._core.multiarray._reconstruct"),
        (pickle.dumps({"a": np.array([1, "a"], object)}, 5), "numpy._core.multiarray._reconstruct"),
        (pickle.dumps({"a": np.arange(3)}, 5), "numpy._core.numeric._frombuffer"),
        (pickle.dumps(collections.OrderedDict(a=1), 2), "collections.OrderedDict"),
        (pickle.dumps({"a": collections.Counter("ab")}, 4), "collections.Counter"),
        (pickle.dumps({"a": Fraction(1, 2)}, 4), "fractions.Fraction"),
        (pickle.dumps({"a": np.dtype([("x", "f8")])}, 4), "numpy's type 'V8'"),
        (pickle.dumps({"a": np.dtype(object)}, 4), "numpy's type 'O8'"),
        (pickle.dumps({"a": np.str_("text")}, 4), "numpy's type 'U4'"),
        (pickle.dumps({"a": np.complex128(1j)}, 4), "numpy's type 'c16'"),
        (pickle.dumps({"a": np.datetime64("2018-06-18")}, 4), "numpy's type 'M8'"),
        (pickle.dumps({"a": {1, 2}}, 4), "the instruction EMPTY_SET"),
        (pickle.dumps({"a": bytearray(b"a")}, 5), "the instruction BYTEARRAY8"),
        (b"\x82\xf0.", "an extension code (EXT1 240)"),
        (b"\x83\x01\x02.", "an extension code (EXT2 513)"),
        (b"\x84\x01\x02\x03\x04.", "an extension code (EXT4 67305985)"),
        (b"\x97.", "the instruction NEXT_BUFFER"),
        (b"cnumpy\ndtype\n)\x81.", "the instruction NEWOBJ"),
        (b"(cnumpy\ndtype\no.", "the instruction OBJ"),
        (b"cnumpy\ndtype\n}b.", "sets the state of a global"),
        (b"}}b.", "sets the state of a dict"),
        (b"S'os.system'\n(S'true'\ntR.", "it calls a str"),
        (b"\x80\x04K\x01K\x02\x93.", "a global that is an int and an int"),
        (b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\nN(S'x'\nt}I-1\nI-1\nI0\ntb.", "numpy's type 'f8' beyond"),
        (b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\n}tb.", "numpy's type 'f8' beyond"),
        (b"cnumpy\ndtype\n(S'f8'\ntR}b.", "numpy's type 'f8' beyond"),
        (b"cnumpy\ndtype\n)R.", "numpy's type nothing"),
        (b"cnumpy\ndtype\n]\x85R.", "numpy's type a list"),
        (b"cnumpy.core.multiarray\nscalar\n(S'f8'\nS'12345678'\ntR.", "a numpy scalar of a str, a str"),
        (b"c_codecs\nencode\n(VAAAAAAAAA\nVlatin1\ntR.", "it encodes a string"),
        (b"c_codecs\nencode\n(VA\nVzlib\ntR.", "it encodes a string"),
        (b"\x80\x06}.", "its protocol is 6"),
        (pickle.dumps({("a", "b"): 1.0}), "a tuple is the key"),
    ],
)
def test_hostile_and_other_pickles_are_refused_by_name(content: bytes, named: str, tmp_path: Path) -> None:
    line = refusal(tmp_path, content)
    assert line.startswith("refused, ")
    assert named in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1.0, 2.0]), "expected one dictionary of numbers, found a list"),
        (pickle.dumps(0.5), "expected one dictionary of numbers, found a float"),
        (pickle.dumps(None), "expected one dictionary of numbers, found nothing"),
        (pickle.dumps({"a": "0.5"}), "expected a number for 'a', found a str"),
        (pickle.dumps({"a": {"b": 0.5}}), "expected a number for 'a', found a dict"),
        (pickle.dumps({"a": True}), "expected a number for 'a', found a bool"),
        (pickle.dumps({"a": np.bool_(True)}), "expected a number for 'a', found a bool"),
        (pickle.dumps({"a": None}), "expected a number for 'a', found nothing"),
        (pickle.dumps({"a": 10**400}), "the number for 'a' is too large"),
        (pickle.dumps({b"a": 0.5}), "expected strings for keys, found a bytes"),
        (pickle.dumps({1: 0.5}), "expected strings for keys, found an int"),
        (pickle.dumps({"a\x1b[2J\n" + 99 * "b": []}), "expected a number for 'a\\x1b[2J\\nbbb"),
        (b"}cnumpy\ndtype\n0S'a'\ncnumpy\ndtype\ns.", "expected a number for 'a', found a global"),
        (b"<!DOCTYPE html>\n<html>", "a web page, not the pickle itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS, not the pickle itself"),
        (b"", "not a whole pickle"),
        (b"target,sources,order\n", "not a whole pickle"),
        (b"}}.", "not a whole pickle"),
        (b"}(.", "not a whole pickle"),
        (b"}.}.", "not a whole pickle"),
        (b"0.", "not a whole pickle"),
        (b"\x86.", "not a whole pickle"),
        (b"g7\n.", "not a whole pickle"),
        (b"}S'a'\ncnumpy\ndtype\n(S'f8'\ntRs", "not a whole pickle"),
        (b"}(S'a'\nu.", "not a whole pickle"),
        (b"}S'a\n.", "not a whole pickle"),
        (b"]S'a'\nI1\ns.", "not a whole pickle"),
        (b"}I1\na.", "not a whole pickle"),
        (b"}S'a'\nI" + 5000 * b"9" + b"\ns.", "not a whole pickle"),
    ],
)
def test_other_content_and_damage(content: bytes, message: str, tmp_path: Path) -> None:
    assert message in refusal(tmp_path, content)


def test_every_cut_and_every_changed_byte_is_one_line_or_numbers(tmp_path: Path) -> None:
    content = pickle.dumps({"a__b": np.float64(0.5), "b__a": np.float64(0.25)}, 3)
    for length in range(len(content)):
        assert "not a whole pickle" in refusal(tmp_path, content[:length])
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        try:
            found = read(tmp_path, bytes(changed))
        except InputError as error:
            said = str(error)
        else:
            said = " ".join(found)
            assert all(isinstance(number, float) for number in found.values())
        assert "\n" not in said


DEEP = 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"(" * DEEP + b"l" * DEEP + b".",  # lists in lists
        b")" + b"\x85" * DEEP + b".",  # tuples in tuples
        b")" + b"2\x86" * DEEP + b".",  # each twice in the next: 2^100000 in all
        b"})" + b"2\x86" * 60 + b"Ns.",  # the same as a key, whose hash would visit all
        b"}q\x00X\x01\x00\x00\x00ah\x00s.",  # a dictionary in itself
        b"\x8d" + b"\xff" * 7 + b"\x7fa.",  # a text of 2^63 bytes
        b"\x8e" + b"\xff" * 7 + b"\x7fa.",
        b"\x95" + b"\xff" * 8 + b"\x80.",  # a frame of 2^63 bytes
        b"\x8b\xff\xff\xff\x7fa.",
        b"(" * DEEP + b".",
    ],
)
def test_bombs_are_refused_at_once(content: bytes, tmp_path: Path) -> None:
    refusal(tmp_path, content)


def test_a_high_place_in_the_memo_takes_no_memory(tmp_path: Path) -> None:
    assert read(tmp_path, b"}r\xff\xff\xff\xff.") == {}


def test_what_is_no_file_of_a_sensible_size(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pkl: no such file"):
        read_numbers(tmp_path / "none.pkl")
    with pytest.raises(InputError, match="expected a file"):
        read_numbers(tmp_path)
    with (tmp_path / "numbers.pkl").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"numbers\.pkl: larger than the 2 MiB"):
        read_numbers(tmp_path / "numbers.pkl")
