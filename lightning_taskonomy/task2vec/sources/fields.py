"""Fields beside pictures, of which some are tasks: the wanted ones, or all that can be."""

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
        fields: What makes each a task, by name.
        names: Of the wanted ones, and no other is made; without, fields that can be no tasks, such as
            captions or constants, are left out and said so in the log.

    Raises:
        InputError: a wanted field can be no task; or none can.
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
    """Refuse a wanted task that is not there.

    Raises:
        InputError: says which tasks are.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"tasks: {where} has no {unknown[0]!r}; it has {', '.join(known)}")
