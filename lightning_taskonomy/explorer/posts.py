"""Validation of requests to the callbacks.

The page itself never sends an invalid request; other clients that do are answered with status 400.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_Check = Callable[[object], bool]


def problem_of(body: bytes, callbacks: Mapping[str, Any]) -> str:
    """Describe what is wrong with a request to the callbacks; empty if it is valid.

    Args:
        body: Body of the request.
        callbacks: Dash's callbacks by output: `inputs` and `state`, each a list of ids and properties.
    """
    try:
        request = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "expected JSON"
    if not isinstance(request, dict):
        return "expected an object"
    output = request.get("output")
    if not isinstance(output, str) or output not in callbacks:
        return "output: expected that of a callback"
    known = callbacks[output]
    changed = request.get("changedPropIds", [])
    if not (isinstance(changed, list) and all(isinstance(name, str) for name in changed)):
        return "changedPropIds: expected texts"
    return (
        _problem_of_parts("inputs", request.get("inputs", []), known["inputs"])
        or _problem_of_parts("state", request.get("state", []), known["state"])
        or _problem_of_outputs(request.get("outputs"), output)
    )


def _problem_of_parts(part: str, given: object, wanted: Sequence[Mapping[str, str]]) -> str:
    if not isinstance(given, list) or len(given) != len(wanted):
        return f"{part}: expected {len(wanted)} of them"
    for received, expected in zip(given, wanted, strict=True):
        if not _fits(received, expected):
            return f"{part}: expected {expected['id']}.{expected['property']}, as the page sends it"
    return ""


def _problem_of_outputs(given: object, output: str) -> str:
    several = output.startswith("..")
    given = given if several else [given]
    parts = [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []
    found = [f"{part.get('id')}.{part.get('property')}".partition("@")[0] for part in parts]
    wanted = [name.partition("@")[0] for name in output.strip(".").split("...")]
    return "" if found == wanted else "outputs: expected those of output"


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _fits(received: object, expected: Mapping[str, str]) -> bool:
    """Whether a part of a request matches a callback's argument; a list of parts for a pattern id."""
    name, value = expected["id"], expected["property"]
    if name.startswith("{"):
        pattern = json.loads(name)
        return isinstance(received, list) and all(_fits_one(part, pattern, value) for part in received)
    return _fits_one(received, name, value)


def _fits_one(received: object, name: str | dict[str, Any], key: str) -> bool:
    if not isinstance(received, dict) or received.get("property") != key:
        return False
    given = received.get("id")
    if isinstance(name, str):
        kind, same = name, given == name
    else:
        kind = str(name["type"])
        same = isinstance(given, dict) and given.get("type") == kind and isinstance(given.get("task"), str)
    value = received.get("value")
    return same and (value is None or _KINDS.get(f"{kind}.{key}", _is_text)(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_file(value: object) -> bool:
    return isinstance(value, dict) and _is_text(value.get("name")) and _is_text(value.get("content"))


def _is_click(value: object) -> bool:
    points = value.get("points") if isinstance(value, dict) else None
    return (
        isinstance(points, list)
        and bool(points)
        and all(isinstance(p, dict) and _is_number(p.get("x")) for p in points[:1])
    )


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_id(value: object) -> bool:
    return isinstance(value, dict)


_KINDS: Mapping[str, _Check] = {
    **dict.fromkeys(("budget.value", "second-budget.value", "clusters.value"), _is_number),
    **dict.fromkeys(("importance.value", "cost.value", "alternatives.value"), _is_number),
    **dict.fromkeys(("uploaded.data", "roles.value"), _are_texts),
    **dict.fromkeys(
        ("curve-objective.clickData", "curve-gain.clickData", "curve-quality.clickData"), _is_click
    ),
    **dict.fromkeys(("roles.id", "cost.id", "importance.id"), _is_id),
    "accepted.data": _is_file,
    "narrow.data": _is_flag,
}
"""Checks of properties that are not strings, by component (or its type) and property."""
