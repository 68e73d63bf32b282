import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lightning_taskonomy.bank.fetch import fetch, published_files
from lightning_taskonomy.bank.published import file_name
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.stream import places
from tests.bank.test_network import small_bank


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_FIRST_PAUSE_S", 0.01)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mirror's address and its folder, which holds small networks."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    small_bank(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_file_is_fetched_once(mirror: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = mirror
    (path,) = folder.glob("normal_encoder-*")
    assert fetch(path.name, tmp_path / "bank", address)
    assert (tmp_path / "bank" / path.name).read_bytes() == path.read_bytes()
    assert not fetch(path.name, tmp_path / "bank", "http://127.0.0.1:9")


def test_another_file_under_the_name_is_refused(mirror: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = mirror
    name = file_name("normal", "encoder", "0" * 64)
    (folder / name).write_bytes(b"something else")
    with pytest.raises(InputError, match=r"expected SHA-256 000000000000…, found \w+…") as error:
        fetch(name, tmp_path / "bank", address)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "bank").iterdir()) == []


def test_absent_file_and_server_are_one_line(mirror: tuple[str, Path], tmp_path: Path) -> None:
    name = file_name("normal", "encoder", "0" * 64)
    for address, reason in (
        (mirror[0], r"\(no such file\)"),
        ("http://127.0.0.1:9", r"cannot fetch normal_encoder-0+\.pth after 5 attempts \(.*[Cc]onnect"),
    ):
        with pytest.raises(InputError, match=reason) as error:
            fetch(name, tmp_path / "bank", address)
        assert "\n" not in str(error.value)
    assert list((tmp_path / "bank").iterdir()) == []


def test_a_download_that_breaks_off_begins_again(tmp_path: Path) -> None:
    """Twice the server hangs up in the middle; the third answer is whole, and nothing else is left."""
    content = bytes(range(256)) * 400

    class Breaking(_Quiet):
        breaks = 2

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            whole = Breaking.breaks == 0
            Breaking.breaks -= not whole
            self.wfile.write(content if whole else content[: len(content) // 2])

    name = file_name("normal", "encoder", hashlib.sha256(content).hexdigest())
    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert fetch(name, tmp_path / "bank", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert Breaking.breaks == 0
    assert [path.name for path in (tmp_path / "bank").iterdir()] == [name]
    assert (tmp_path / "bank" / name).read_bytes() == content


def test_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected an address that begins with https://"):
        fetch(file_name("normal", "encoder", "0" * 64), tmp_path, "file:///etc")


def test_published_files_of_tasks() -> None:
    assert len(published_files([])) == 42
    assert [name.split("-")[0] for name in published_files(["normal", "jigsaw"])] == [
        "normal_encoder", "normal_decoder", "jigsaw_encoder",
    ]  # fmt: skip
    with pytest.raises(InputError, match="nothing is published for class_selected"):
        published_files(["class_selected"])
