import csv
import json
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.report.page import page_of
from lightning_taskonomy.taxonomy import Transfers
from lightning_taskonomy.taxonomy.figures.titles import title_of

pytestmark = pytest.mark.slow


class Reader(HTMLParser):
    """The content of a page: text, URLs, tables, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.anchors: list[str] = []
        self.names: set[str] = set()
        self.alternatives: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if "id" in given:
            self.names.add(given["id"] or "")
        for name in ("src", "href"):
            address = given.get(name)
            if address is not None:
                (self.anchors if address.startswith("#") else self.addresses).append(address)
        if tag == "img":
            self.alternatives.append(given.get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page(finished: Path) -> Reader:
    reader = Reader()
    reader.feed(page_of(finished))
    assert reader.open == []
    return reader


def test_the_page_needs_nothing_but_itself(page: Reader) -> None:
    assert len(page.addresses) > 10
    assert all(
        address.startswith(("data:image/svg+xml;base64,", "data:image/jpeg;base64,"))
        for address in page.addresses
    )
    assert {anchor[1:] for anchor in page.anchors} <= page.names
    assert all(page.alternatives)


def test_every_measured_transfer_is_listed(page: Reader, finished: Path) -> None:
    text = " ".join(page.text)
    for transfer in Transfers.read_csv(finished / "transfers.csv"):
        if transfer.order > 1:
            assert " + ".join(map(title_of, transfer.sources)) in text
    with (finished / "taxonomy" / "gains.csv").open() as file:
        for row in csv.DictReader(file):
            assert title_of(row["target"]) in text
            assert f"{float(row['gain']):.3f}" in text


def test_the_page_says_how_it_was_made(page: Reader, finished: Path) -> None:
    text = "".join(page.text)
    made = json.loads((finished / "made_by.json").read_text())
    assert f"torch {made['versions']['torch']}" in text
    assert '"seed": 0' in text
    for split in ("train", "val", "test"):
        assert made["data"][split]["sha256"] in text
        assert re.fullmatch("[0-9a-f]{64}", made["data"][split]["sha256"])


def test_names_are_no_markup(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "<script>alert(1)"
    shutil.copytree(finished, run)
    content = page_of(run)
    assert "<script" not in content
    assert "&lt;script&gt;" in content


def test_the_command_writes_the_page(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["taxonomy", "report", "--run", str(finished), "--out", str(out)]) == 0
    assert f"written: {out}" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8") == page_of(finished)


@pytest.mark.parametrize("name", ["made_by.json", "taxonomy/taxonomy.json"])
def test_an_unfinished_run_has_no_report(
    finished: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "report.html"
    shutil.copytree(finished, run)
    (run / name).unlink()
    assert main(["taxonomy", "report", "--run", str(run), "--out", str(out)]) == 2
    assert "expected a finished run" in capsys.readouterr().err
    assert not out.exists()


def test_a_damaged_file_is_named(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "made_by.json").write_text("{")
    with pytest.raises(InputError, match=r"made_by\.json: cannot be read"):
        page_of(run)
    with pytest.raises(InputError, match="expected the folder of a run"):
        page_of(tmp_path / "nowhere")
