"""Training steps on a busy machine, with OpenMP threads that sleep or spin while they wait.

    python -m benchmarks.busy [PROCESSES]

The small variant of the normals network on one fixed batch, alone and beside `PROCESSES` busy loops, six by
default. Prints images per second, and the slowdown by the other processes.
"""

import os
import subprocess
import sys
import time

from lightning_taskonomy.core.threads import POLICY

SECONDS, WARM_UP, BATCH = 8.0, 3, 16
POLICIES = {"sleeping (ours)": "passive", "OpenMP's default": None}


def images_per_second() -> float:
    """The rate of this process."""
    # Torch reads the policy when it is imported.
    import torch

    from benchmarks.training import SMALL, TASK
    from lightning_taskonomy.training.task_network import TaskNetwork

    torch.manual_seed(0)
    network = TaskNetwork(TASK, **SMALL, hidden=256, adversarial_after=None).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    pictures = torch.rand(BATCH, 1, 3, SMALL["size"], SMALL["size"])
    start, steps = 0.0, -WARM_UP
    while steps < 1 or time.perf_counter() - start < SECONDS:
        if steps == 0:
            start = time.perf_counter()
        optimizer.zero_grad()
        network(pictures).abs().mean().backward()
        optimizer.step()
        steps += 1
    return BATCH * steps / (time.perf_counter() - start)


def measured(policy: str | None) -> float:
    """Images per second in a new process with this wait policy."""
    variables = {name: value for name, value in os.environ.items() if name not in (POLICY, "OMP_NUM_THREADS")}
    if policy is not None:
        variables[POLICY] = policy
    words = [sys.executable, "-m", "benchmarks.busy", "measure"]
    return float(subprocess.run(words, env=variables, check=True, capture_output=True, text=True).stdout)


def main(processes: int) -> None:
    """Print a row for each policy."""
    alone = {name: measured(policy) for name, policy in POLICIES.items()}
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        busy = {name: measured(policy) for name, policy in POLICIES.items()}
    finally:
        for other in others:
            other.kill()
            other.wait()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {processes} busy processes: a fair share is 1/{(processes + cores) / cores:.1f}")
    for name in POLICIES:
        print(
            f"{name:<17} alone {alone[name]:6.1f} images/s, busy {busy[name]:6.1f}: "
            f"{alone[name] / busy[name]:.1f} times fewer"
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        print(images_per_second())
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 6)
