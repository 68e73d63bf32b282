"""The checkpoints a run starts from and leaves, and trained networks that must not be replaced."""

import hashlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from jsonargparse import Namespace
from lightning_fabric.utilities.rank_zero import rank_zero_only

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import STOPPED, Preempted
from lightning_taskonomy.pipeline.records import alone_in
from lightning_taskonomy.training.contender import Kept, Run
from lightning_taskonomy.training.event_files import put_in_order
from lightning_taskonomy.training.kept_checkpoint import finished_checkpoint
from lightning_taskonomy.training.requeue import Finished, requeue
from lightning_taskonomy.training.running_checkpoint import Unfinished
from lightning_taskonomy.training.whole_checkpoints import read_checkpoint

_ANY = (
    "max_epochs",
    "max_steps",
    "max_time",
    "default_root_dir",
    "logger",
    "callbacks",
    "plugins",
    "profiler",
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
)
"""Options of the trainer that may change when a run is resumed."""


def _rank() -> int:
    return int(getattr(rank_zero_only, "rank", 0))


def alone(root: Path) -> AbstractContextManager[None]:
    """Lock a run's folder; the first rank does so for all.

    Raises:
        InputError: another run writes there.
    """
    return alone_in(root) if _rank() == 0 else nullcontext()


def begun_as(chosen: Namespace) -> str:
    """Fingerprint of the options that determine a run's result: model, data, trainer and seed."""
    trainer = {
        name: value
        for name, value in chosen.trainer.as_dict().items()
        if name not in _ANY and not name.startswith("enable_") and name != "log_every_n_steps"
    }
    data = {"class_path": chosen.data.class_path, **chosen.data.init_args.as_dict()}
    content = {
        "model": chosen.model.as_dict(),
        "data": {name: value for name, value in data.items() if name != "num_workers"},
        "trainer": trainer,
        "seed": chosen.seed_everything,
        "patience": chosen.patience,
    }
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Beginning:
    """Where training starts.

    Attributes:
        path: of a checkpoint to resume from; None for new weights.
        next_step: the step at which curves continue.
    """

    path: Path | None = None
    next_step: int = 0


def first_checkpoint(run: Run, named: str | None, overwrite: bool) -> Beginning:
    """What a fit starts from: the named checkpoint, that of an interrupted fit in this folder, or none.

    Args:
        run: the run to start.
        named: a checkpoint given by the user.
        overwrite: whether a trained network in the folder may be replaced.

    Raises:
        InputError: a trained network would be replaced; the interrupted fit has another configuration; or
            its checkpoints are damaged.
        SystemExit: training has already finished: SLURM requeued the job after its end.
    """
    if named is not None:
        path = Path(named)
        if path.parent.resolve() == run.checkpoints.resolve():
            put_in_order_once(run.folder)
            return Beginning(path, _next_step(path))
        _refuse_to_replace(run, overwrite)
        return Beginning(path)
    found = _unfinished(run, overwrite)
    if found is None:
        _refuse_to_replace(run, overwrite)
        return Beginning()
    return Beginning(found.path, found.next_step)


def put_in_order_once(folder: Path) -> None:
    """Let curves continue after the existing ones; done by the first rank."""
    if _rank() == 0:
        put_in_order(folder)


def _next_step(path: Path) -> int:
    loop = read_checkpoint(path).get("loops", {}).get("fit_loop", {})
    return int(loop.get("epoch_loop.state_dict", {}).get("_batches_that_stepped", 0))


def _refuse_to_replace(run: Run, overwrite: bool) -> None:
    there = finished_checkpoint(run.checkpoints, run.fingerprint)
    if there is not None and not overwrite and _rank() == 0:
        raise InputError(
            f"{there}: a trained network is here already; choose another --contender or --runs, resume "
            "it with --ckpt_path last, or replace it with --overwrite true"
        )


def _unfinished(run: Run, overwrite: bool) -> Unfinished | None:
    if Finished.before_requeue(run.checkpoints, run.fingerprint):
        if _rank() == 0:
            print(f"{run.folder}: training had finished before this job was requeued", flush=True)
        raise SystemExit(0)
    found = Unfinished.in_folder(run.checkpoints)
    if found is None:
        return None
    if found.run != run.fingerprint:
        if overwrite:
            return None
        raise InputError(
            f"{found.path}: an unfinished run with another configuration; start it as before to resume, give "
            "it as --ckpt_path to continue as configured now, start over with --overwrite true, or choose "
            "another --contender"
        )
    if _rank() == 0:
        put_in_order(run.folder)
        print(f"resuming at step {found.next_step} from {found.path}", flush=True)
    return found


def checkpoint_to_judge(folder: Path, kept: Kept) -> Path:
    """The checkpoint that `validate`, `test` and `predict` use: the kept one, else the last one.

    Raises:
        InputError: neither exists.
    """
    path, last = folder / f"{kept}.ckpt", folder / "last.ckpt"
    if path.exists():
        return path
    if not last.exists():
        raise InputError(f"{path}: nothing trained here yet; fit first, or name a --ckpt_path")
    if _rank() == 0:
        print(f"{path}: there was no validation to choose it by; using {last.name}", file=sys.stderr)
    return last


def written(run: Run, subcommand: str) -> Iterator[str]:
    """What a command has written, a line for each place."""
    if subcommand == "fit":
        checkpoints = sorted(run.checkpoints.glob("*.ckpt"))
        if checkpoints:
            yield f"wrote {run.checkpoints}: {', '.join(path.name for path in checkpoints)}"
        if next(run.folder.glob("events.out.tfevents.*"), None) is not None:
            yield f"curves: tensorboard --logdir {run.folder}"
    if subcommand == "predict" and (run.folder / "predictions").is_dir():
        yield f"wrote {run.folder / 'predictions'}"


def stop(preempted: Preempted) -> NoReturn:
    """Report where a run stopped, requeue it unless the user stopped it, and exit with status 75."""
    if _rank() == 0:
        by_user = preempted.number == signal.SIGINT
        next_step = "run the same command again to resume" if by_user else requeue()
        print(f"{preempted}; {next_step}", file=sys.stderr, flush=True)
    raise SystemExit(STOPPED)
