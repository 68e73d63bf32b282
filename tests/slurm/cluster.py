"""A real SLURM cluster of two nodes on this machine: a controller, two nodes, and the service they trust.

Nothing of the machine's own is used or changed: ports, keys and folders are the cluster's. It needs neither
systemd nor a configuration in `/etc`.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "scontrol", "setpriv")
NODES = ("n1", "n2")
CONTROLLER = "slurmctld"
_CONF = """ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdTimeout=5
KillWait=5
MinJobAge=3600
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
MpiDefault=none
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


class Cluster:
    """Its daemons and its queue.

    Args:
        folder: for all that it writes; a short path, because sockets lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.conf = folder, folder / "slurm.conf"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("munge", "state", *(f"spool.{node}" for node in NODES)):
            (folder / name).mkdir()
        ports = dict(zip(("controller", "first", "second"), _free_ports(3), strict=True))
        self.conf.write_text(_CONF.format(folder=folder, **ports))

    def start(self) -> None:
        """Return when both nodes wait for jobs."""
        self._start_munge()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.wait_for(self.is_idle)

    def start_controller(self) -> None:
        """Start `slurmctld`, which goes on with what it knew."""
        self._start(CONTROLLER, "slurmctld", "-D", "-f", self.conf)

    def start_node(self, node: str) -> None:
        """Start `slurmd` of one of `NODES`."""
        self._start(node, "slurmd", "-D", "-f", self.conf, "-N", node)

    def end(self, daemon: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the controller or to a node, and wait until it is gone."""
        process = self._daemons.pop(daemon)
        process.send_signal(number)
        process.wait()

    def last_words(self) -> str:
        """The last line of each daemon's log."""
        logs = {
            path.name: path.read_text(errors="replace").splitlines() for path in self.folder.glob("*.log")
        }
        return "; ".join(f"{name}: {lines[-1]}" for name, lines in sorted(logs.items()) if lines)

    def stop(self) -> None:
        """Cancel all jobs, and leave no process behind."""
        with suppress(AssertionError):
            self.empty()
        for daemon in (*NODES, CONTROLLER, "munged"):
            if daemon in self._daemons:
                self.end(daemon)

    def empty(self) -> None:
        """Cancel all jobs and wait until both nodes are free."""
        for state in ("PENDING", "RUNNING"):
            self.asked("scancel", f"--state={state}")
        self.wait_for(lambda: not self.asked("squeue", "--noheader").strip() and self.is_idle(), 30)

    def is_idle(self) -> bool:
        """Whether both nodes wait for jobs."""
        states = self.asked("sinfo", "--noheader", "--partition=main", "--format=%D %t")
        return states.strip() == f"{len(NODES)} idle"

    def asked(self, *words: str) -> str:
        """What one of SLURM's commands prints."""
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def submitted(self, words: Sequence[str | Path]) -> str:
        """The id of a job that is given to `sbatch`."""
        run = subprocess.run(["sbatch", "--parsable", *words], capture_output=True, text=True, check=True)
        return run.stdout.strip()

    def about(self, job: str, key: str) -> str:
        """One of the values that the controller shows of a job."""
        shown = self.asked("scontrol", "show", "job", job)
        return shown.partition(f" {key}=")[2].split(" ")[0].strip()

    def state(self, job: str) -> str:
        """Of a job, such as RUNNING."""
        return self.about(job, "JobState")

    def ended(self, job: str, seconds: float = 240) -> str:
        """The state in which a job ends, requeued or not."""
        unfinished = {
            "PENDING",
            "CONFIGURING",
            "RUNNING",
            "SIGNALING",
            "COMPLETING",
            "REQUEUED",
            "PREEMPTED",
            "",
        }
        self.wait_for(lambda: self.state(job) not in unfinished, seconds)
        return self.state(job)

    @staticmethod
    def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
        """Ask until something holds.

        Raises:
            AssertionError: it never did.
        """
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.2)

    def _start_munge(self) -> None:
        own = self.folder / "munge"
        key = own / "key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        files = {"socket": own / "socket", "key-file": key, "pid-file": own / "pid", "log-file": own / "log"}
        files["seed-file"] = own / "seed"
        options = [f"--{name}={path}" for name, path in files.items()]
        # Forced: a folder of tests is more open than it wants one to be.
        self._start("munged", "munged", "--foreground", "--force", *options)
        self.wait_for(files["socket"].exists)

    def _start(self, name: str, *words: str | Path) -> None:
        # It ends with this process, however that ends.
        self._daemons[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _free_ports(number: int) -> list[int]:
    held = [socket.socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
