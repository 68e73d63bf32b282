"""The plan for the full data set: operations, GPU-hours, and its schedule on 1, 8 and 64 GPUs.

    python -m benchmarks.full_data --rate 60e12

Operations are counted; `--rate` is how many a GPU does per second. No data are read.
"""

import argparse
from collections.abc import Mapping
from math import comb

from lightning_taskonomy.pipeline import cost
from lightning_taskonomy.pipeline.schedule import Schedule
from lightning_taskonomy.pipeline.settings import RANDOM, PipelineSettings, TransferSettings
from lightning_taskonomy.tasks import dictionary

NETWORK_SAMPLES, TEST_SAMPLES = 120_000, 54_514
DEVICES = (1, 8, 64)


def operations(settings: PipelineSettings) -> dict[str, float]:
    """Floating-point operations of every job that needs a GPU, by name."""
    transfer, training = settings.transfer, settings.network
    learned = transfer.samples * transfer.whole_epochs
    each = {name: cost.network_operations(settings, name) for name in settings.by_name}
    work = {f"network/{name}": cost.TRAINED * each[name] * NETWORK_SAMPLES * training.epochs for name in each}
    images = transfer.samples + transfer.watched + TEST_SAMPLES
    sources = [*settings.source_names, RANDOM]
    encoder = cost.encoder_operations(settings, RANDOM)  # the others differ in the first layer only
    work |= {f"store/{name}": encoder * images for name in sources}
    for target in settings.target_names:
        readout = cost.TRAINED * cost.readout_operations(settings, target, 1) * learned  # the same to 1 %
        work[f"baselines/{target}"] = cost.TRAINED * each[target] * learned
        work[f"first_order/{target}"] = readout * len(sources)
        work[f"higher_order/{target}"] = readout * higher_orders(settings)
    return work


def higher_orders(settings: PipelineSettings) -> int:
    """Transfers of order 2 and more to a target."""
    transfer = settings.transfer
    combined = sum(comb(transfer.best, order) for order in range(2, transfer.combined_up_to + 1))
    return combined + max(0, transfer.max_order - transfer.combined_up_to)


def needs(settings: PipelineSettings) -> dict[str, list[str]]:
    """The jobs that each job with a GPU depends on, by name."""
    names, targets = settings.source_names, settings.target_names
    stores = [f"store/{name}" for name in (*names, RANDOM)]
    return {
        **{f"network/{name}": [] for name in names},
        **{f"baselines/{target}": [] for target in targets},
        **{f"store/{name}": [f"network/{name}"] if name != RANDOM else [] for name in (*names, RANDOM)},
        **{f"first_order/{target}": stores for target in targets},
        **{f"higher_order/{target}": [f"first_order/{target}"] for target in targets},
    }


def lines(work: Mapping[str, float], before: Mapping[str, list[str]], rate: float) -> list[str]:
    """A table of the kinds of jobs and one of the schedules, in Markdown."""
    kinds = list(dict.fromkeys(name.split("/")[0] for name in before))
    text = [
        "| kind of job | jobs | operations | GPU-hours | longest, h |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in kinds:
        kind_work = [work[name] for name in work if name.startswith(f"{kind}/")]
        hours = [value / rate / 3600 for value in kind_work]
        text.append(
            f"| {kind} | {len(kind_work)} | {sum(kind_work):.2g} | {sum(hours):.1f} | {max(hours):.2f} |"
        )
    seconds = {name: value / rate for name, value in work.items()}
    text += ["", "| GPUs | hours | busy |", "| --- | --- | --- |"]
    for devices in DEVICES:
        schedule = Schedule.of(before, seconds, devices)
        text.append(f"| {devices} | {schedule.whole / 3600:.1f} | {schedule.busy:.0%} |")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, required=True, help="operations per second of a GPU")
    transfer = TransferSettings(max_order=24)  # as in configs/pipeline/taskonomy.yaml
    settings = PipelineSettings("shards", "runs", list(dictionary())[:26], transfer=transfer)
    print("\n".join(lines(operations(settings), needs(settings), parser.parse_args().rate)))


if __name__ == "__main__":
    main()
