"""Requests of the page's own scripts, looked at before they reach the callbacks.

The page never sends what is refused here: it is for whoever asks without it, and is told so with status 400.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_Check = Callable[[object], bool]


def problem_of(body: bytes, callbacks: Mapping[str, Any]) -> str:
    """What is wrong with a request to the callbacks; empty if nothing is.

    Args:
        body: of the request.
        callbacks: Dash's, by output: `inputs` and `state`, each a list of ids and properties.
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
    for own, expected in zip(given, wanted, strict=True):
        if not _fits(own, expected):
            return f"{part}: expected {expected['id']}.{expected['property']}, as the page sends it"
    return ""


def _problem_of_outputs(given: object, output: str) -> str:
    several = output.startswith("..")
    given = given if several else [given]
    parts = [own for own in given if isinstance(own, dict)] if isinstance(given, list) else []
    found = [f"{own.get('id')}.{own.get('property')}".partition("@")[0] for own in parts]
    wanted = [name.partition("@")[0] for name in output.strip(".").split("...")]
    return "" if found == wanted else "outputs: expected those of output"


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _fits(own: object, expected: Mapping[str, str]) -> bool:
    """Whether a part of a request is what a callback takes; several, for an id with a pattern."""
    name, value = expected["id"], expected["property"]
    if name.startswith("{"):
        pattern = json.loads(name)
        return isinstance(own, list) and all(_fits_one(part, pattern, value) for part in own)
    return _fits_one(own, name, value)


def _fits_one(own: object, name: str | dict[str, Any], key: str) -> bool:
    if not isinstance(own, dict) or own.get("property") != key:
        return False
    given = own.get("id")
    if isinstance(name, str):
        kind, same = name, given == name
    else:
        kind = str(name["type"])
        same = isinstance(given, dict) and given.get("type") == kind and isinstance(given.get("task"), str)
    value = own.get("value")
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
"""What the properties hold that are not texts, by component, or its type, and property."""
