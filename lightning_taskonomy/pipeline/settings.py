"""Settings of a run of the whole pipeline, read from YAML; defaults as in the paper."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.task_names import is_self_supervised
from lightning_taskonomy.nn.readout import Variant
from lightning_taskonomy.tasks import registered_task, task_named
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy.transfers import Objective
from lightning_taskonomy.transfers.readout_network import ReadoutSize, epochs_for

_LEAST = {
    "network": {"width": 1, "decoder_width": 1, "hidden": 1, "batch_size": 1, "epochs": 1, "samples": 1},
    "transfer": {
        "samples": 1,
        "watched": 0,
        "validate_every": 1,
        "epochs": 1,
        "batch_size": 1,
        "max_order": 1,
        "best": 1,
        "combined_up_to": 1,
        "together": 1,
    },
    "program": {"budget": 0, "draws": 1},
    "machine": {"num_workers": 0, "checkpoint_seconds": 0},
}
"""The least values, by section."""

RANDOM = "random"
"""The source that is an untrained encoder."""


@dataclass(frozen=True)
class NetworkSettings:
    """The task-specific networks (step I).

    Attributes:
        width: channels of the encoder's first layer.
        blocks: of the encoder's four stages.
        decoder_width: channels of the pixel decoder's first layer; readouts' decoders have the same.
        hidden: width of the vector decoder's layers; by default each task's own.
        learning_rate: of Adam; readouts have the same.
        drop_after: steps after which the learning rate is a tenth; by default each task's own.
        weight_decay: of Adam; by default each task's own.
        adversarial_after: steps after which discriminators join; null leaves them out.
        batch_size: samples per step, at most: some tasks use smaller batches.
        epochs: over the training split.
        samples: how many training samples; by default all.
    """

    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    decoder_width: int = 1024
    hidden: int | None = None
    learning_rate: float = 1e-4
    drop_after: int | None = None
    weight_decay: float | None = None
    adversarial_after: int | None = 25_000
    batch_size: int = 32
    epochs: int = 30
    samples: int | None = None


@dataclass(frozen=True)
class TransferSettings:
    """The transfers (step II).

    Attributes:
        samples: how many of the validation split readouts learn from.
        watched: how many of the samples after those to validate on during training; 0 for none.
        validate_every: epochs from one validation to the next.
        epochs: by default as many as in the paper for this number of samples.
        batch_size: samples per step.
        variant: of readout and decoder.
        drop_after: steps after which the learning rate is a tenth.
        weight_decay: of Adam.
        max_order: largest number of sources of a transfer.
        best: how many of a target's best sources are combined in all ways.
        combined_up_to: the order up to which they are; above it, the best sources form one set per order.
        together: how many readouts are trained together; by default as many as fit into memory.
        racing: stop readouts that are certain to lose.
        keep_weights: write the readouts' weights too, not only their losses.
    """

    samples: int = 16_000
    watched: int = 1_000
    validate_every: int = 1
    epochs: int | None = None
    batch_size: int = 32
    variant: Variant = "standard"
    drop_after: int = 5_000
    weight_decay: float = 1e-5
    max_order: int = 5
    best: int = 5
    combined_up_to: int = 5
    together: int | None = None
    racing: bool = False
    keep_weights: bool = True

    @property
    def whole_epochs(self) -> int:
        """Over the samples."""
        return self.epochs if self.epochs is not None else epochs_for(self.samples)


@dataclass(frozen=True)
class ProgramSettings:
    """The boolean program (step IV) and the evidence.

    Attributes:
        budget: of the taxonomy that is written; by default a third of the sources that need
            labels, rounded up.
        budgets: of the evaluation; by default from 1 to the number of sources that need labels.
        max_orders: of the evaluation.
        importance: weight of a target in the objective; 1 where not given.
        cost: label cost of a task; where not given 1, and 0 for tasks whose label is the image itself.
        objective: what the taxonomy maximises: affinity, gain or quality.
        scratch: training from scratch on a target's small set may be chosen too, and costs nothing.
        draws: random taxonomies per budget for the significance.
    """

    budget: int | float | None = None
    budgets: list[int | float] | None = None
    max_orders: tuple[int, ...] = (1, 4)
    importance: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    objective: Objective = "affinity"
    scratch: bool = False
    draws: int = 1000


@dataclass(frozen=True)
class MachineSettings:
    """What the jobs run on: each uses one device, so several devices run several jobs at a time.

    Attributes:
        accelerator: as Lightning's trainer takes it.
        precision: as Lightning's trainer takes it.
        num_workers: processes that read and decode.
        checkpoint_seconds: time from one checkpoint of a running job to the next.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    num_workers: int = 2
    checkpoint_seconds: int = 60


@dataclass(frozen=True)
class Experiment:
    """Transfers trained again under other settings, to see how the affinities change.

    Attributes:
        samples: of the transfers, or as in the main run.
        variant: of readout and decoder, or as in the main run.
        transitive: instead, read each target through the readout of another one, s → t1 → t2.
    """

    samples: int | None = None
    variant: Variant | None = None
    transitive: bool = False


@dataclass(frozen=True)
class PipelineSettings:
    """A run from packed images to a taxonomy.

    Attributes:
        shards: the packed images, as the DataModule takes them.
        out: folder for everything that is written.
        tasks: the dictionary of this run: names, or `FILE.py:NAME` for custom tasks.
        targets: tasks to be solved; by default all that are not source-only.
        sources: tasks that may be trained fully; by default all. `bank`: those whose encoders the bank has.
        size: pixels per side of images.
        seed: of everything random.
        statistics: what vectors are standardised by: `taskonomy` or `own`, as the DataModule takes it.
        test_samples: how many samples of the test split contenders are evaluated on; by default all.
        bank: folder of trained networks, published or your own: its tasks are the sources if no others are
            named, and none of them is trained by this run. With `sources: bank`, by default the folder that
            LIGHTNING_TASKONOMY_BANK names.
        weights: of encoders that this run does not train: files (safetensors) by task.
        network: the task-specific networks.
        transfer: the transfers.
        program: the boolean program and the evidence.
        machine: what the jobs run on.
        experiments: by name, transfers trained again under other settings.
    """

    shards: str
    out: str
    tasks: list[str]
    targets: list[str] | None = None
    sources: list[str] | Literal["bank"] | None = None
    size: int = 256
    seed: int = 0
    statistics: Literal["taskonomy", "own"] = "taskonomy"
    test_samples: int | None = None
    bank: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    program: ProgramSettings = field(default_factory=ProgramSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)
    experiments: dict[str, Experiment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the settings are consistent, before anything runs.

        Raises:
            InputError: names the key and what was expected.
        """
        repeated = [name for name, times in Counter(self._named(self.tasks)).items() if times > 1]
        if repeated:
            raise InputError(f"tasks: expected each task once, found {repeated[0]} more than once")
        if len(self.by_name) < 2:
            raise InputError(f"tasks: expected at least two, found {len(self.by_name)}")
        if self.size % 16:
            raise InputError(f"size: expected a multiple of 16 pixels, found {self.size}")
        for key, chosen in (
            ("targets", self.targets or ()),
            ("sources", () if isinstance(self.sources, str) else self.sources or ()),
            ("weights", self.weights),
            ("program.importance", self.program.importance),
            ("program.cost", self.program.cost),
        ):
            self._require_tasks(key, chosen)
        if not self.target_names or not self.source_names:
            raise InputError("tasks: expected at least one target and one source")
        self._require_numbers()

    def _require_numbers(self) -> None:
        for key, least, numbers in self._numbers():
            for number in numbers:
                if number is not None and not number >= least:
                    raise InputError(f"{key}: expected at least {least}, found {number:g}")
        if self.transfer.racing and self.transfer.watched == 0:
            raise InputError(
                "transfer.racing: it needs watched samples; expected transfer.watched of at least 1"
            )
        for key, section in (("network", self.network), ("transfer", self.transfer)):
            if section.samples is not None and section.samples < section.batch_size:
                raise InputError(
                    f"{key}.samples: expected at least a batch ({section.batch_size}), "
                    f"found {section.samples}"
                )

    def _numbers(self) -> Iterator[tuple[str, int, Iterable[float | None]]]:
        """Keys, the least valid value, and the given values."""
        for section, keys in _LEAST.items():
            for key, least in keys.items():
                yield f"{section}.{key}", least, [getattr(getattr(self, section), key)]
        yield "size", 16, [self.size]
        yield "test_samples", 1, [self.test_samples]
        yield "program.budgets", 0, self.program.budgets or ()
        yield "program.max_orders", 1, self.program.max_orders or (0,)
        yield "program.importance", 0, self.program.importance.values()
        yield "program.cost", 0, self.program.cost.values()
        for name, experiment in self.experiments.items():
            yield f"experiments.{name}.samples", 1, [experiment.samples]

    def _require_tasks(self, key: str, chosen: Iterable[str]) -> None:
        for name in self._named(chosen):
            if name not in self.by_name:
                raise InputError(f"{key}: {name} is not among tasks ({', '.join(self.by_name)})")

    @cached_property
    def by_name(self) -> Mapping[str, Task]:
        """All tasks by their names in the dictionary, including those of the bank."""
        listed = {task.name: task for task in map(task_named, self.tasks)}
        # The user did not choose the names of the bank's files, so those names import nothing.
        banked = (listed.get(name) or registered_task(name, f"bank: {name}") for name in self.banked)
        return listed | {task.name: task for task in banked}

    @cached_property
    def given_weights(self) -> Mapping[str, Path]:
        """Files of the encoders that are not trained here, by the tasks' names in the dictionary."""
        return {task_named(name).name: Path(path) for name, path in self.weights.items()}

    @cached_property
    def spelled(self) -> Mapping[str, str]:
        """How the configuration names each task."""
        return {name: name for name in self.banked} | {task_named(name).name: name for name in self.tasks}

    @cached_property
    def banked(self) -> list[str]:
        """The tasks whose encoders the bank has, and for which no other weights are given."""
        if self.bank is None and self.sources != "bank":
            return []
        entries = BankFolder.open(self.bank).entries
        return [
            name for name, entry in entries.items() if entry.has_encoder and name not in self.given_weights
        ]

    def definition(self, name: str) -> str | None:
        """Fingerprint of the file that defines a custom task; None for a task of the dictionary."""
        path = Path(self.spelled[name].rpartition(":")[0])
        return sha256_of(path) if path.suffix == ".py" else None

    def by_dictionary_name(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Values by dictionary name, however the configuration names the tasks."""
        return {task_named(name).name: value for name, value in numbers.items()}

    @property
    def target_names(self) -> list[str]:
        """The tasks to be solved."""
        if self.targets is not None:
            return self._named(self.targets)
        listed = self._named(self.tasks)
        return [name for name in listed if not self.by_name[name].source_only]

    @property
    def source_names(self) -> list[str]:
        """The tasks whose encoders are read."""
        if isinstance(self.sources, list):
            return self._named(self.sources)
        return self.banked or list(self.by_name)

    @property
    def budget(self) -> float:
        """The budget of the taxonomy that is written."""
        if self.program.budget is not None:
            return self.program.budget
        return -(-len(self.labelled_sources) // 3)

    @property
    def labelled_sources(self) -> list[str]:
        """The sources that need labels: all but those whose label is the image itself."""
        return [name for name in self.source_names if not is_self_supervised(name)]

    @property
    def readout_size(self) -> ReadoutSize:
        """The size of all readouts."""
        return ReadoutSize(self.size, self.transfer.variant, self.network.decoder_width, self.network.hidden)

    @property
    def root(self) -> Path:
        """Folder for everything that is written."""
        return Path(self.out)

    def under(self, experiment: Experiment) -> "PipelineSettings":
        """The settings of an experiment: first order only."""
        changed = {f.name: getattr(experiment, f.name) for f in fields(experiment)}
        overrides = {name: changed[name] for name in ("samples", "variant") if changed[name] is not None}
        return replace(self, transfer=replace(self.transfer, **overrides, max_order=1), experiments={})

    @staticmethod
    def _named(names: Iterable[str]) -> list[str]:
        return [task_named(name).name for name in names]
