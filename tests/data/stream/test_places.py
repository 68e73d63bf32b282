"""Remote shards from a real web server, including one that breaks connections."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream import places
from lightning_taskonomy.data.stream.places import FetchError, Place
from lightning_taskonomy.data.stream.reading import ShardSet
from tests.data.small_folder import make_folder


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder, parts of files too if it does `parts`.

    Cuts the first `cuts` answers short, and falsifies all while `lies` is set."""

    folder: Path
    cuts = 0
    lies = False
    asked = 0
    parts = False
    sent = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        self.server.asked += 1
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        if self.server.lies:
            content = content[:-1] + bytes([content[-1] ^ 1])
        wanted = self.headers.get("Range", "") if self.server.parts else ""
        if wanted:
            first, last = wanted.removeprefix("bytes=").split("-")
            content = content[int(first) : int(last) + 1]
        self.server.sent += len(content)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.cuts > 0:
            self.server.cuts -= 1
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("places")
    source = make_folder(root / "in", points=3, domains=("rgb", "normal", "class_scene"))
    split_of = dict.fromkeys(("ash", "birch", "cedar"), "train")
    PackPlan(source, root / "out", split_of, Packing(shard_size=6)).run(1)
    return root / "out"


@pytest.fixture
def server(packed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(places, "_FIRST_PAUSE_S", 0.01)
    running = Server(("127.0.0.1", 0), Handler)
    running.folder = packed
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def all_pictures(shards: ShardSet) -> dict[str, np.ndarray]:
    return {key: shards.read(n, ["rgb"])["rgb"] for n, key in enumerate(shards.index.keys)}


def assert_same(root: str, packed: Path) -> None:
    expected = all_pictures(ShardSet(str(packed), "train"))
    found = all_pictures(ShardSet(root, "train"))
    assert found.keys() == expected.keys()
    for key, picture in expected.items():
        np.testing.assert_array_equal(found[key], picture)


def test_http_gives_what_the_disk_gives(server: Server, packed: Path) -> None:
    assert_same(url(server), packed)


def test_each_shard_is_fetched_once(server: Server) -> None:
    shards = ShardSet(url(server), "train")
    all_pictures(shards)
    before = server.asked
    all_pictures(shards)
    assert server.asked == before


def test_broken_connections_are_tried_again(server: Server, packed: Path) -> None:
    server.cuts = 3
    assert_same(url(server), packed)
    assert server.cuts == 0


def test_a_server_that_never_finishes_is_an_error_that_names_the_file(server: Server) -> None:
    shards = ShardSet(url(server), "train")
    assert len(shards.index.keys) == 18
    server.cuts = 10**6
    with pytest.raises(FetchError, match=r"cannot fetch train/rgb/train-000000\.tar after 5 attempts"):
        shards.read(0, ["rgb"])


def test_falsified_content_is_noticed(server: Server) -> None:
    shards = ShardSet(url(server), "train")
    assert len(shards.index.keys) == 18
    server.lies = True
    with pytest.raises(FetchError, match=r"expected SHA-256 \w+…, found"):
        shards.read(0, ["rgb"])


def test_a_missing_file_is_an_error(server: Server) -> None:
    with pytest.raises(FetchError, match=r"cannot fetch val/index\.json"):
        _ = ShardSet(url(server), "val").index


def test_a_command_may_fetch(packed: Path) -> None:
    assert_same(f"pipe:cat {packed}/{{path}}", packed)
    with pytest.raises(FetchError, match=r"cannot fetch nothing after 5 attempts"):
        Place("pipe:false {path}").file("nothing")
    with pytest.raises(InputError, match=r"expected \{path\} in the command"):
        Place("pipe:cat shards")


def test_old_copies_make_room(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_KEPT_FILES", 2)
    place = Place(url(server))
    first = place.file("train/rgb/train-000000.tar")
    for shard in (1, 2):
        place.file(f"train/rgb/train-00000{shard}.tar")
    assert not first.exists()
    assert place.file("train/rgb/train-000000.tar").exists()


@pytest.mark.parametrize("parts", [True, False])
def test_a_sample_read_alone_costs_no_whole_shard_where_the_server_sends_parts(
    server: Server, packed: Path, parts: bool
) -> None:
    server.parts = parts
    shards, local = ShardSet(url(server), "train"), ShardSet(str(packed), "train")
    size = int(shards.index.size["rgb"][7])
    server.sent = 0
    found = shards.read(7, ("rgb",), alone=True)["rgb"]
    np.testing.assert_array_equal(found, local.read(7, ("rgb",))["rgb"])
    whole = local.index.path(int(local.index.shard[7]), "rgb").stat().st_size
    assert server.sent == size if parts else server.sent >= whole


def test_braces_name_several_sets(packed: Path, tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", buildings=("dune", "elm"), domains=("rgb", "normal", "class_scene"))
    PackPlan(source, tmp_path / "more", dict.fromkeys(("dune", "elm"), "train"), Packing(shard_size=3)).run(1)
    one, two = (ShardSet(str(root), "train") for root in (packed, tmp_path / "more"))
    both = ShardSet(f"{{{packed},{tmp_path / 'more'}}}", "train")
    assert list(both.index.keys) == [*one.index.keys, *two.index.keys]
    assert both.index.samples.tolist() == one.index.samples.tolist() + two.index.samples.tolist()
    count = len(one.index.keys)
    for sample in range(len(both.index.keys)):
        part, place = (one, sample) if sample < count else (two, sample - count)
        for domain in ("rgb", "normal", "class_scene"):
            expected = part.read(place, (domain,))[domain]
            np.testing.assert_array_equal(both.read(sample, (domain,))[domain], expected)


def test_sets_of_other_domains_and_open_braces_are_refused(packed: Path, tmp_path: Path) -> None:
    source = make_folder(tmp_path / "in", buildings=("dune",), domains=("rgb",))
    PackPlan(source, tmp_path / "more", {"dune": "train"}, Packing()).run(1)
    both = ShardSet(f"{{{packed},{tmp_path / 'more'}}}", "train")
    with pytest.raises(InputError, match=r"expected the domains of .*; not in both: class_scene"):
        len(both.index.keys)
    with pytest.raises(InputError, match="expected a closing brace"):
        ShardSet(f"{packed}/{{a,b", "train")
