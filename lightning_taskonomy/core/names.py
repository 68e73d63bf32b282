"""Names that stand in files and become parts of paths: they may not lead out of their folder."""

import re

LEADS_OUT = r"(^/|//|(^|/)\.{1,2}(/|$)|[\\:|]|[\x00-\x1f])"
"""Matches absolute paths, `..`, URLs, `pipe:COMMAND` and other systems' paths; a pattern of RE2, too."""


def leads_out(name: str) -> bool:
    """Whether a name is none of a file below a folder: absolute, with `..`, a URL, a command, or empty."""
    return not name or re.search(LEADS_OUT, name) is not None
