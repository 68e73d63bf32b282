"""One self-contained page about a run: every figure and table, and how they were made."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lightning_taskonomy.core.durations import duration
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.report.findings import Findings
from lightning_taskonomy.report.transfer_pictures import PARTS, Shown, TransferPictures
from lightning_taskonomy.taxonomy.figures.titles import title_of
from lightning_taskonomy.taxonomy.transfers import BASELINES, SELF, Transfer

_FIGURES = {
    "evaluation/heat_maps": "Gain and quality of each target as the budget grows; 0.5 is parity.",
    "evaluation/grid_gain": "Taxonomies of all budgets and orders by gain: blue wins against scratch.",
    "evaluation/grid_quality": "The same by quality: blue wins against full supervision.",
    "evaluation/significance": "The computed taxonomy against random ones of the same budget.",
    "evaluation/affinity": "First-order affinities, before and after normalisation by AHP.",
    "evaluation/tree": "Tasks clustered by how they transfer out.",
}
"""The figures and their captions."""
_SPECIAL = {
    SELF: "its own network",
    "pixels": "from scratch",
    "random": "random encoder",
    "average": "best constant",
}


class Figure(NamedTuple):
    """An image embedded in the page.

    Attributes:
        source: a `data:` URL.
        caption: what it shows.
    """

    source: str
    caption: str


class Strip(NamedTuple):
    """A strip of images that shows a transfer on one test image.

    Attributes:
        source: a `data:` URL.
        verdict: how the transfer compares, in words.
        image: key of the test image.
    """

    source: str
    verdict: str
    image: str


class TargetPictures(NamedTuple):
    """The strips of the transfers to a target.

    Attributes:
        title: of the target.
        transfers: by title, the strips where each is furthest ahead and behind.
    """

    title: str
    transfers: Mapping[str, Sequence[Strip]]


def page_of(run: Path) -> str:
    """The page of a finished run: self-contained HTML.

    Args:
        run: its folder.

    Raises:
        InputError: not the folder of a finished run, or a file in it is damaged.
    """
    findings = Findings.read(run)
    environment = Environment(
        loader=PackageLoader("lightning_taskonomy.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"share": _share, "duration": duration, "task": _task, "number": _number}
    return environment.get_template("page.html.jinja").render(
        name=run.resolve().name,
        found=findings,
        graph=_figure(
            run / "taxonomy" / "taxonomy.svg", "The taxonomy: what is labelled, and what it serves."
        ),
        figures=[
            _figure(run / f"{stem}.svg", caption)
            for stem, caption in _FIGURES.items()
            if (run / f"{stem}.svg").exists()
        ],
        means=_means(findings),
        tables=_tables_of_transfers(findings),
        parts=PARTS,
        pictures=_pictures(findings),
        configuration=_plain(findings.provenance.get("configuration", {})),
    )


def _figure(path: Path, caption: str) -> Figure:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return Figure(_data_url(content, "image/svg+xml"), caption)


def _data_url(content: bytes, kind: str) -> str:
    # Base64 is safe in an attribute.
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode()}")


def _means(findings: Findings) -> Mapping[str, float]:
    means = {}
    for measure in ("gain", "quality"):
        values = [float(row[measure]) for row in findings.gains if row.get(measure)]
        means[measure] = math.fsum(values) / len(values) if values else math.nan
    return means


def _tables_of_transfers(findings: Findings) -> Mapping[str, Sequence[Transfer]]:
    """All transfers by target, the best first."""
    return {
        target: sorted(
            (row for row in findings.transfers if row.target == target),
            key=lambda row: -math.inf if row.affinity is None else row.affinity,
            reverse=True,
        )
        for target in findings.transfers.targets
    }


def _pictures(findings: Findings) -> list[TargetPictures]:
    """For each target, the transfer that was chosen and the best one from a single source."""
    drawn = TransferPictures(findings.run)
    chosen = {str(row["target"]): str(row["sources"]) for row in findings.gains}
    pictures = []
    for target, rows in _tables_of_transfers(findings).items():
        first = [row.label for row in rows if row.order == 1 and row.label not in {SELF, *BASELINES}]
        wanted = dict.fromkeys([chosen.get(target, ""), *first[:1]])
        shown = drawn.of(target)
        strips = {
            _task(name): [_strip(strip) for strip in shown if strip.transfer == name]
            for name in wanted
            if any(strip.transfer == name for strip in shown)
        }
        if strips:
            pictures.append(TargetPictures(title_of(target), strips))
    return pictures


def _strip(shown: Shown) -> Strip:
    comparison = "Furthest ahead of scratch" if shown.extreme == "win" else "Furthest behind scratch"
    losses = ", ".join(
        f"{name} {loss:.4g}"
        for name, loss in (
            ("loss", shown.loss),
            ("from scratch", shown.loss_from_scratch),
            ("fully supervised", shown.loss_of_full),
        )
    )
    return Strip(_data_url(shown.picture, "image/jpeg"), f"{comparison}: {losses}", shown.image)


def _task(label: str) -> str:
    """The titles of a task, or of the sources of a transfer."""
    return " + ".join(_SPECIAL.get(name) or title_of(name) for name in label.split("+"))


def _share(value: str | float | None) -> str:
    if value is None or value == "" or math.isnan(float(value)):
        return "–"
    return f"{float(value):.3f}"


def _number(value: str | float) -> str:
    """A budget or another number that is usually an integer."""
    return f"{float(value):g}"


def _plain(values: Any) -> str:  # noqa: ANN401 - JSON of any type
    return json.dumps(values, indent=1, ensure_ascii=False)
