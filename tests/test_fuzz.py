"""Files that nobody has thought of: whatever they hold, a command answers, or says in one line what is wrong.

Five hundred in all, always the same ones. For each: exit status 0 or 2, with 2 a single line, nothing written
but into the folder named for it, and an answer within seconds.
"""

import contextlib
import io
import json
import shutil
import signal
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pyarrow as pa
import pytest
import trimesh
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lightning_taskonomy.cli import main
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from tests.data.small_folder import make_folder, point_record

pytestmark = pytest.mark.slow
LONGEST = 20
"""Seconds for one input."""


def inputs(number: int) -> settings:
    """As many of a kind, the same in every run."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# What is put in the place of a part of a file.
TOKENS = (
    b"", b"\0", b"\n", b",", b'"', b"nan", b"inf", b"-inf", b"1e308", b"-1", b"1e-320",
    b"99999999999999999999",
    b"\xff\xfe", b"\xef\xbb\xbf", "é".encode(), b"+", b"self", b"random", b"../../x", b"/", b"{", b"}",
    b"[", b"]", b"null", b"true", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
    b"!!python/name:os.system", b"&a [*a]", b"PK\x03\x04",
)  # fmt: skip
Edit = tuple[float, float, bytes]
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 1.0]),
        st.sampled_from(TOKENS) | st.binary(max_size=6),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """A file with some parts replaced: where and how much as shares of its length."""
    for place, share, new in edits:
        start = int(place * len(content))
        content = content[:start] + new + content[start + int(share * len(content)) :]
    return content


COLUMNS: list[list[object]] = [
    [None], [0], [-1], [2**31 - 1], [2**63 - 1], [-(2**63)], [0.0], [float("nan")], [float("inf")], [1e308],
    [True], [""], ["a"], ["../../x"], ["pipe:touch x"], [b"\xff"], [[]], [[0]], [[-1]], [[2**31 - 1]],
    [{"a": 1}],
]  # fmt: skip
"""One value each, repeated for all rows or put among the others."""
Change = tuple[float, list[object], str]
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(COLUMNS),
        st.sampled_from(["replaced", "dropped", "added", "doubled", "in one row"]),
    ),
    min_size=1,
    max_size=2,
)


def changed(table: pa.Table, changes: list[Change]) -> pa.Table:
    """A table with some columns of other values, fewer or more of them."""
    for share, values, how in changes:
        if not table.num_columns:
            break
        place = int(share * table.num_columns)
        name = table.column_names[place]
        column = pa.array(values * table.num_rows)
        if how == "replaced":
            table = table.set_column(place, name, column)
        elif how == "dropped":
            table = table.remove_column(place)
        elif how == "added":
            table = table.append_column("self", column)
        elif how == "doubled":
            table = table.append_column(name, table[place])
        else:
            with contextlib.suppress(pa.ArrowException, TypeError, OverflowError):  # not of the column's type
                kept = [*values, *table[place].to_pylist()[1:]]
                table = table.set_column(place, name, pa.array(kept, table[place].type))
    return table


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """An error, if it takes too long."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no answer within {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != "out"
    }


def answered(folder: Path, words: str) -> str:
    """Run a command in a folder, of which it may change what is below `out`; its complaint, or ""."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    before = files(folder)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as warned,
        bounded(),
    ):
        warnings.simplefilter("default")
        status = main(words.split())
    said = [line for line in err.getvalue().splitlines() if line.strip()]
    said += [str(warning.message) for warning in warned if warning.category not in _SILENT]
    assert status in (0, 2), (status, said)
    if status == 2:
        assert len(said) == 1, said
        assert said[0].startswith("error: "), said
        assert len(said[0]) < 2000, said
    assert files(folder) == before
    return said[0] if status == 2 else ""


_SILENT = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Python shows none of these to users."""


class Kind:
    """A folder with one file that is made anew for each input.

    Args:
        folder: it.
        file: the one.
        words: the command.
    """

    def __init__(self, folder: Path, file: str, words: str) -> None:
        self.folder, self.file, self.words = folder, folder / file, words
        self.whole = self.file.read_bytes()
        assert answered(folder, words) == "", "the file as it was is good"

    def answered(self, edits: list[Edit]) -> str:
        """The answer for an edited file."""
        self.file.write_bytes(edited(self.whole, edits))
        return answered(self.folder, self.words)

    def answered_columns(self, changes: list[Change]) -> str:
        """The answer for a Parquet file whose columns are changed."""
        parquet.write_table(changed(parquet.read_table(io.BytesIO(self.whole)), changes), self.file)
        return answered(self.folder, self.words)


def transfers() -> str:
    lines = ["target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full"]
    for target in "abcd":
        lines.append(f"{target},self,1,0.9,0.9,0.5")
        lines += [f"{target},{source},1,0.{number}1,0.6,0.3" for number, source in enumerate("abcd")]
        lines.append(f"{target},a+b,2,0.7,0.8,0.4")
    return "\n".join(line for line in lines if line[0] != line[2:3]) + "\n"


def losses() -> pa.Table:
    random = np.random.default_rng(0)
    names = ("self", "pixels", "average", "b", "c", "b+c")
    return pa.table({"image": [f"i{n}" for n in range(8)], **{name: random.random(8) for name in names}})


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def tables(make: Callable[[], Path]) -> list[Kind]:
    folder = make()
    (folder / "t.csv").write_text(transfers())
    return [
        Kind(folder, "t.csv", f"taxonomy {words}")
        for words in (
            "solve --transfers t.csv --budget 2 --out out",
            "novel --transfers t.csv --out out/n.csv",
        )
    ]


@inputs(60)
@given(edits=EDITS, which=st.integers(0, 1))
def test_tables_of_transfers(tables: list[Kind], edits: list[Edit], which: int) -> None:
    tables[which].answered(edits)


@pytest.fixture(scope="module")
def loss_table(make: Callable[[], Path]) -> Kind:
    folder = make()
    parquet.write_table(losses(), folder / "a.parquet")
    return Kind(folder, "a.parquet", "taxonomy tournament --losses a.parquet --out out/t.csv")


@inputs(40)
@given(edits=EDITS)
def test_tables_of_losses(loss_table: Kind, edits: list[Edit]) -> None:
    loss_table.answered(edits)


@inputs(60)
@given(changes=CHANGES)
def test_columns_of_losses(loss_table: Kind, changes: list[Change]) -> None:
    loss_table.answered_columns(changes)


@pytest.fixture(scope="module")
def configuration(make: Callable[[], Path]) -> Kind:
    folder = make()
    (folder / "t.csv").write_text(transfers())
    content = {
        "transfers": "t.csv",
        "out": "out",
        "budget": 2,
        "importance": {"a": 2.0},
        "targets": ["a", "b"],
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(content))
    return Kind(folder, "c.yaml", "taxonomy solve --config c.yaml --out out")


@inputs(40)
@given(edits=EDITS)
def test_configurations(configuration: Kind, edits: list[Edit]) -> None:
    configuration.answered([edit for edit in edits if b"/" not in edit[2]])


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=4,
)


@inputs(60)
@given(
    key=st.sampled_from(["transfers", "budget", "importance", "targets", "cost", "solver", "gap"]),
    value=VALUES,
)
def test_values_of_a_configuration(configuration: Kind, key: str, value: object) -> None:
    content = yaml.safe_load(configuration.whole)
    configuration.file.write_text(yaml.safe_dump({**content, key: value}))
    answered(configuration.folder, configuration.words)


@pytest.fixture(scope="module")
def labels(make: Callable[[], Path]) -> dict[str, Kind]:
    """Files of a data folder, one of a kind."""
    kinds = {}
    for domain, name in {
        "rgb": "png",
        "depth_zbuffer": "png",
        "class_object": "npy",
        "point_info": "json",
    }.items():
        folder = make()
        make_folder(folder / "in", buildings=("ash",), points=1, views=2, size=16)
        file = f"in/{domain}/ash/point_0_view_0_domain_{domain}.{name}"
        kinds[domain] = Kind(folder, file, "data check in --workers 1")
    return kinds


@inputs(60)
@given(edits=EDITS, domain=st.sampled_from(["rgb", "depth_zbuffer", "class_object", "point_info"]))
def test_labels(labels: dict[str, Kind], edits: list[Edit], domain: str) -> None:
    labels[domain].answered(edits)


@inputs(40)
@given(key=st.sampled_from(sorted(point_record(0, 0, 16))), value=VALUES)
def test_values_of_point_info(labels: dict[str, Kind], key: str, value: object) -> None:
    kind = labels["point_info"]
    kind.file.write_text(json.dumps({**json.loads(kind.whole), key: value}))
    answered(kind.folder, kind.words)


@inputs(20)
@given(
    width=st.integers(0, 2**31 - 1),
    height=st.integers(0, 2**31 - 1),
    bits=st.integers(0, 16),
    colour=st.integers(0, 6),
)
def test_headers_of_pictures(
    labels: dict[str, Kind], width: int, height: int, bits: int, colour: int
) -> None:
    kind = labels["rgb"]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    kind.file.write_bytes(kind.whole[:16] + header + kind.whole[29:])
    answered(kind.folder, kind.words)


@pytest.fixture(scope="module")
def indices(make: Callable[[], Path]) -> list[Kind]:
    kinds = []
    for name in ("index.parquet", "index.json"):
        folder = make()
        source = make_folder(folder / "source", buildings=("ash",), domains=("rgb", "point_info"), size=16)
        PackPlan(source, folder / "in", {"ash": "train"}, Packing(shard_size=4)).run(1)
        shutil.rmtree(source)
        kinds.append(Kind(folder, f"in/train/{name}", "data check in --workers 1"))
    return kinds


@inputs(20)
@given(edits=EDITS, which=st.integers(0, 1))
def test_indices_of_shards(indices: list[Kind], edits: list[Edit], which: int) -> None:
    indices[which].answered(edits)


@inputs(40)
@given(changes=CHANGES)
def test_columns_of_indices(indices: list[Kind], changes: list[Change]) -> None:
    indices[0].answered_columns(changes)


@pytest.fixture(scope="module")
def meshes(make: Callable[[], Path]) -> list[Kind]:
    kinds = []
    for suffix in ("obj", "ply", "glb"):
        folder = make()
        box = trimesh.creation.box((4, 4, 3))
        box.invert()
        box.export(folder / f"room.{suffix}")
        words = f"data render --mesh room.{suffix} --out out --points 1 --views 2 --size 32 --workers 1"
        kinds.append(Kind(folder, f"room.{suffix}", words))
    return kinds


@inputs(20)
@given(edits=EDITS, which=st.integers(0, 2))
def test_meshes(meshes: list[Kind], edits: list[Edit], which: int) -> None:
    meshes[which].answered(edits)


@pytest.fixture(scope="module")
def weights(make: Callable[[], Path]) -> Kind:
    from tests.bank.small_networks import write_small_bank

    folder = make()
    write_small_bank(folder / "bank", "class_scene")
    (file,) = (folder / "bank").rglob("*.safetensors")
    words = "bank convert --weights bank --to safetensors --out out"
    return Kind(folder, str(file.relative_to(folder)), words)


@inputs(10)
@given(edits=EDITS)
def test_headers_of_weights(weights: Kind, edits: list[Edit]) -> None:
    (length,) = struct.unpack("<Q", weights.whole[:8])
    header = edited(weights.whole[8 : 8 + length], edits)
    with_header(weights, header)


@inputs(30)
@given(place=st.floats(0, 1, exclude_max=True), value=VALUES, text=st.booleans())
def test_metadata_of_weights(weights: Kind, place: float, value: object, text: bool) -> None:
    (length,) = struct.unpack("<Q", weights.whole[:8])
    header = json.loads(weights.whole[8 : 8 + length])
    metadata = header["__metadata__"]
    key = sorted(metadata)[int(place * len(metadata))]
    metadata[key] = json.dumps(value) if text else value
    with_header(weights, json.dumps(header).encode())


def with_header(weights: Kind, header: bytes) -> None:
    (length,) = struct.unpack("<Q", weights.whole[:8])
    weights.file.write_bytes(struct.pack("<Q", len(header)) + header + weights.whole[8 + length :])
    answered(weights.folder, weights.words)


def test_five_hundred_in_all() -> None:
    tests = [
        test for name, test in globals().items() if name.startswith("test_") and hasattr(test, "hypothesis")
    ]
    assert sum(test._hypothesis_internal_use_settings.max_examples for test in tests) == 500
