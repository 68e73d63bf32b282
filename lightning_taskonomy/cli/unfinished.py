"""What `fit` does about runs that were stopped: going on, requeueing, and refusing to write side by side."""

import hashlib
import json
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

from jsonargparse import Namespace
from lightning_fabric.utilities.rank_zero import rank_zero_only

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import STOPPED, Preempted
from lightning_taskonomy.pipeline.records import alone_in
from lightning_taskonomy.training.event_files import put_in_order
from lightning_taskonomy.training.requeue import Finished, requeue
from lightning_taskonomy.training.running_checkpoint import Unfinished

_ANY = (
    "max_epochs",
    "max_steps",
    "max_time",
    "default_root_dir",
    "logger",
    "callbacks",
    "plugins",
    "profiler",
)
"""Options of the trainer that a run may be gone on with under other values."""


def _rank() -> int:
    return int(getattr(rank_zero_only, "rank", 0))


def alone(root: Path) -> AbstractContextManager[None]:
    """Hold a run's folder; the first rank does, for all.

    Raises:
        InputError: another run writes there.
    """
    return alone_in(root) if _rank() == 0 else nullcontext()


def begun_as(chosen: Namespace) -> str:
    """Fingerprint of what a run's result depends on: model, data, trainer and seed, as they were chosen."""
    trainer = {
        name: value
        for name, value in chosen.trainer.as_dict().items()
        if name not in _ANY and not name.startswith("enable_") and name != "log_every_n_steps"
    }
    data = {"class_path": chosen.data.class_path, **chosen.data.init_args.as_dict()}
    content = {
        "model": chosen.model.as_dict(),
        "data": {name: value for name, value in data.items() if name != "workers"},
        "trainer": trainer,
        "seed": chosen.seed_everything,
        "patience": chosen.patience,
    }
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unfinished_run(root: Path, run: str) -> Unfinished | None:
    """The fit to go on with, if one was stopped in this folder.

    Args:
        root: folder of the run.
        run: fingerprint of the configuration.

    Raises:
        InputError: it was started with another configuration, or its checkpoints are damaged.
        SystemExit: it is done: SLURM has started its job once more after its end.
    """
    if Finished.before_requeue(root / "checkpoints", run):
        if _rank() == 0:
            print(f"{root}: training had finished before this job was requeued", flush=True)
        raise SystemExit(0)
    found = Unfinished.in_folder(root / "checkpoints")
    if found is None:
        return None
    if found.run != run:
        raise InputError(
            f"{found.path}: an unfinished run with another configuration; start it as before to go on, "
            "remove its checkpoint to start again, or choose another --contender"
        )
    if _rank() == 0:
        put_in_order(root)
        print(f"going on at step {found.next_step} from {found.path}", flush=True)
    return found


def stop(preempted: Preempted) -> NoReturn:
    """Say where a run stopped, have it requeued unless a person stopped it, and exit with the status 75."""
    if _rank() == 0:
        by_hand = preempted.number == signal.SIGINT
        next_step = "start the same command again to go on" if by_hand else requeue()
        print(f"{preempted}; {next_step}", file=sys.stderr, flush=True)
    raise SystemExit(STOPPED)
