"""Tables as spreadsheets and data frames save them; the expected rows are spelled out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import Transfer, Transfers
from lightning_taskonomy.taxonomy.delimited import number_of, read_delimited

HEADER = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
PLAIN = HEADER + "a,self,1,0.5,0.9,0.5\na,b,1,0.25,0.8,\n"
ROWS = (Transfer("a", ("self",), 0.5, 0.9, 0.5), Transfer("a", ("b",), 0.25, 0.8))


def rows(folder: Path, content: str | bytes) -> tuple[Transfer, ...]:
    path = folder / "transfers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Transfers.read_csv(path).rows


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "\t").replace(".", ","),
        HEADER + 'a,self,1,"0,5","0,9","0,5"\na,b,1,"0,25","0,8",\n',
        ("\ufeff" + PLAIN.replace(",", ";").replace(".", ",").replace("\n", "\r\n")).encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),  # Excel's "Unicode text"
        "\n" + PLAIN,
        "\r\n\r\n" + PLAIN.replace("\n", "\r\n"),
        PLAIN + ",,,,,\n",
        PLAIN.replace("\na,b", "\n,,,,,\na,b"),
        PLAIN.replace(",", ";") + ";;;;;\n",
        PLAIN.replace("\n", ",,\n"),  # columns once used
        PLAIN.replace("full\n", "full,,\n"),
        "sep=,\n" + PLAIN,
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        '"sep=;"\n' + PLAIN.replace(",", ";"),
        "SEP=\t\n" + PLAIN.replace(",", "\t"),
        PLAIN.replace(",1,", ",1.0,"),  # a column of counts that had gaps
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.split("\n")[:-1]),
    ],
)
def test_a_table_reads_alike_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    assert rows(tmp_path, content) == ROWS


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
def test_a_saved_index_is_a_further_column(tmp_path: Path, name: str) -> None:
    lines = PLAIN.split("\n")[:-1]
    indexed = [f"{name},{lines[0]}", *(f"{place},{line}" for place, line in enumerate(lines[1:]))]
    path = tmp_path / "indexed.csv"
    path.write_text("\n".join(indexed))
    table = Transfers.read_csv(path)
    assert table.extra_columns == (name,)
    assert [row.extra for row in table] == [("0",), ("1",)]
    table.write_csv(tmp_path / "again.csv")
    assert Transfers.read_csv(tmp_path / "again.csv").rows == table.rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAIN.replace(",", "|"), "column 'target' is missing (found one column, 'target|sources"),
        (PLAIN.encode("utf-16-le"), "expected a CSV in UTF-8, or in UTF-16 with its byte-order mark"),
        (b"\xff\xfe" + PLAIN.encode("utf-16-le")[:-1], "expected a CSV in UTF-8 or UTF-16, found byte"),
        (PLAIN.replace("b", "é").encode("cp1252"), "expected a CSV in UTF-8 or UTF-16, found byte"),
        (b"PK\x03\x04 and so on", "found a workbook or an archive; save the sheet as CSV"),
        ("\n\n,,,\n", "the file is empty"),
        (PLAIN.replace("0.25", "0,25"), "row 3: expected 6 cells, found 7"),
        (PLAIN.replace(",", ";").replace("0.25", "1.000,25"), "row 3, column affinity: expected a finite"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        rows(tmp_path, content)
    assert message in str(caught.value)
    assert str(tmp_path / "transfers.csv") in str(caught.value)


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("sep=;\n\nx;y\n;\n1;2\n\n3;4\n")
    assert read_delimited(path, "table", ("x", "y")).rows == ((5, ("1", "2")), (7, ("3", "4")))


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_decimal_points_and_commas(number: float, comma: bool) -> None:
    words = repr(number)
    assert number_of(words.replace(".", ",") if comma else words) == number
