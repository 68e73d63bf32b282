"""Given and uploaded tables: the same reader and messages, and a limit on what is kept."""

import base64
import re
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer import tables as limits
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD, Tables, upload
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Transfers

HEAD = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
GOOD = "a,self,1,0.5,0.9,0.5\nb,a,1,0.25,0.8,0.4\n"


def as_sent(content: bytes) -> str:
    return "data:text/csv;base64," + base64.b64encode(content).decode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HEAD.encode(),
        HEAD.replace("affinity", "afinity").encode(),
        (HEAD + "a,self,1,high,0.9,0.5\n").encode(),
        (HEAD + GOOD + "b,a,1,0.3,,\n").encode(),
        (HEAD + "b,a,1,0.3,\n").encode(),
        (HEAD + 'a,"self,1,0.5,0.9,0.5\n').encode(),
        b"\xff\xfe\x00",
        b"PK\x03\x04 a spreadsheet",
        b"\x00" * 100,
    ],
)
def test_uploads_get_the_command_lines_messages(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    options = ["--budget", "1", "--out", str(tmp_path / "out")]
    assert main(["taxonomy", "solve", "--transfers", str(path), *options]) == 2
    line = capsys.readouterr().err.removeprefix("error: ").strip().replace(str(path), "mine.csv")
    with pytest.raises(InputError) as caught:
        upload(Tables(), "mine.csv", as_sent(content))
    assert str(caught.value) == line


@pytest.mark.parametrize("name", ["../../etc/mine.csv", "C:\\data\\mine.csv", "/mine.csv"])
def test_only_the_last_part_of_a_name_counts(name: str) -> None:
    table = upload(Tables(), name, as_sent((HEAD + GOOD).encode()))
    assert (table.name, table.transfers.origin) == ("mine", "mine.csv")


@pytest.mark.parametrize("content", ["", "data:text/csv,plain", "nonsense;base64,QQ==", "data:;base64,Q!Q="])
def test_invalid_uploads_are_refused(content: str) -> None:
    with pytest.raises(InputError, match=r"mine\.csv: (expected a file|damaged)"):
        upload(Tables(), "mine.csv", content)


def test_an_upload_may_not_be_larger_than_the_limit() -> None:
    with pytest.raises(InputError, match="expected at most 8,388,608 bytes, found 8,388,609"):
        upload(Tables(), "mine.csv", as_sent(b"x" * (LARGEST_UPLOAD + 1)))


def test_an_upload_is_found_by_its_content(own: Path) -> None:
    tables = Tables([own])
    content = own.read_bytes()
    table = tables.upload("first.csv", content)
    assert tables.upload("second.csv", content).key == table.key
    assert tables.find(table.key).transfers.rows == Transfers.read_csv(own).rows
    assert [other.key for other in tables.given] == ["transfers"]  # visitors do not see each other's


def test_the_oldest_uploads_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [(HEAD + GOOD + f"c,a,1,0.{number},,\n").encode() for number in range(1, 6)]
    monkeypatch.setattr(limits, "_UPLOADS_KEPT", 2 * len(contents[0]))
    tables = Tables()
    keys = [tables.upload("mine.csv", content).key for content in contents[:2]]
    tables.find(keys[0])  # looked at, hence the latest
    tables.upload("mine.csv", contents[2])
    tables.find(keys[0])
    with pytest.raises(InputError, match="no longer available; upload it again"):
        tables.find(keys[1])


@pytest.mark.parametrize("key", ["../transfers", "/etc/passwd", "transfers.csv", "nothing"])
def test_keys_are_not_paths(key: str, own: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"link: no table {key!r}; expected transfers")):
        Tables([own]).find(key)


def test_files_with_the_same_name_have_different_keys(own: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run" / "transfers.csv"
    copy.parent.mkdir()
    copy.write_bytes(own.read_bytes())
    assert [table.key for table in Tables([own, copy]).given] == ["transfers", "run-transfers"]
    assert len({table.key for table in Tables([own, own, own, own]).given}) == 4


def test_two_tables_are_compared_under_the_names_of_the_first(tmp_path: Path) -> None:
    header = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
    (tmp_path / "a.csv").write_text(f"{header}normal,self,1,0.5,0.9,0.5\nnormal,reshading,1,0.4,0.8,0.4\n")
    (tmp_path / "b.csv").write_text(
        f"{header}rgb2sfnorm,self,1,0.5,0.9,0.5\nrgb2sfnorm,reshade,1,0.6,0.8,0.4\n"
    )
    explorer = Explorer(Tables([tmp_path / "a.csv", tmp_path / "b.csv"]))
    first, second = explorer.looked(View(table="a", against="table", second_table="b", cost={"Normals": 1.0}))
    assert second.table.transfers.tasks == first.table.transfers.tasks == ("normal", "reshading")
    assert second.question.cost == first.question.cost == (("normal", 1.0),)
    answers = [explorer.solve(looked, 1).transfers[0] for looked in (first, second)]
    assert [(answer.target, answer.sources) for answer in answers] == [
        ("normal", ("self",)),
        ("normal", ("reshading",)),
    ]
    (alone,) = explorer.looked(View(table="b", cost={"normal": 1.0}))
    assert alone.question.cost == (("rgb2sfnorm", 1.0),)
