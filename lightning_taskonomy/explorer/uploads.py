"""Tables that a visitor brings."""

import base64
import binascii

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.tables import Table, Tables

_LONGEST_NAME = 80


def upload(tables: Tables, name: str, content: str) -> Table:
    """Take a file as a browser sends it.

    Args:
        tables: keeps it.
        name: of the file; only its last part counts, and only for messages.
        content: a `data:` URL in base64.

    Raises:
        InputError: no such URL, too large, or no table of transfers.
    """
    name = name.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:] or "upload"
    head, comma, body = content.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise InputError(f"{name}: expected a file, found something else")
    try:
        return tables.upload(name, base64.b64decode(body, validate=True))
    except binascii.Error as error:
        raise InputError(f"{name}: damaged on its way here; upload it once more") from error
