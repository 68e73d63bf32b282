"""The tab of a run's transfers: input, label, transfer, scratch and full supervision, image by image."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dash import dcc, html
from dash.development.base_component import Component

from lightning_taskonomy.taxonomy.figures.titles import title_of, titles_of

if TYPE_CHECKING:  # imported only if a run is shown
    from lightning_taskonomy.report.transfer_pictures import Shown, TransferPictures

_COLUMNS = "Columns: input, label, this transfer, from scratch, full supervision."
_PLACES = {"win": "furthest ahead of training from scratch", "loss": "furthest behind training from scratch"}


def pictures_of(run: Path) -> "TransferPictures":
    """The transfer images in a run's folder."""
    from lightning_taskonomy.report.transfer_pictures import TransferPictures

    return TransferPictures(run)


def run_panel(run: "TransferPictures") -> Component:
    """The choice of a target, and a place for its images; or a message if there are none."""
    verdict = _verdict(run.run)
    if not run.targets:
        return html.Div(
            [*verdict, html.P("This run has drawn no images of its transfers.", className="about")]
        )
    titles = titles_of(run.targets)
    choice = dcc.Dropdown(
        id="run-target",
        options=[{"label": titles[target], "value": target} for target in run.targets],
        value=run.targets[0],
        clearable=False,
    )
    return html.Div(
        [
            *verdict,
            html.Label(["Target", choice], className="run-target"),
            html.P(_COLUMNS, className="about"),
            dcc.Loading(html.Div(id="run-pictures"), type="dot"),
        ]
    )


def _verdict(run: Path) -> list[Component]:
    """How far the run's taxonomy can be trusted."""
    from lightning_taskonomy.report.findings import verdict_of

    lines = verdict_of(run)
    if not lines:
        return []
    return [html.H3("What may be believed"), html.Ul([html.Li(line) for line in lines], className="verdict")]


def strips(shown: "Sequence[Shown]") -> list[Component]:
    """The image strips of a target, grouped by transfer."""
    by_transfer: dict[str, list[Shown]] = {}
    for entry in shown:
        by_transfer.setdefault(entry.transfer, []).append(entry)
    return [
        html.Section([html.H3(_words(transfer)), *map(_strip, entries)], className="transfer")
        for transfer, entries in by_transfer.items()
    ]


def _strip(entry: "Shown") -> Component:
    place = _PLACES[entry.extreme]
    losses = (
        f"loss {entry.loss:.4g}, from scratch {entry.loss_from_scratch:.4g}, "
        f"full supervision {entry.loss_of_full:.4g}"
    )
    return html.Figure(
        [
            html.Img(
                src=f"data:image/jpeg;base64,{base64.b64encode(entry.picture).decode()}",
                alt=f"{_words(entry.transfer)}, {place}: {losses}",
            ),
            html.Figcaption([html.Strong(place), f" · {losses} · {entry.image}"]),
        ]
    )


def _words(transfer: str) -> str:
    return "from " + " + ".join(map(title_of, transfer.split("+")))
