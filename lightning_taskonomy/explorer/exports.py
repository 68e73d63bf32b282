"""Downloads of a link's taxonomy: `taxonomy.json` and `.svg` as written by `taxonomy solve`, and a CSV."""

import csv
import io
import tempfile
import threading
from pathlib import Path

from flask import Flask, Response, abort, request

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.page import EXPORTS
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.view import View
from lightning_taskonomy.taxonomy import Taxonomy
from lightning_taskonomy.taxonomy.evaluation import POLICY_COLUMNS

_TYPES = {".json": "application/json", ".svg": "image/svg+xml", ".csv": "text/csv"}
_DRAWING = threading.Lock()
"""Matplotlib's settings are global to the process, so only one figure is drawn at a time."""


def add_exports(server: Flask, explorer: Explorer) -> None:
    """Serve `/export/NAME?QUERY`, where the query is that of the page's link."""

    @server.get("/export/<name>")
    def export(name: str) -> Response:
        if name not in EXPORTS:
            abort(404)
        try:
            view = View.read(request.query_string.decode())
            taxonomy = explorer.solve(explorer.looked(view)[0], view.max_order)
        except InputError as error:
            return Response(f"error: {error}\n", 400, mimetype="text/plain")
        suffix = Path(name).suffix
        content = as_csv(taxonomy) if suffix == ".csv" else _as_saved(taxonomy, name)
        response = Response(content, mimetype=_TYPES[suffix])
        response.headers["Content-Disposition"] = f"attachment; filename={name}"
        return response


def as_csv(taxonomy: Taxonomy) -> str:
    """A row per target, in the columns of `policies.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(POLICY_COLUMNS)
    for t in taxonomy.transfers:
        head = (taxonomy.max_order, taxonomy.budget, taxonomy.objective)
        writer.writerow((*head, t.target, t.label, t.order, t.affinity, t.gain, t.quality))
    return text.getvalue()


def _as_saved(taxonomy: Taxonomy, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder, _DRAWING:
        taxonomy.save(folder)
        return (Path(folder) / name).read_bytes()
