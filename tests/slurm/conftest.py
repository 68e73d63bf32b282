"""A real SLURM cluster of two nodes on this machine, started for the tests and stopped after them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "scontrol")
MUNGE = Path("/run/munge/munge.socket.2")
CONF = """ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={controller}
AuthType=auth/munge
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdTimeout=20
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """Its daemons and its queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "spool.n1", "spool.n2"):
            (folder / name).mkdir()
        self.conf = folder / "slurm.conf"
        ports = dict(zip(("controller", "first", "second"), _free_ports(3), strict=True))
        self.conf.write_text(CONF.format(folder=folder, **ports))

    def start(self) -> None:
        self.start_controller()
        for node in ("n1", "n2"):
            self.start_node(node)
        self.wait_for(lambda: self.asked("sinfo", "--noheader", "--format=%D %t").strip() == "2 idle")

    def start_controller(self) -> None:
        subprocess.run(["slurmctld", "-f", self.conf], check=True)

    def start_node(self, node: str) -> None:
        subprocess.run(["slurmd", "-f", self.conf, "-N", node], check=True)

    def end(self, daemon: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to `slurmctld`, `slurmd.n1` or `slurmd.n2`."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int((self.folder / f"{daemon}.pid").read_text()), number)

    def stop(self) -> None:
        self.asked("scancel", "--state=RUNNING")
        self.asked("scancel", "--state=PENDING")
        with suppress(AssertionError):
            self.wait_for(lambda: not self.asked("squeue", "--noheader").strip(), 20)
        for daemon in ("slurmd.n1", "slurmd.n2", "slurmctld"):
            self.end(daemon)

    def asked(self, *words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def submitted(self, words: Sequence[str | Path]) -> str:
        run = subprocess.run(["sbatch", "--parsable", *words], capture_output=True, text=True, check=True)
        return run.stdout.strip()

    def state(self, job: str) -> str:
        shown = self.asked("scontrol", "show", "job", job)
        return shown.partition("JobState=")[2].partition(" ")[0]

    def ended(self, job: str, seconds: float = 240) -> str:
        """The state in which a job ends; one that waits after a requeue is started at once."""

        def over() -> bool:
            state = self.state(job)
            if state == "PENDING":
                self.asked("scontrol", "update", f"jobid={job}", "StartTime=now")
            return state not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "")

        self.wait_for(over, seconds)
        return self.state(job)

    @staticmethod
    def wait_for(condition: object, seconds: float = 60) -> None:
        assert callable(condition)
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.3)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("SLURM's daemons need root here")
    munge = None
    if not MUNGE.exists():
        MUNGE.parent.mkdir(parents=True, exist_ok=True)
        shutil.chown(MUNGE.parent, "munge")
        words = ["runuser", "-u", "munge", "--", "munged", "--foreground"]
        munge = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        Cluster.wait_for(MUNGE.exists)
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    kept = {name: os.environ.get(name) for name in ("SLURM_CONF", "MASTER_ADDR")}
    # n1 and n2 are names of this machine that nothing resolves.
    os.environ |= {"SLURM_CONF": str(started.conf), "MASTER_ADDR": "127.0.0.1"}
    try:
        started.start()
        yield started
    finally:
        started.stop()
        for name, value in kept.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        if munge is not None:
            munge.terminate()
            munge.wait()


def _free_ports(number: int) -> list[int]:
    held = [socket.socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
