"""How threads that compute together wait for one another."""

import os
from collections.abc import MutableMapping

POLICY = "OMP_WAIT_POLICY"


def wait_asleep(variables: MutableMapping[str, str] = os.environ) -> None:
    """Have OpenMP's threads sleep while they wait, unless the user has chosen otherwise.

    By default they wait by spinning. Where other processes want the cores, too, a thread that spins holds up
    the very one that it waits for. To be called before torch is imported, which reads this once; worker
    processes inherit it.

    Args:
        variables: of this process.
    """
    variables.setdefault(POLICY, "passive")
