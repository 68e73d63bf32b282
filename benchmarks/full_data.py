"""The plan for the full data set: operations, GPU-hours, and its schedule on 1, 8 and 64 GPUs.

    python -m benchmarks.full_data --rate 60e12

Operations are counted; the rate at which a GPU does them is given: `taxonomy run --dry-run` measures it.
Nothing of the data set is read.
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
    """Of every job that needs a GPU, by name."""
    of, training = settings.transfer, settings.network
    learned = of.samples * of.whole_epochs
    each = {name: cost.network_operations(settings, name) for name in settings.by_name}
    work = {f"network/{name}": cost.TRAINED * each[name] * NETWORK_SAMPLES * training.epochs for name in each}
    pictures = of.samples + of.watched + TEST_SAMPLES
    sources = [*settings.source_names, RANDOM]
    encoder = cost.encoder_operations(settings, RANDOM)  # that of the others, but for a first layer
    work |= {f"store/{name}": encoder * pictures for name in sources}
    for target in settings.target_names:
        readout = cost.TRAINED * cost.readout_operations(settings, target, 1) * learned  # the same to 1 %
        work[f"baselines/{target}"] = cost.TRAINED * each[target] * learned
        work[f"first_order/{target}"] = readout * len(sources)
        work[f"higher_order/{target}"] = readout * higher_orders(settings)
    return work


def higher_orders(settings: PipelineSettings) -> int:
    """Transfers of order 2 and more to a target."""
    of = settings.transfer
    combined = sum(comb(of.best, order) for order in range(2, of.combined_up_to + 1))
    return combined + max(0, of.max_order - of.combined_up_to)


def needs(settings: PipelineSettings) -> dict[str, list[str]]:
    """Of every job of the plan that needs a GPU, those before it."""
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
    """A table of kinds of jobs, and one of schedules, as Markdown."""
    kinds = list(dict.fromkeys(name.split("/")[0] for name in before))
    text = ["| kind | jobs | operations | GPU-hours | longest job, h |", "| --- | --- | --- | --- | --- |"]
    for kind in kinds:
        of_kind = [work[name] for name in work if name.startswith(f"{kind}/")]
        hours = [value / rate / 3600 for value in of_kind]
        text.append(f"| {kind} | {len(of_kind)} | {sum(of_kind):.2g} | {sum(hours):.1f} | {max(hours):.2f} |")
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
