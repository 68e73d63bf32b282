"""The plan of a run: its jobs, what each needs, what its result depends on, and what it costs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from lightning_taskonomy.core.digest import sha256_of
from lightning_taskonomy.data.representations.fingerprints import of_data
from lightning_taskonomy.data.stream.partners import Span, needed_domains
from lightning_taskonomy.pipeline import (
    cost,
    experiments,
    loss_tables,
    networks,
    pictures,
    results,
    stores,
    transfers,
)
from lightning_taskonomy.pipeline.higher_order import HigherOrderPlan
from lightning_taskonomy.pipeline.records import Record, Records, fingerprint
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings
from lightning_taskonomy.pipeline.transfers import TransferFiles, first_order
from lightning_taskonomy.report.findings import PROVENANCE
from lightning_taskonomy.tasks.task import Task
from lightning_taskonomy.taxonomy.transfers import SCRATCH


@dataclass(frozen=True)
class Job:
    """One step of a run, either completed or done again.

    Attributes:
        name: `<kind>/<task>`.
        needs: names of the jobs that must have finished.
        about: what else its result depends on, as plain values.
        work: runs it and returns the fingerprint of the result.
        outputs: files that exist once it is done.
        counted: counts its floating-point operations.
    """

    name: str
    needs: tuple[str, ...]
    about: Callable[[], Mapping[str, Any]]
    work: Callable[[], str]
    outputs: tuple[Path, ...]
    counted: Callable[[], float] = float

    @property
    def kind(self) -> str:
        """What it does, whatever the task."""
        return self.name.split("/")[0]

    @cached_property
    def operations(self) -> float:
        """Floating-point operations, estimated; counted on first use, which takes a while."""
        return self.counted()


class Plan:
    """The jobs of a run, each after those that it needs.

    Args:
        settings: of the run.

    Raises:
        InputError: given weights do not fit the run's encoders.
    """

    def __init__(self, settings: PipelineSettings) -> None:
        self.settings, self.records = settings, Records(settings.root)
        networks.require_given_weights(settings)
        self._fingerprints: dict[tuple[tuple[str, ...], str], str] = {}

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """All jobs by name, in an order in which they can run."""
        settings = self.settings
        targets, sources = settings.target_names, [*settings.source_names, RANDOM]
        trained = [
            name for name in settings.by_name if name in targets or not networks.given_files(settings, name)
        ]
        jobs = [
            *map(self._network, trained),
            *map(self._baselines, targets),
            *map(self._store, sources),
            *map(self._first_order, targets),
            *map(self._ranking, targets),
            *map(self._higher_order, targets),
            *map(self._losses, targets),
            self._results(),
            *(map(self._pictures, targets) if settings.transfer.keep_weights else ()),
            *(self._experiment(name) for name in settings.experiments),
        ]
        return {job.name: job for job in jobs}

    def inputs(self, job: Job) -> str | None:
        """Fingerprint of all that a job's result depends on; None while a job that it needs is not done."""
        results = {}
        for name in job.needs:
            record = self.current(self.jobs[name])
            if record is None:
                return None
            results[name] = record.result
        return fingerprint({"about": job.about(), "needs": results})

    def _run(self, name: str) -> str:
        """Fingerprint of what a job depends on, once the jobs that it needs are done."""
        inputs = self.inputs(self.jobs[name])
        assert inputs is not None
        return inputs

    def current(self, job: Job) -> Record | None:
        """The record of a job that has been done and whose inputs are unchanged; else None."""
        if job.name not in self._current:
            record = self.records.read(job.name)
            holds = record is not None and all(path.exists() for path in job.outputs)
            if not holds or record is None or record.inputs != self.inputs(job):
                return None
            self._current[job.name] = record
        return self._current[job.name]

    def finished(self, job: Job, record: Record) -> None:
        """Note that a job has been done."""
        self.records.write(job.name, record)
        self._current[job.name] = record

    @cached_property
    def _current(self) -> dict[str, Record]:
        return {}

    def _network(self, task: str) -> Job:
        settings, options = self.settings, self.settings.network
        judged = task in settings.target_names

        def operations() -> float:
            pictures = options.samples or networks.samples_of(settings, "train")
            return cost.TRAINED * cost.network_operations(settings, task) * pictures * options.epochs

        def about() -> Mapping[str, Any]:
            splits = ("train", "val", "test") if judged else ("train", "val")
            return {**self._about_task(task, splits), "network": asdict(options)}

        return Job(
            f"network/{task}",
            (),
            about,
            lambda: networks.train_network(settings, task, self._run(f"network/{task}")),
            (networks.own_weights_file(settings, task),),
            operations,
        )

    def _baselines(self, target: str) -> Job:
        settings, transfer = self.settings, self.settings.transfer

        def about() -> Mapping[str, Any]:
            training = [
                min(transfer.samples, networks.samples_of(settings, "val")),
                transfer.whole_epochs,
                transfer.batch_size,
            ]
            return {
                **self._about_task(target, ("train", "val", "test")),
                "network": asdict(settings.network),
                "small": training,
            }

        folder = settings.root / "baselines" / target
        table = Path("losses") / f"{target}.parquet"
        return Job(
            f"baselines/{target}",
            (),
            about,
            lambda: networks.train_baselines(settings, target, self._run(f"baselines/{target}")),
            (
                *(folder / name / table for name in (networks.AVERAGE, SCRATCH)),
                *([networks.scratch_weights_file(settings, target)] if transfer.keep_weights else ()),
            ),
            lambda: cost.TRAINED * cost.network_operations(settings, target) * self._learned,
        )

    def _store(self, source: str) -> Job:
        settings = self.settings
        given = networks.given_files(settings, source)
        needs = () if given or source == RANDOM else (f"network/{source}",)

        def about() -> Mapping[str, Any]:
            spans = stores.spans(settings)
            # Its normalisation settles on images of the training split.
            seen = of_data(settings.shards, "train", ("rgb",), Span(), settings.size)
            random = [asdict(settings.network), settings.seed, seen]
            return {
                "pictures": {
                    split: of_data(settings.shards, split, ("rgb",), span, settings.size)
                    for split, span in spans.items()
                },
                "weights": [sha256_of(path) for path in given],
                "random": random if source == RANDOM else None,
            }

        def operations() -> float:
            pictures = sum(span.end or 0 for span in stores.spans(settings).values())
            return cost.encoder_operations(settings, source) * pictures

        folder = stores.stores_folder(settings) / source
        return Job(
            f"store/{source}",
            needs,
            about,
            partial(stores.make_stores, settings, source),
            tuple(folder / split / "index.json" for split in ("val", "test")),
            operations,
        )

    def _first_order(self, target: str) -> Job:
        settings = self.settings
        files, names = TransferFiles.of(settings, target), first_order(settings)
        return Job(
            f"first_order/{target}",
            tuple(f"store/{name}" for name in names),
            lambda: {"transfers": names, **files.common_inputs},
            partial(transfers.trained_transfers, files, names),
            tuple(map(files.path, names)),
            lambda: cost.TRAINED * cost.readout_operations(settings, target, 1) * len(names) * self._learned,
        )

    def _ranking(self, target: str) -> Job:
        settings = self.settings
        first = f"first_order/{target}"

        def rank() -> str:
            record = self.records.read(first)
            seconds = None if record is None else record.seconds / len(first_order(settings))
            return loss_tables.rank_sources(settings, target, seconds)

        return Job(
            f"ranking/{target}",
            (first,),
            lambda: {"transfer": asdict(settings.transfer)},
            rank,
            (loss_tables.plan_file(settings, target),),
        )

    def _higher_order(self, target: str) -> Job:
        settings = self.settings
        files = TransferFiles.of(settings, target)
        ranked = [name for name in settings.source_names if name != target]

        def operations() -> float:
            planned = HigherOrderPlan.of(target, ranked, settings.transfer, None).transfers
            one, two = (cost.readout_operations(settings, target, order) for order in (1, 2))
            # Only the first layer grows.
            forward = sum(one + name.count("+") * (two - one) for name in planned)
            return cost.TRAINED * forward * self._learned

        def train() -> str:
            plan = HigherOrderPlan.read(loss_tables.plan_file(settings, target), target)
            return transfers.trained_transfers(files, plan.transfers)

        return Job(
            f"higher_order/{target}",
            (f"ranking/{target}", *(f"store/{name}" for name in settings.source_names)),
            lambda: files.common_inputs,
            train,
            (),
            operations,
        )

    def _losses(self, target: str) -> Job:
        settings = self.settings
        needs = (f"{kind}/{target}" for kind in ("network", "baselines", "first_order", "higher_order"))
        return Job(
            f"losses/{target}",
            tuple(needs),
            dict,
            partial(loss_tables.write_loss_table, settings, target),
            (settings.root / "losses" / f"{target}.parquet",),
        )

    def _results(self) -> Job:
        settings = self.settings
        return Job(
            "results",
            tuple(f"losses/{target}" for target in settings.target_names),
            lambda: {"program": asdict(settings.program), "sources": settings.source_names},
            partial(results.write_results, settings),
            tuple(
                settings.root / name
                for name in ("taxonomy/taxonomy.json", "taxonomy/sanity.csv", "summary.md", PROVENANCE)
            ),
        )

    def _pictures(self, target: str) -> Job:
        settings = self.settings
        return Job(
            f"pictures/{target}",
            (f"losses/{target}",),
            lambda: {"extremes": pictures.EXTREMES},
            partial(pictures.draw_transfers, settings, target),
            (pictures.index_file(settings, target),),
        )

    def _experiment(self, name: str) -> Job:
        settings = self.settings
        experiment = settings.experiments[name]
        changed = settings.under(experiment)

        def operations() -> float:
            learned = cost.TRAINED * self._learned_by(changed)
            names = len(first_order(changed))
            return math.fsum(
                learned
                * (
                    cost.readout_operations(changed, target, 1) * names
                    + (0.0 if experiment.transitive else cost.network_operations(changed, target))
                )
                for target in settings.target_names
            )

        return Job(
            f"experiment/{name}",
            ("results", *(f"store/{source}" for source in first_order(settings))),
            lambda: {"experiment": asdict(experiment), "transfer": asdict(settings.transfer)},
            lambda: experiments.run_experiment(settings, name, self._run(f"experiment/{name}")),
            (experiments.table_of(settings, name),),
            operations,
        )

    @cached_property
    def _learned(self) -> float:
        """Examples that a readout learns from, over all epochs."""
        return self._learned_by(self.settings)

    def _learned_by(self, settings: PipelineSettings) -> float:
        """The same under the settings of an experiment."""
        transfer = settings.transfer
        return min(transfer.samples, networks.samples_of(self.settings, "val")) * transfer.whole_epochs

    def _about_task(self, name: str, splits: tuple[str, ...]) -> dict[str, Any]:
        """The task and its data."""
        settings, task = self.settings, self.settings.by_name[name]
        return {
            "task": name,
            "defined": settings.definition(name),
            "size": settings.size,
            "seed": settings.seed,
            "statistics": settings.statistics,
            "data": {split: self._data(task, split) for split in splits},
        }

    def _data(self, task: Task, split: str) -> str:
        domains = needed_domains(task)
        if (domains, split) not in self._fingerprints:  # for millions of samples this takes a second
            self._fingerprints[domains, split] = self._fingerprint(domains, split)
        return self._fingerprints[domains, split]

    def _fingerprint(self, domains: tuple[str, ...], split: str) -> str:
        end = self.settings.test_samples if split == "test" else None
        samples = networks.samples_of(self.settings, split)
        span = Span(0, samples if end is None else min(end, samples))
        return of_data(self.settings.shards, split, domains, span, self.settings.size)
