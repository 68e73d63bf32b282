"""Names read from files that become parts of paths: they may not lead out of their folder."""

import re

LEADS_OUT = r"(^/|//|(^|/)\.{1,2}(/|$)|[\\:|]|[\x00-\x1f])"
"""Matches absolute paths, `..`, URLs, `pipe:COMMAND` and other systems' paths; also a valid RE2 pattern."""


def leads_out(name: str) -> bool:
    """Whether a name leaves its folder or is no path: absolute, with `..`, a URL, a command, or empty."""
    return not name or re.search(LEADS_OUT, name) is not None
