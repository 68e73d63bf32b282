import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lightning_taskonomy.bank.fetch import fetch, published_files
from lightning_taskonomy.bank.published import file_name
from lightning_taskonomy.core.errors import InputError
from tests.bank.test_network import small_bank


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


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
    with pytest.raises(InputError, match="what came is not the file"):
        fetch(name, tmp_path / "bank", address)
    assert list((tmp_path / "bank").iterdir()) == []


def test_absent_file_and_server_are_one_line(mirror: tuple[str, Path], tmp_path: Path) -> None:
    name = file_name("normal", "encoder", "0" * 64)
    for address, reason in ((mirror[0], "File not found"), ("http://127.0.0.1:9", "cannot fetch")):
        with pytest.raises(InputError, match=reason) as error:
            fetch(name, tmp_path / "bank", address)
        assert "\n" not in str(error.value)


def test_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected an address that begins with https://"):
        fetch(file_name("normal", "encoder", "0" * 64), tmp_path, "file:///etc")


def test_published_files_of_tasks() -> None:
    assert len(published_files([])) == 42
    assert [name.split("-")[0] for name in published_files(["normal", "jigsaw"])] == [
        "normal_encoder", "normal_decoder", "jigsaw_encoder",
    ]  # fmt: skip
    with pytest.raises(InputError, match="nothing is published of class_selected"):
        published_files(["class_selected"])
