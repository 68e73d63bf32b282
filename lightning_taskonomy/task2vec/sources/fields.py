"""Selects tasks among the label fields of a file: the wanted ones, or all that can be tasks."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.task2vec.labelled_task import LabelledTask

log = logging.getLogger(__name__)


def buildable(
    fields: Mapping[str, Callable[[], LabelledTask]], names: Sequence[str] = ()
) -> list[LabelledTask]:
    """The tasks among fields.

    Args:
        fields: A function that builds each field's task, by name.
        names: Names of the wanted tasks; no others are built. If empty, fields that cannot be tasks, such as
            captions or constants, are left out with a warning.

    Raises:
        InputError: a wanted field cannot be a task; or no field can.
    """
    tasks, refused = [], []
    for name, make in fields.items():
        if names and name not in names:
            continue
        try:
            tasks.append(make())
        except InputError as error:
            if names:
                raise
            refused.append(error)
    if refused and not tasks:
        raise refused[0]
    for refusal in refused:
        log.warning("left out: %s", refusal)
    return tasks


def require_known(names: Sequence[str], known: Sequence[str], where: Path) -> None:
    """Check that all wanted tasks exist.

    Raises:
        InputError: one does not; the message lists the existing tasks.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"tasks: {where} has no {unknown[0]!r}; it has {', '.join(known)}")
