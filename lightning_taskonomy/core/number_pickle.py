"""Read a pickled dictionary of numbers without running any code in it.

A pickle is a small program that may call any function of any module. Here a restricted interpreter steps
through it. The program may build dictionaries, lists and tuples of strings, bytes, numbers and NumPy scalars,
whose bytes are read as Python numbers. Three names of NumPy and one of the standard library are understood;
nothing is ever imported, looked up or called. All protocols are read, including those of Python 2, where a
Latin-1 string holds the bytes of a scalar.
"""

import codecs
import io
import pickletools
import struct
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any

from lightning_taskonomy.core.errors import InputError

MAX_BYTES = 2 * 2**20
"""Largest file size. What a program builds is proportional to its size, so this bounds memory as well."""
MAX_PROTOCOL = 5
_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_ADMITS = "only dictionaries, lists, tuples, strings, numbers and numpy's scalars are read"
_NOT_PICKLES = {b"<": "a web page", b"version https://git-lfs": "a pointer of Git LFS"}
"""What people save by mistake instead of the file, by its first bytes."""


class _Global(Enum):
    """Tokens for the globals that are understood; the objects themselves are never loaded."""

    SCALAR = auto()
    DTYPE = auto()
    ENCODE = auto()


_GLOBALS = {
    ("numpy.core.multiarray", "scalar"): _Global.SCALAR,
    ("numpy._core.multiarray", "scalar"): _Global.SCALAR,
    ("numpy", "dtype"): _Global.DTYPE,
    ("_codecs", "encode"): _Global.ENCODE,  # how Python 3 writes bytes in protocols 0 to 2
}
_FORMATS = {
    **{"b1": "?", "f2": "e", "f4": "f", "f8": "d"},
    **{"i1": "b", "i2": "h", "i4": "i", "i8": "q"},
    **{"u1": "B", "u2": "H", "u4": "I", "u8": "Q"},
}
"""`struct` formats by NumPy type name."""
_WIDEST = 8  # bytes of a scalar


class _RefusedError(Exception):
    """The program does something that is not allowed; the message says what."""


class _Type:
    """A NumPy scalar type: its name, and a byte order that is set afterwards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.order = "="


def read_numbers(path: Path) -> dict[str, float]:
    """Read a pickle that holds one flat dictionary from strings to numbers.

    Raises:
        InputError: the file cannot be read, is larger than `MAX_BYTES`, is damaged, uses anything but plain
            types, or holds anything but such a dictionary; the message names the file and what was found.
    """
    content = _content(path)
    stream = io.BytesIO(content)
    try:
        result = _Program().run(stream)
    except _RefusedError as refusal:
        raise InputError(f"{path}: refused, {refusal}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path}: not a whole pickle (damaged or cut short at byte {stream.tell()} of {len(content)})"
        ) from error
    return _numbers(path, result)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: expected a file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot read this file ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: larger than the {MAX_BYTES // 2**20} MiB that a table of numbers may take")
    for start, what in _NOT_PICKLES.items():
        if content.startswith(start):
            raise InputError(f"{path}: {what}, not the pickle itself; get the repository with git clone")
    return content


def _numbers(path: Path, result: object) -> dict[str, float]:
    if not isinstance(result, dict):
        raise InputError(f"{path}: expected one dictionary of numbers, found {_kind(result)}")
    numbers: dict[str, float] = {}
    for key, value in result.items():
        if not isinstance(key, str):
            raise InputError(f"{path}: expected strings for keys, found {_kind(key)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{path}: expected a number for {shown(key)}, found {_kind(value)}")
        try:
            numbers[key] = float(value)
        except OverflowError:
            raise InputError(f"{path}: the number for {shown(key)} is too large") from None
    return numbers


def shown(word: object) -> str:
    """A value from a file, fit for one line of a terminal: quoted, escaped and not too long."""
    text = ascii(word) if isinstance(word, str) else _kind(word)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: object) -> str:
    name = "nothing" if value is None else type(value).__name__.strip("_").lower()
    return name if value is None else f"{'an' if name == 'int' else 'a'} {name}"


class _Program:
    """The state of the interpreter: a stack, the stacks below its marks, and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> object:
        """Step through the program to its end, which must be the end of `stream`."""
        while code := stream.read(1):
            opcode = _OPCODES[code.decode("latin-1")]
            if opcode.name == "STOP":
                break
            step = _STEPS.get(opcode.name)
            if opcode.name == "STRING":
                argument: Any = _quoted(stream)
            else:
                argument = opcode.arg.reader(stream) if opcode.arg else None
            if step is None:
                raise _RefusedError(f"it holds {_described(opcode.name, argument)}; {_ADMITS}")
            step(self, argument)
        else:
            raise ValueError("no end")
        (result,) = self.stack
        if self.below or stream.read(1):
            raise ValueError("the end comes too early")
        return result

    def push(self, value: object) -> None:
        self.stack.append(value)

    def mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def last(self, count: int) -> tuple[Any, ...]:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise ValueError("too little on the stack")
        del self.stack[-count:]
        return items

    def put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def get(self, place: int) -> None:
        self.push(self.memo[place])

    def set_items(self, items: list[Any]) -> None:
        place = self.stack[-1]
        if not isinstance(place, dict) or len(items) % 2:
            raise ValueError("items without a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # No nested keys: hashing them may take for ever.
            if not isinstance(key, str | bytes | int | float | None):
                raise _RefusedError(f"{_kind(key)} is the key of a dictionary; expected strings")
            place[key] = value

    def dictionary(self, items: list[Any]) -> None:
        self.push({})
        self.set_items(items)

    def append(self, items: list[Any]) -> None:
        place = self.stack[-1]
        if not isinstance(place, list):
            raise ValueError("items without a list")
        place.extend(items)

    def find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise _RefusedError(f"it asks for a global that is {_kind(module)} and {_kind(name)}; {_ADMITS}")
        if (module, name) not in _GLOBALS:
            raise _RefusedError(f"it asks for {shown(f'{module}.{name}')[1:-1]}; {_ADMITS}")
        self.push(_GLOBALS[module, name])

    def reduce(self, _: None) -> None:
        function, arguments = self.last(2)
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise _RefusedError(f"it calls {_kind(function)}; {_ADMITS}")
        self.push(_CALLS[function](arguments))

    def build(self, _: None) -> None:
        scalar_type, state = self.last(2)
        if not isinstance(scalar_type, _Type):
            raise _RefusedError(f"it sets the state of {_kind(scalar_type)}; {_ADMITS}")
        match state:
            case (_, "<" | ">" | "=" | "|" as order, None, None, None, int(), int(), int()):
                # struct has no symbol for "not applicable".
                scalar_type.order = "=" if order == "|" else order
            case _:
                raise _RefusedError(
                    f"it describes numpy's type {shown(scalar_type.name)} beyond its byte order"
                )
        self.push(scalar_type)


def _quoted(stream: IO[bytes]) -> str:
    """The argument of STRING in Latin-1, as Python 2 wrote scalars; pickletools reads ASCII only."""
    line = stream.readline()
    text = line.strip()
    if not line.endswith(b"\n") or len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"'\"":
        raise ValueError("a string without quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")


def _described(opcode: str, argument: object) -> str:
    """What a refused opcode stands for."""
    if opcode == "INST" and isinstance(argument, str):
        return f"an instance of {shown(argument.replace(' ', '.'))[1:-1]}"
    if opcode in ("PERSID", "BINPERSID"):
        return f"a persistent id ({opcode})"
    if opcode.startswith("EXT"):
        return f"an extension code ({opcode} {argument})"
    return f"the instruction {opcode}"


def _protocol(_: _Program, number: int) -> None:
    if number > MAX_PROTOCOL:
        raise _RefusedError(f"its protocol is {number}; expected at most {MAX_PROTOCOL}")


def _scalar(arguments: tuple[Any, ...]) -> float:
    match arguments:
        case (_Type() as scalar_type, str() | bytes() as stored):
            data = stored.encode("latin-1") if isinstance(stored, str) else stored
            form = scalar_type.order + _FORMATS[scalar_type.name]
            if len(data) != struct.calcsize(form):
                raise ValueError("the bytes of a scalar are too few or too many")
            number: float = struct.unpack(form, data)[0]
            return number
    raise _RefusedError(f"it makes a numpy scalar of {', '.join(map(_kind, arguments[:3])) or 'nothing'}")


def _dtype(arguments: tuple[Any, ...]) -> _Type:
    match arguments:
        case (str(name), *_) if name in _FORMATS:
            return _Type(name)
    what = shown(arguments[0]) if arguments else "nothing"
    raise _RefusedError(f"it asks for numpy's type {what}; expected one of {', '.join(_FORMATS)}")


def _encode(arguments: tuple[Any, ...]) -> bytes:
    match arguments:
        # Short strings only: a long one, encoded over and over, would exhaust the memory.
        case (str(text), "latin1" | "latin-1") if len(text) <= _WIDEST:
            return text.encode("latin-1")
    raise _RefusedError("it encodes a string that is not the bytes of a numpy scalar")


_CALLS: dict[_Global, Callable[[tuple[Any, ...]], object]] = {
    _Global.SCALAR: _scalar,
    _Global.DTYPE: _dtype,
    _Global.ENCODE: _encode,
}
_LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
)
_STEPS: dict[str, Callable[[_Program, Any], object]] = {
    "PROTO": _protocol,
    "FRAME": lambda program, size: None,  # a read-ahead hint
    **dict.fromkeys(_LITERALS, _Program.push),
    "NONE": lambda program, _: program.push(None),
    "NEWTRUE": lambda program, _: program.push(True),
    "NEWFALSE": lambda program, _: program.push(False),
    "EMPTY_DICT": lambda program, _: program.push({}),
    "EMPTY_LIST": lambda program, _: program.push([]),
    "EMPTY_TUPLE": lambda program, _: program.push(()),
    "MARK": _Program.mark,
    "POP": lambda program, _: program.stack.pop(),
    "POP_MARK": lambda program, _: program.since_mark(),
    "DUP": lambda program, _: program.push(program.stack[-1]),
    "DICT": lambda program, _: program.dictionary(program.since_mark()),
    "LIST": lambda program, _: program.push(program.since_mark()),
    "TUPLE": lambda program, _: program.push(tuple(program.since_mark())),
    "TUPLE1": lambda program, _: program.push(program.last(1)),
    "TUPLE2": lambda program, _: program.push(program.last(2)),
    "TUPLE3": lambda program, _: program.push(program.last(3)),
    "SETITEM": lambda program, _: program.set_items(list(program.last(2))),
    "SETITEMS": lambda program, _: program.set_items(program.since_mark()),
    "APPEND": lambda program, _: program.append(list(program.last(1))),
    "APPENDS": lambda program, _: program.append(program.since_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Program.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Program.get),
    "MEMOIZE": lambda program, _: program.put(len(program.memo)),
    "GLOBAL": lambda program, pair: program.find(*pair.split(" ", 1)),
    "STACK_GLOBAL": lambda program, _: program.find(*program.last(2)),
    "REDUCE": _Program.reduce,
    "BUILD": _Program.build,
}
"""The allowed steps by opcode name; every other opcode is refused."""
