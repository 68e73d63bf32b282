"""How OpenMP's threads wait for one another."""

import os
from collections.abc import MutableMapping

POLICY = "OMP_WAIT_POLICY"


def wait_asleep(variables: MutableMapping[str, str] = os.environ) -> None:
    """Make OpenMP's threads sleep while they wait, unless the user has chosen otherwise.

    By default they spin. On cores shared with other processes, a spinning thread holds up the very thread
    that it waits for. Call this before torch is imported, which reads the variable once; worker processes
    inherit it.

    Args:
        variables: the environment of this process.
    """
    variables.setdefault(POLICY, "passive")
