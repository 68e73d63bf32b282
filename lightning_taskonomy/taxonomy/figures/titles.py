"""Titles of tasks in figures: readable ones instead of the tables' internal names.

In one figure all titles differ, and none is longer than the figure has room for.
"""

import unicodedata
from collections.abc import Callable, Iterable

from lightning_taskonomy.core.task_names import known_title

_DOTS = "…"

_SPECIAL = {"random": "Random encoder"}


def title_of(task: str) -> str:
    """The English title of a dictionary task, by any of its names; else its name, made readable."""
    title = _SPECIAL.get(task) or known_title(task)
    if title is not None:
        return title
    words = _printable(task.replace("_", " ").strip())
    return words[:1].upper() + words[1:]


def titles_of(
    tasks: Iterable[str], longest: int | None = None, spelled: Callable[[str], str] = str
) -> dict[str, str]:
    """Distinct titles, by task.

    Tasks whose titles would look the same keep their names from the table.

    Args:
        tasks: all tasks of one table, so that its figures agree.
        longest: the most letters of a title; longer ones are shortened in the middle.
        spelled: rewrites a title with only the letters that can be drawn.
    """
    tasks = sorted(set(tasks))
    titles = {task: spelled(title_of(task)) for task in tasks}
    for alike in _alike(titles, str.casefold):
        titles |= {task: spelled(_printable(task)) for task in alike}
    for alike in _alike(titles, str):
        titles |= {task: ascii(task)[1:-1] for task in alike}
    for alike in _alike(titles, str):  # names of other names' escapes
        titles |= {task: f"{titles[task]} ({number})" for number, task in enumerate(alike, start=1)}
    return titles if longest is None else _shortened(titles, longest)


def _printable(name: str) -> str:
    """A name on one line, without invisible characters or ones that change the writing direction."""
    return "".join(
        ascii(letter)[1:-1]
        if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs") and letter not in _JOINERS
        else letter
        for letter in name
    )


_JOINERS = "\u200c\u200d"
"""Joiners that the spelling of some scripts needs."""


def _alike(titles: dict[str, str], folded: Callable[[str], str]) -> list[list[str]]:
    """Groups of tasks whose titles look the same to a reader."""
    groups: dict[str, list[str]] = {}
    for task, title in titles.items():
        seen = " ".join(unicodedata.normalize("NFKC", folded(title)).split())
        groups.setdefault(seen, []).append(task)
    return [group for group in groups.values() if len(group) > 1]


def _shortened(titles: dict[str, str], longest: int) -> dict[str, str]:
    third = longest // 3
    short = {task: _cut(title, longest) for task, title in titles.items()}
    for alike in _alike(short, str):
        wholes = [titles[task] for task in alike]
        start = _same(wholes)
        end = _same([whole[start:][::-1] for whole in wholes])
        for task in alike:
            whole = titles[task]
            core = whole[start : len(whole) - end]
            before, after = whole[:start], whole[len(whole) - end :]
            short[task] = _cut(before, third) + _cut(core, longest - 2 * third) + _cut(after, third)
    for alike in _alike(short, str):
        numbers = {task: f"{_DOTS}{number}" for number, task in enumerate(alike, start=1)}
        short |= {task: _cut(titles[task], longest - len(end)) + end for task, end in numbers.items()}
    return short


def _same(words: list[str]) -> int:
    """The length of the longest common prefix."""
    first, last = min(words), max(words)
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


def _cut(words: str, longest: int) -> str:
    """Shortened in the middle if too long."""
    if len(words) <= longest:
        return words
    tail = (longest - 1) // 2
    return words[: longest - 1 - tail].rstrip() + _DOTS + words[len(words) - tail :].lstrip()
