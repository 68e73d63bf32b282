"""Jobs of step I and the baselines: task networks, the best constants, networks from scratch."""

from pathlib import Path
from typing import Any

import torch

from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.bank.network import load_encoder
from lightning_taskonomy.bank.weights import About
from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import read_shapes, read_weights, write_weights
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.representations.fingerprints import of_weights
from lightning_taskonomy.data.stream.reading import ShardSet
from lightning_taskonomy.nn import Encoder
from lightning_taskonomy.pipeline.records import fingerprint
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings
from lightning_taskonomy.pipeline.trainer_runs import fit_and_test, remove_checkpoints
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy.transfers import SCRATCH, SELF
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.finite import StopOnNan
from lightning_taskonomy.training.task_network import TaskNetwork

AVERAGE = "average"
_SETTLING_BATCHES = 50
_ENCODER = "encoder."
"""Prefix of the encoder's weights in the names of its network's weights."""


def task_network(settings: PipelineSettings, task: str) -> TaskNetwork:
    """The network of a task, newly initialised."""
    options = settings.network
    torch.manual_seed(settings.seed)
    return TaskNetwork(
        settings.spelled[task],
        settings.size,
        options.width,
        options.blocks,
        options.decoder_width,
        options.hidden,
        learning_rate=options.learning_rate,
        drop_after=options.drop_after,
        weight_decay=options.weight_decay,
        adversarial_after=options.adversarial_after,
    )


def about(settings: PipelineSettings, task: Task) -> dict[str, Any]:
    """The metadata of a task's weights, from which a bank knows what its vectors mean."""
    return About(task.name, settings.size, task.standard).as_json()


def own_weights_file(settings: PipelineSettings, task: str) -> Path:
    """The weights of a network trained by this run."""
    return settings.root / "networks" / task / "weights.safetensors"


def scratch_weights_file(settings: PipelineSettings, target: str) -> Path:
    """The weights of the network trained from scratch on the transfers' small set."""
    return settings.root / "baselines" / target / SCRATCH / "weights.safetensors"


def train_network(settings: PipelineSettings, task: str, run: str) -> str:
    """Train a task's network on the training split (step I), and evaluate it as the contender `self`.

    Args:
        settings: of the run.
        task: to be learned.
        run: fingerprint of everything that the result depends on.
    """
    folder = settings.root / "networks" / task
    data = _data(
        settings, task, batch_size=_batch_size(settings, task), train_samples=settings.network.samples
    )
    module = task_network(settings, task)
    tested = task in settings.target_names
    fit_and_test(
        settings,
        module,
        data,
        folder,
        run=run,
        epochs=settings.network.epochs,
        contender=SELF,
        callbacks=[StopOnNan()],
        best=True,
        tested=tested,
    )
    write_weights(own_weights_file(settings, task), module.network.state_dict(), about(settings, module.task))
    remove_checkpoints(folder)
    return of_weights(module.network.state_dict())


def _batch_size(settings: PipelineSettings, task: str) -> int:
    return min(settings.network.batch_size, settings.by_name[task].training.batch_size)


def train_baselines(settings: PipelineSettings, target: str, run: str) -> str:
    """The best constant guess, and a network trained from scratch on the transfers' small set."""
    root = settings.root / "baselines" / target
    data = _data(settings, target, batch_size=_batch_size(settings, target))
    guess = ConstantGuess(settings.spelled[target], settings.size)
    average = fit_and_test(settings, guess, data, root / AVERAGE, run=run, epochs=1, contender=AVERAGE)
    remove_checkpoints(root / AVERAGE)
    tables = (average / f"{target}.parquet", train_from_scratch(settings, target, root / SCRATCH, run))
    return fingerprint({path.parts[-3]: sha256_of(path) for path in tables})


def train_from_scratch(settings: PipelineSettings, target: str, folder: Path, run: str) -> Path:
    """Train a whole network on the transfers' training samples: the rival that gain is measured against.

    Returns:
        Its loss table.
    """
    module = task_network(settings, target)
    losses = fit_and_test(
        settings,
        module,
        small_set(settings, target),
        folder,
        run=run,
        epochs=settings.transfer.whole_epochs,
        contender=SCRATCH,
        callbacks=[StopOnNan()],
        **watching(settings),
    )
    if settings.transfer.keep_weights:
        weights = folder / scratch_weights_file(settings, target).name
        write_weights(weights, module.network.state_dict(), about(settings, module.task))
    remove_checkpoints(folder)
    return losses / f"{target}.parquet"


def small_set(settings: PipelineSettings, target: str) -> TaskonomyDataModule:
    """The samples that transfers to a target are trained and evaluated on."""
    transfer = settings.transfer
    return _data(
        settings,
        target,
        batch_size=transfer.batch_size,
        train_split="val",
        train_samples=min(transfer.samples, samples_of(settings, "val")),
        val_samples=max(transfer.watched, 1),
    )


def watching(settings: PipelineSettings) -> dict[str, Any]:
    """The trainer's options for validation on the watched samples, if there are any."""
    if settings.transfer.watched == 0 or samples_of(settings, "val") <= settings.transfer.samples:
        return {"limit_val_batches": 0}
    return {"check_val_every_n_epoch": settings.transfer.validate_every}


def samples_of(settings: PipelineSettings, split: str) -> int:
    """How many samples a split has."""
    return len(ShardSet(settings.shards, split, ("rgb",)).index.keys)


def _data(settings: PipelineSettings, task: str, **options: object) -> TaskonomyDataModule:
    return TaskonomyDataModule(
        settings.shards,
        [settings.spelled[task]],
        settings.size,
        num_workers=settings.machine.num_workers,
        seed=settings.seed,
        statistics=settings.statistics,
        test_samples=settings.test_samples,
        **options,  # type: ignore[arg-type]
    )


def trained_encoder(settings: PipelineSettings, source: str) -> Encoder:
    """The trained encoder of a source.

    Raises:
        InputError: its weights are missing, or those of another network.
    """
    if source in settings.banked:
        return load_encoder(settings.by_name[source], BankFolder.open(settings.bank).path)
    path = settings.given_weights.get(source, own_weights_file(settings, source))
    _require_encoder(settings, source, path)
    weights = {
        name.removeprefix(_ENCODER): values
        for name, values in read_weights(path).items()
        if name.startswith(_ENCODER)
    }
    encoder = task_network(settings, source).network.encoder
    encoder.load_state_dict(weights)
    return encoder


def require_given_weights(settings: PipelineSettings) -> None:
    """Check, before long work begins, that the given weights fit this run's encoders.

    Raises:
        InputError: a file is missing or damaged, or of another network.
    """
    for source, path in settings.given_weights.items():
        _require_encoder(settings, source, path)


def _require_encoder(settings: PipelineSettings, source: str, path: Path) -> None:
    """Compare names and shapes, without reading the values."""
    with torch.device("meta"):
        encoder = task_network(settings, source).network.encoder
    expected = {f"{_ENCODER}{name}": list(values.shape) for name, values in encoder.state_dict().items()}
    found = {name: list(shape) for name, shape in read_shapes(path).items() if name.startswith(_ENCODER)}
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path}: not the weights of this run's encoder of {source}: {name}: "
                f"expected {expected.get(name, 'none')}, found {found.get(name, 'none')}"
            )


def given_files(settings: PipelineSettings, source: str) -> list[Path]:
    """The weight files of a source that is not trained by this run; otherwise none."""
    if source in settings.banked:
        return BankFolder.open(settings.bank).entry(source).paths
    return [settings.given_weights[source]] if source in settings.given_weights else []


def random_encoder(settings: PipelineSettings) -> Encoder:
    """An untrained encoder; only its normalisation has seen images, which keeps its scale sound."""
    options = settings.network
    torch.manual_seed(settings.seed)
    encoder = Encoder(width=options.width, blocks=options.blocks)
    data = TaskonomyDataModule(
        settings.shards,
        ["autoencoding"],
        settings.size,
        options.batch_size,
        num_workers=0,
        seed=settings.seed,
    )
    loader = data.loader("train", shuffled=True)
    encoder.train()
    with torch.no_grad():
        for _, batch in zip(range(_SETTLING_BATCHES), loader, strict=False):
            encoder(batch["autoencoding"]["input"][:, 0])
    return encoder.eval()


def encoder_of(settings: PipelineSettings, source: str) -> Encoder:
    """The encoder of a source, or the random one."""
    return random_encoder(settings) if source == RANDOM else trained_encoder(settings, source)
