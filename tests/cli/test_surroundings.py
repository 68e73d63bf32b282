"""Environments of the command line: plain locales, no docstrings, threads other than the main one."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.signals import SIGNALS, leaving_at_signals

ROOT = Path(__file__).parents[2]
TABLE = """target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full
краска,self,1,0.9,0.9,0.5
краска,b,1,0.3,0.6,0.4
b,self,1,0.9,0.9,0.5
b,краска,1,0.2,0.5,0.4
"""
SOLVE = ("taxonomy", "solve", "--transfers", "t.csv", "--budget", "1", "--out", "out")
PLAIN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", **PLAIN},
    {"LC_ALL": "C", **PLAIN, "PYTHONIOENCODING": "latin-1"},
]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(
    *words: str | bytes, flags: tuple[str, ...] = (), locale: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *flags, "-m", "lightning_taskonomy", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(locale or {})},
        capture_output=True,
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_names_in_any_script_are_solved_in_a_plain_locale(table: Path, locale: dict[str, str]) -> None:
    done = run(*SOLVE, locale=locale)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "краска" in str(json.loads((table / "out" / "taxonomy.json").read_text("utf-8")))


def test_words_that_the_locale_cannot_read_are_one_line(table: Path) -> None:
    for word, locale in ((b"\xff\xfe.csv", {}), ("нет.csv".encode(), {"LC_ALL": "POSIX", **PLAIN})):
        done = run("taxonomy", "solve", "--transfers", word, "--out", "out", locale=locale)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error: '\\udc")
        assert b"expected UTF-8" in done.stderr
        assert done.stderr.count(b"\n") == 1


def test_without_docstrings_and_asserts_the_answer_is_the_same(table: Path) -> None:
    texts = []
    for flags in ((), ("-OO",)):
        done = run(*SOLVE, flags=flags)
        assert (done.returncode, done.stderr) == (0, b"")
        texts.append((done.stdout, (table / "out" / "taxonomy.json").read_bytes()))
    assert texts[0] == texts[1]


@pytest.mark.usefixtures("table")
def test_a_thread_may_run_a_command() -> None:
    """Notebooks and servers do this; only the main thread may set signal handlers."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(main(SOLVE)))
    thread.start()
    thread.join()
    assert found == [0]


def test_signals_keep_their_meaning_in_other_threads() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    found: list[dict[int, object]] = []

    def leave() -> None:
        with leaving_at_signals("nothing"):
            found.append({number: signal.getsignal(number) for number in SIGNALS})

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert found == [before]
