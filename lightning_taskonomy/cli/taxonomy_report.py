"""`taxonomy report`: one page about a run that can be sent to anyone."""

from pathlib import Path

from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.report.page import page_of


def report(*, run: Path, out: Path) -> None:
    """Write one self-contained HTML page about a finished run: figures, tables, and how they were made.

    Args:
        run: folder of the run
        out: the page, such as report.html
    """
    write_text(out, page_of(run))
    print(f"written: {out}")
