"""Names in any script: a font with the letters is found; without one, their code points are shown."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from matplotlib import font_manager
from matplotlib.text import Text

from lightning_taskonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.figures import fonts
from lightning_taskonomy.taxonomy.figures.fonts import families_for, legible
from lightning_taskonomy.taxonomy.figures.graph import draw_taxonomy
from lightning_taskonomy.taxonomy.figures.style import save_figure

LETTER = "\U00020be3"
"""A letter so rare that hardly any font has it, and a private-use one, which none should have."""
PRIVATE = "\U0010fffd"


def forget() -> None:
    for known in (fonts._families, fonts._family_of, fonts._letters):
        known.cache_clear()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[str]:
    """A font with one letter, a box, and no bold face; installed for the duration of a test."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    box = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "box"])
    builder.setupCharacterMap({ord(LETTER): "box"})
    builder.setupGlyf({".notdef": box, "box": box})
    builder.setupHorizontalMetrics({".notdef": (1000, 100), "box": (1000, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "One Letter", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "one.ttf")
    font_manager.fontManager.addfont(tmp_path / "one.ttf")
    forget()
    yield "One Letter"
    manager = font_manager.fontManager
    manager.ttflist = [entry for entry in manager.ttflist if entry.name != "One Letter"]
    forget()


def test_letters_of_our_own_font_stay() -> None:
    words = "Tiefe, \u0433\u043b\u0443\u0431\u0438\u043d\u0430, \u03b2 \u2192 $x_1^2$ 50% & \\frac"
    assert legible(words) == words
    assert families_for([words]) == []


def test_a_letter_that_no_font_has_is_written_as_its_number() -> None:
    assert legible(f"a{PRIVATE}b") == r"a\U0010fffdb"


@pytest.mark.filterwarnings("error")
def test_a_font_that_has_the_letter_is_used(
    family: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert legible(LETTER) == LETTER
    assert families_for([f"a {LETTER}"]) == [family]
    taxonomy = Taxonomy(1.0, 1.0, 1, 1, 1, (f"{LETTER} of rooms",), (), ())
    with caplog.at_level(logging.WARNING):
        figure = draw_taxonomy(taxonomy)
        save_figure(figure, tmp_path / "taxonomy")
    (name,) = (text for text in figure.findobj(Text) if LETTER in text.get_text())
    assert isinstance(name, Text)
    assert family in name.get_fontfamily()
    assert f"{LETTER} of rooms" in (tmp_path / "taxonomy.svg").read_text(encoding="utf-8")
    assert caplog.records == []


def test_solving_a_table_of_any_names_says_nothing_of_fonts(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    head = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full"
    names = ["\u6df1\u5ea6", PRIVATE, "\u0e04\u0e27\u0e32\u0e21", "a$\\frac$", "\u05e2\u05d5\u05de\u05e7"]
    rows = [
        f"{name},{source},1,0.5,0.9,0.5"
        for name in names
        for source in ("self", "\u6df1\u5ea6")
        if name != source
    ]
    table.write_text("\n".join([head, *rows]), encoding="utf-8")
    words = ["taxonomy", "solve", "--transfers", str(table), "--budget", "2", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "lightning_taskonomy", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "taxonomy.json",
        "taxonomy.svg",
        "taxonomy.png",
    }
