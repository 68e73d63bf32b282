"""`fit`, `validate`, `test` and `predict`: Lightning's own command line with this project's defaults."""

import importlib
import logging
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, EarlyStopping, LearningRateMonitor
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from lightning_taskonomy.cli.commands import PlainWords, one_line
from lightning_taskonomy.cli.unfinished import (
    alone,
    begun_as,
    checkpoint_to_judge,
    first_checkpoint,
    stop,
    written,
)
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import Preempted, leaving_at_signals
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.stream.place_in_epochs import ResumableDataModule
from lightning_taskonomy.switching.data.pascal_nyud import NyudMT, PascalMT
from lightning_taskonomy.switching.data.taskonomy import SwitchingTaskonomy
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.training.assembly import assembled, curves
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.contender import Contender, Run
from lightning_taskonomy.training.finite import StopOnNan
from lightning_taskonomy.training.network_summary import NetworkSummary
from lightning_taskonomy.training.plain_progress import PrintProgress
from lightning_taskonomy.training.task_network import TaskNetwork
from lightning_taskonomy.training.throughput import LogThroughput
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.transfer_network import TransferNetwork

CONTENDERS = (TaskNetwork, ConstantGuess, TransferNetwork, Readouts, SwitchingNetwork)
DATA = (TaskonomyDataModule, SwitchingTaskonomy, PascalMT, NyudMT)
"""The classes that a configuration may name; data without a class name use the first."""
_RENAMED = {"--data.workers": "--data.num_workers", "--model.rate": "--model.learning_rate"}
"""Options of earlier releases, and their new names."""


def run(program: str, words: Sequence[str]) -> None:
    """Run one of Lightning's commands.

    Raises:
        InputError: a bad option, or a run that cannot be done.
    """
    torch.set_float32_matmul_precision("high")
    # Defaults of Lightning's callbacks contain enums, and are written to config.yaml.
    yaml.SafeDumper.add_multi_representer(Enum, lambda to, word: to.represent_str(str(word.value)))
    leave_out_what_no_user_can_act_on()
    try:
        with leaving_at_signals("finished files are kept"):
            _CommandLine(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                auto_configure_optimizers=False,
                save_config_kwargs={"overwrite": True},
                parser_class=_OneLineParser,
                parser_kwargs={"prog": program.rpartition(" ")[0]},
                seed_everything_default=0,
                trainer_defaults={"log_every_n_steps": 10},
                args=[program.split()[-1], *_renamed(words)],
            )
    except Preempted as preempted:
        stop(preempted)
    except MisconfigurationException as error:
        raise InputError(str(error)) from error
    except ValueError as error:
        raise _first_cause(error) from error


def _renamed(words: Sequence[str]) -> list[str]:
    """The words with options under their new names; prints what was renamed."""
    found = list(words)
    for place, word in enumerate(words):
        option, given, value = word.partition("=")
        if option in _RENAMED:
            print(f"{option} is called {_RENAMED[option]} now", file=sys.stderr)
            found[place] = f"{_RENAMED[option]}{given}{value}"
    return found


def _first_cause(error: BaseException) -> BaseException:
    """A class's complaint about its arguments, which jsonargparse wraps repeatedly; else the error itself."""
    cause, about = error, str(error)
    while cause.__cause__ is not None:
        cause, about = cause.__cause__, about + str(cause.__cause__)
    named = re.search(r"class_path[ =]'[\w.]*?(\w+)'", about)
    kind = f"{named[1]}: " if named else ""
    missing = re.search(r"Requirement '([\w-]+)\S*' not met", str(cause))
    if missing:
        return InputError(f"{kind}needs {missing[1]}: pip install {missing[1]}")
    if isinstance(cause, InputError) or cause is error:
        return cause
    if isinstance(cause, ImportError | MisconfigurationException | ValueError | TypeError) and named:
        return InputError(f"{kind}{one_line(str(cause))}")
    return error


def leave_out_what_no_user_can_act_on() -> None:
    """Silence Lightning's advertisements and the deprecation warnings that it causes."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.rank_zero"):
        logging.getLogger(name).addFilter(_is_news)
    for message in (
        r".*treespec, LeafSpec.*",
        r".*does not have many workers.*",
        r".*logging interval.*",
        r".*`srun` command is available.*",
        r"You are trying to `self.log\(\)` but `Trainer\(barebones",
        r"`ModelCheckpoint\(monitor='val/loss'\)` could not find",  # there is no validation
        r"The dirpath has changed from",
        r".*callbacks used to create the checkpoint need to be provided.*",
    ):
        warnings.filterwarnings("ignore", message)


def _is_news(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return "litlogger" not in message and "model summary callbacks" not in message


class _OneLineParser(PlainWords, LightningArgumentParser):  # type: ignore[misc]
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise InputError(f"{_plainer(one_line(message))} (see {self.prog} --help)") from ex


def _plainer(line: str) -> str:
    """Messages of jsonargparse about the classes in a configuration, without its own terms."""
    line = re.sub(r"(--[\w.]+): Option '([\w.]+)' is not accepted.*", r"unrecognized arguments: \1.\2", line)
    line = re.sub(r"Call to compute_fn of link .*? failed: ", "", line)
    return re.sub(r"\. Got value: NestedArg\(.*", "", line)


class _CommandLine(LightningCLI):
    """Sets task and size in one place, names folders by task and contender, and resumes only on request."""

    _first_step = 0

    @cached_property
    def _held(self) -> ExitStack:
        """Resources held while the command runs."""
        return ExitStack()

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - words
        self.config = parser.parse_args(args)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--contender",
            type=str | None,
            default=None,
            help="name of the trained network, in its folder's name and in loss tables; by default "
            "`self`, or the sources of a transfer joined by +",
        )
        parser.add_argument("--runs", type=str, default="runs", help="folder for everything that is written")
        parser.add_argument(
            "--overwrite",
            type=bool,
            default=False,
            help="whether `fit` may replace a trained network in its folder; by default it refuses",
        )
        parser.add_argument(
            "--patience",
            type=int | None,
            default=None,
            help="validations without a better loss after which training stops; by default never",
        )
        parser.add_argument(
            "--checkpoint_seconds",
            type=float,
            default=600.0,
            help="seconds between checkpoints; a run that was stopped or killed resumes from the last one",
        )
        parser.add_argument(
            "--task",
            type=str | None,
            default=None,
            help="tasks that `predict` writes for a multi-task network, as a,b,c; by default all",
        )
        parser.set_defaults({"data": {"class_path": DATA[0].__name__}})
        parser.link_arguments("model", "data.init_args.tasks", compute_fn=_tasks)
        parser.link_arguments("model.init_args.size", "data.init_args.size")

    def _parse_ckpt_path(self) -> None:
        """Do nothing: options in a checkpoint must not replace those of the command line."""

    def _run_subcommand(self, subcommand: str) -> None:
        with self._held:
            super()._run_subcommand(subcommand)
        if self.trainer.is_global_zero and self._writes():
            for line in written(self._run(), subcommand):
                print(line, flush=True)

    def before_instantiate_classes(self) -> None:
        chosen = self._chosen()
        self._limit_predictions(chosen)
        if chosen.trainer.default_root_dir is None:
            chosen.trainer.default_root_dir = str(self._folder())
        if chosen.trainer.barebones:
            chosen.trainer.log_every_n_steps = None
            self.save_config_callback = None
        root = Path(chosen.trainer.default_root_dir)
        # Under SLURM, Lightning would load it automatically, whatever task it belongs to.
        for left in sorted(root.glob("hpc_ckpt_*")):
            raise InputError(f"{left}: left by another run; move it away, or name it with --ckpt_path")
        if any(way in str(chosen.trainer.strategy) for way in ("spawn", "fork", "notebook")):
            raise InputError(
                f"trainer.strategy: expected one that starts the command for each rank, such as ddp, "
                f"found {chosen.trainer.strategy}"
            )
        if self._kind().leaves_weights_out(self._arguments()) and chosen.trainer.strategy in ("auto", "ddp"):
            several = str(chosen.trainer.devices) not in ("auto", "1") or chosen.trainer.num_nodes > 1
            several |= chosen.trainer.devices == "auto" and torch.cuda.device_count() > 1
            if several:
                chosen.trainer.strategy = "ddp_find_unused_parameters_true"
        self._data_kind().require(chosen.data.init_args.as_dict(), str(self.subcommand))
        chosen.ckpt_path = self._checkpoint(self._run())
        chosen.weights_only = True  # never unpickle untrusted files

    def _checkpoint(self, run: Run) -> str | None:
        """The checkpoint to start from, if any; locks the run's folder during training."""
        chosen, named = self._chosen(), self._chosen().ckpt_path
        if named in ("best", "last"):
            named = str(run.checkpoints / f"{named}.ckpt")
            if not Path(named).exists():
                raise InputError(f"{named}: no such checkpoint; no network of this name was trained here")
        if named is not None and not Path(named).exists():
            raise InputError(f"{named}: no such checkpoint")
        if self.subcommand != "fit":
            if named is None and self._kind().brings_weights(self._arguments()):
                return None
            return named or str(checkpoint_to_judge(run.checkpoints, self._kind().kept))
        if not self._writes():
            return named  # type: ignore[no-any-return]
        self._held.enter_context(alone(run.folder))
        begun = first_checkpoint(run, named, bool(chosen.overwrite))
        self._first_step = begun.next_step
        return None if begun.path is None else str(begun.path)

    def _limit_predictions(self, chosen: Namespace) -> None:
        if chosen.task is None:
            return
        if self.subcommand != "predict" or not self._kind().several_tasks:
            raise InputError("--task: expected with predict and a SwitchingNetwork only")
        chosen.model.init_args.predicted = chosen.task.split(",")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 - passed on
        chosen, run = self._chosen(), self._run()
        user_callbacks = self.config_init[self.subcommand].trainer.callbacks or []
        user_callbacks = list(user_callbacks) if isinstance(user_callbacks, list) else [user_callbacks]
        ours: list[Callback] = []
        if self._writes():
            ours = self._callbacks(run)
            if chosen.trainer.logger is None or chosen.trainer.logger is True:
                version = "" if self.subcommand == "fit" else str(self.subcommand)
                kwargs["logger"] = curves(run, self._first_step, version)
        made = assembled(
            run,
            ours,
            kept=("last",) if self._kind().kept == "last" else ("best", "last"),
            saved=self._writes() and chosen.trainer.enable_checkpointing is not False,
            user_callbacks=user_callbacks,
            plugins=_listed(chosen.trainer.plugins),
        )
        return super().instantiate_trainer(**{**kwargs, **made})

    def _callbacks(self, run: Run) -> list[Callback]:
        chosen = self._chosen()
        callbacks: list[Callback] = [
            StopOnNan(),
            LogThroughput(),
            PrintProgress(),
            *self.model.run_callbacks(run),
        ]
        if chosen.trainer.enable_model_summary is not False:
            callbacks.append(NetworkSummary())
        if chosen.trainer.logger is not False:
            callbacks.append(LearningRateMonitor("step"))
        if chosen.patience is not None:
            callbacks.append(EarlyStopping("val/loss", patience=chosen.patience))
        return callbacks

    def _writes(self) -> bool:
        """Whether anything is written: not by Lightning's trial runs."""
        trainer = self._chosen().trainer
        return not (trainer.fast_dev_run or trainer.barebones)

    def _run(self) -> Run:
        chosen = self._chosen()
        return Run(
            Path(chosen.trainer.default_root_dir),
            Path(chosen.runs) / "losses",
            self._contender(),
            begun_as(chosen),
            chosen.seed_everything if isinstance(chosen.seed_everything, int) else 0,
            chosen.checkpoint_seconds,
        )

    def _chosen(self) -> Namespace:
        chosen: Namespace = self.config[self.subcommand]
        return chosen

    def _folder(self) -> Path:
        return Path(str(self._chosen().runs), self._kind().folder_name(self._arguments()), self._contender())

    def _contender(self) -> str:
        named = self._chosen().contender
        return self._kind().contender_name(self._arguments()) if named is None else str(named)

    def _arguments(self) -> dict[str, Any]:
        """The arguments that the model is built with."""
        return dict(self._chosen().model.init_args.as_dict())

    def _data_kind(self) -> type[ResumableDataModule]:
        """The class of the data module."""
        place, _, name = self._chosen().data.class_path.rpartition(".")
        kind = getattr(importlib.import_module(place), name)
        if not issubclass(kind, ResumableDataModule):
            names = ", ".join(known.__name__ for known in DATA)
            raise InputError(f"data: expected one of {names}, or a subclass of one, found {name}")
        return kind  # type: ignore[no-any-return]

    def _kind(self) -> type[Contender]:
        """The class of the model."""
        path = self._chosen().model.class_path
        place, _, name = path.rpartition(".")
        kind = getattr(importlib.import_module(place), name)
        if not issubclass(kind, Contender):
            names = ", ".join(known.__name__ for known in CONTENDERS)
            raise InputError(f"model: expected one of {names}, or a subclass of one, found {name}")
        return kind  # type: ignore[no-any-return]


def _listed(plugins: Any) -> list[Any]:  # noqa: ANN401 - one of them or several
    return [] if plugins is None else list(plugins) if isinstance(plugins, list) else [plugins]


def _tasks(model: Namespace | None) -> list[str]:
    """The tasks that a network is for."""
    arguments = {} if model is None else model.init_args
    tasks = arguments.get("tasks") or [arguments.get("task")]
    if tasks == [None]:
        raise InputError("model: expected a class and its task; give a --config, such as one of configs/task")
    return list(tasks)
