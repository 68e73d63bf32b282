"""`fit`, `validate`, `test` and `predict`: Lightning's own command line with this project's defaults."""

import logging
import re
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import Namespace
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.loggers import TensorBoardLogger

from lightning_taskonomy.cli.commands import ReadableConfiguration, one_line
from lightning_taskonomy.cli.unfinished import alone, begun_as, stop, unfinished_run
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.signals import Preempted, leaving_at_signals
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.switching.data.dense import NyudMT, PascalMT
from lightning_taskonomy.switching.data.taskonomy import SwitchingTaskonomy
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.finite import StopOnNan
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.pictures import LogPictures
from lightning_taskonomy.training.plain_progress import PrintProgress
from lightning_taskonomy.training.predictions import WritePredictions
from lightning_taskonomy.training.requeue import environment
from lightning_taskonomy.training.running_checkpoint import RunningCheckpoint, Unfinished
from lightning_taskonomy.training.seeded_steps import SeedSteps
from lightning_taskonomy.training.task_network import TaskNetwork
from lightning_taskonomy.training.throughput import LogThroughput
from lightning_taskonomy.training.whole_checkpoints import WholeCheckpoints
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.readouts import Readouts
from lightning_taskonomy.transfers.transfer_network import TransferModule, TransferNetwork

CONTENDERS = (TaskNetwork, ConstantGuess, TransferNetwork, Readouts, SwitchingNetwork)
DATA = (TaskonomyDataModule, SwitchingTaskonomy, PascalMT, NyudMT)
"""The classes that a configuration may name; data without a name are of the first kind."""


def run(program: str, words: Sequence[str]) -> None:
    """Run one of Lightning's commands.

    Raises:
        InputError: a bad option, or whatever cannot be trained.
    """
    torch.set_float32_matmul_precision("high")
    leave_out_what_no_user_can_act_on()
    try:
        with leaving_at_signals("what is whole is kept"):
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
                args=[program.split()[-1], *words],
            )
    except Preempted as preempted:
        stop(preempted)
    except MisconfigurationException as error:
        raise InputError(str(error)) from error
    except ValueError as error:
        # jsonargparse wraps what a class says of its own arguments.
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise


def leave_out_what_no_user_can_act_on() -> None:
    """Lightning's advertisements, and its use of what torch will drop."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.rank_zero"):
        logging.getLogger(name).addFilter(lambda record: "litlogger" not in record.getMessage())
    for message in (
        r".*treespec, LeafSpec.*",
        r".*does not have many workers.*",
        r".*logging interval.*",
        r".*`srun` command is available.*",
    ):
        warnings.filterwarnings("ignore", message)


class _OneLineParser(ReadableConfiguration, LightningArgumentParser):  # type: ignore[misc]
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise InputError(f"{_plainer(one_line(message))} (see {self.prog} --help)") from ex


def _plainer(line: str) -> str:
    """What jsonargparse says of classes that a configuration names, without its own terms."""
    line = re.sub(r"(--[\w.]+): Option '([\w.]+)' is not accepted.*", r"unrecognized arguments: \1.\2", line)
    line = re.sub(r"Call to compute_fn of link .*? failed: ", "", line)
    return re.sub(r"\. Got value: NestedArg\(.*", "", line)


class _CommandLine(LightningCLI):
    """Says task and size once, names folders by task and contender, and resumes what was asked for only."""

    _unfinished: Unfinished | None = None

    @cached_property
    def _held(self) -> ExitStack:
        """What is held while the command runs."""
        return ExitStack()

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 - words
        self.config = parser.parse_args(args)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--contender",
            type=str | None,
            default=None,
            help="what the trained network is called: in its folder's name and in loss tables; by default "
            "`self`, or the sources of a transfer joined by +",
        )
        parser.add_argument("--runs", type=str, default="runs", help="folder for everything that is written")
        parser.add_argument(
            "--patience",
            type=int | None,
            default=None,
            help="validations without a better loss after which training stops; by default it does not",
        )
        parser.add_argument(
            "--checkpoint_seconds",
            type=float,
            default=600.0,
            help="from one checkpoint to the next; a run that was stopped or killed goes on from the last",
        )
        parser.add_argument(
            "--task",
            type=str | None,
            default=None,
            help="tasks that `predict` writes, of a network for several, as a,b,c; by default all",
        )
        parser.set_defaults({"data": {"class_path": DATA[0].__name__}})
        parser.link_arguments("model", "data.init_args.tasks", compute_fn=_tasks)
        parser.link_arguments("model.init_args.size", "data.init_args.size")

    def _parse_ckpt_path(self) -> None:
        """Nothing: what the command line says is not to be replaced by what a checkpoint remembers."""

    def _run_subcommand(self, subcommand: str) -> None:
        with self._held:
            super()._run_subcommand(subcommand)

    def before_instantiate_classes(self) -> None:
        chosen = self._chosen()
        self._limit_predictions(chosen)
        if chosen.trainer.default_root_dir is None:
            chosen.trainer.default_root_dir = str(self._folder())
        root = Path(chosen.trainer.default_root_dir)
        # Lightning would load it unasked under SLURM, whatever task it belongs to.
        for left in sorted(root.glob("hpc_ckpt_*")):
            raise InputError(f"{left}: left by another run; move it away, or name it with --ckpt_path")
        if self._leaves_weights_out() and chosen.trainer.strategy in ("auto", "ddp"):
            several = str(chosen.trainer.devices) not in ("auto", "1") or chosen.trainer.num_nodes > 1
            several |= chosen.trainer.devices == "auto" and torch.cuda.device_count() > 1
            if several:
                chosen.trainer.strategy = "ddp_find_unused_parameters_true"
        if self.subcommand == "fit" and not chosen.trainer.fast_dev_run:
            self._go_on_in(root)
        if self.subcommand != "fit" and chosen.ckpt_path is None:
            kept = root / "checkpoints" / f"{self._kept()}.ckpt"
            if not kept.exists():
                raise InputError(f"{kept}: nothing trained here yet; fit first, or name a --ckpt_path")
            chosen.ckpt_path = str(kept)
        chosen.weights_only = True  # never unpickle what may have come from elsewhere
        if chosen.ckpt_path is not None and not Path(chosen.ckpt_path).exists():
            raise InputError(f"{chosen.ckpt_path}: no such checkpoint")

    def _go_on_in(self, root: Path) -> None:
        """Hold the run's folder, and go on with a fit that was stopped there."""
        chosen = self._chosen()
        self._held.enter_context(alone(root))
        if chosen.ckpt_path is None:
            self._unfinished = unfinished_run(root, begun_as(self._chosen()))
            if self._unfinished is not None:
                chosen.ckpt_path = str(self._unfinished.path)

    def _limit_predictions(self, chosen: Namespace) -> None:
        if chosen.task is None:
            return
        if self.subcommand != "predict" or not self._is_a(SwitchingNetwork):
            raise InputError("--task: expected with predict and a SwitchingNetwork only")
        chosen.model.init_args.predicted = chosen.task.split(",")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 - passed on
        chosen = self._chosen()
        root = Path(chosen.trainer.default_root_dir)
        logger = chosen.trainer.logger
        if logger is None or logger is True:
            # What testing logs begins at step 0 again, and would hide the curves of training.
            version = "" if self.subcommand == "fit" else self.subcommand
            # What was drawn after the checkpoint, or before a run that begins again, is hidden: one curve.
            step = 0 if self._unfinished is None else self._unfinished.next_step
            kwargs["logger"] = TensorBoardLogger(
                root, name="", version=version, default_hp_metric=False, purge_step=None if version else step
            )
        own = list(self.config_init[self.subcommand].trainer.callbacks or ())
        kinds = {type(callback) for callback in own}
        if not chosen.trainer.fast_dev_run:
            own += [callback for callback in self._callbacks(root) if type(callback) not in kinds]
        plugins = [WholeCheckpoints(), *environment(), *(chosen.trainer.plugins or ())]
        return super().instantiate_trainer(**{**kwargs, "callbacks": own, "plugins": plugins})

    def _callbacks(self, root: Path) -> list[Callback]:
        chosen = self._chosen()
        callbacks: list[Callback] = [
            *self._checkpoints(root / "checkpoints"),
            StopOnNan(),
            LogThroughput(),
            PrintProgress(),
            SeedSteps(chosen.seed_everything if isinstance(chosen.seed_everything, int) else 0),
            RunningCheckpoint(root / "checkpoints", chosen.checkpoint_seconds, begun_as(chosen)),
        ]
        if not self._is_a(SwitchingNetwork):  # it brings what writes its results and predictions
            callbacks.append(WriteLossTable(str(Path(chosen.runs) / "losses"), self._contender()))
        if self._is_a(Readouts):
            callbacks.append(LiveTournament())
        elif not self._is_a(SwitchingNetwork):
            callbacks += [LogPictures(), WritePredictions(str(root / "predictions"))]
        if chosen.trainer.logger is not False:
            callbacks.append(LearningRateMonitor("step"))
        if chosen.patience is not None:
            callbacks.append(EarlyStopping("val/loss", patience=chosen.patience))
        return callbacks

    def _checkpoints(self, folder: Path) -> list[Callback]:
        # Of its own: Lightning's `save_last` copies the best one, and after a resumption the last one.
        last = ModelCheckpoint(folder, "last", enable_version_counter=False)
        if self._kept() == "last":
            return [last]
        return [ModelCheckpoint(folder, "best", monitor="val/loss", enable_version_counter=False), last]

    def _kept(self) -> str:
        """The checkpoint that is judged: of transfers the last one, as all contenders learn equally long."""
        return "last" if self._is_a(TransferModule) else "best"

    def _chosen(self) -> Namespace:
        chosen: Namespace = self.config[self.subcommand]
        return chosen

    def _folder(self) -> Path:
        chosen = self._chosen()
        several = self._is_a(SwitchingNetwork)
        name = "switching" if several else task_named(chosen.model.init_args.task).name
        return Path(str(chosen.runs), name, self._contender())

    def _contender(self) -> str:
        chosen = self._chosen()
        if chosen.contender is not None:
            return str(chosen.contender)
        if self._is_a(SwitchingNetwork):
            return str(chosen.model.init_args.method)
        if self._is_a(TransferNetwork):
            return "+".join(chosen.model.init_args.sources)
        return "transfers" if self._is_a(Readouts) else "self"

    def _is_a(self, kind: type[LightningModule]) -> bool:
        """Whether the model that was chosen is of a kind."""
        name = self._chosen().model.class_path.rpartition(".")[2]
        return any(issubclass(contender, kind) for contender in CONTENDERS if contender.__name__ == name)

    def _leaves_weights_out(self) -> bool:
        """Whether some steps do not use some of the weights."""
        arguments = self._chosen().model.init_args
        if self._is_a(SwitchingNetwork):  # what other tasks have of their own
            return bool(arguments.method != "switching" or arguments.added)
        has_discriminator = task_named(arguments.task).norm_share is not None
        return has_discriminator and arguments.get("adversarial_after") is not None


def _tasks(model: Namespace | None) -> list[str]:
    """The tasks that a network is for."""
    arguments = {} if model is None else model.init_args
    tasks = arguments.get("tasks") or [arguments.get("task")]
    if tasks == [None]:
        raise InputError(
            "model: expected a class and what it is for; name a --config, of configs/task perhaps"
        )
    return list(tasks)
