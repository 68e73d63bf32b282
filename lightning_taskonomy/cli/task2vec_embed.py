"""`task2vec embed`: labelled pictures to embeddings."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from lightning_taskonomy.cli.option_types import NO_NAMES, Names
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.output import output_folder
from lightning_taskonomy.core.signals import leaving_at_signals
from lightning_taskonomy.task2vec import LabelledTask, Probe, Running, embed_tasks, norm, preset
from lightning_taskonomy.task2vec.comparison import compare
from lightning_taskonomy.task2vec.probe_training import (
    probe_from_file,
    readable_picture,
    save_probe,
    self_supervised_probe,
    untrained_probe,
)
from lightning_taskonomy.task2vec.settings import Method, Preset
from lightning_taskonomy.task2vec.sources import Source, read_tasks


def embed(
    out: Path,
    source: Source,
    root: Path | None = None,
    tasks: Names = NO_NAMES,
    size: int = 224,
    probe: Literal["resnet18", "resnet34", "resnet50"] = "resnet34",
    weights: Path | None = None,
    untrained: bool = False,
    probe_width: int = 64,
    probe_steps: int = 400,
    method: Method | None = None,
    preset_name: Preset = "improved",
    head_epochs: int = 10,
    draws: int = 1,
    max_samples: int | None = None,
    skip_layers: int = 0,
    prior: float = 0.0,
    norms: bool = False,
    side: int = 16,
    beta: float = 1e-7,
    noise_epochs: int = 2,
    seed: int = 0,
    batch: int = 64,
    fit_batch: int = 64,
    accelerator: str = "auto",
    devices: int = 1,
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
    workers: int = 0,
) -> None:
    """Embed every task of a source, and compare them.

    Writes <task>.safetensors and <task>.json into the folder OUT, and, of two tasks or more, what `task2vec
    compare` writes, into OUT/compare. Without --weights a probe is trained here on the pictures, without
    labels (they are turned, and it learns by how much), and kept as OUT/probe.pt.

    Args:
        out: folder to write into
        source: where the tasks come from
        root: the folder or file that the source reads
        tasks: which of its tasks
        size: height and width of the pictures that the probe is given
        probe: network whose filters are the embedding's numbers
        weights: a checkpoint of the probe: torchvision's, timm's, or one written by this command
        untrained: use random weights
        probe_width: channels of the first layer of a probe that is trained here
        probe_steps: steps for which it is
        method: of estimating the Fisher information; exact, or batch in the preset reference
        preset_name: improved, or reference for what the public reference does
        head_epochs: epochs of 10,000 samples for fitting each classifier
        draws: labels drawn per picture by montecarlo
        max_samples: most pictures per task
        skip_layers: layers run once and left out of the embedding; 6 starts at the third stage
        prior: precision added to the information; makes the asymmetric distance defined
        norms: count the scales of normalisation layers too
        side: places per side at which tasks with an output per pixel are looked at
        beta: weight of the divergence in the method variational
        noise_epochs: epochs of 10,000 samples of the method variational
        seed: of everything random
        batch: pictures at a time; a matter of memory and speed alone
        fit_batch: pictures of each step of fitting the classifier; embeddings to compare need the same
        accelerator: for Lightning's Trainer
        devices: how many of them
        precision: of the probe; sums are in single precision whatever it is
        workers: processes that read pictures
    """
    chosen = replace(
        preset(preset_name, method),
        head_epochs=head_epochs,
        draws=draws,
        max_samples=max_samples,
        skip_layers=skip_layers,
        prior=prior,
        side=side,
        beta=beta,
        noise_epochs=noise_epochs,
        seed=seed,
        batch=batch,
        fit_batch=fit_batch,
    )
    if norms:
        chosen = replace(chosen, norms=True)
    running = Running({"accelerator": accelerator, "devices": devices, "precision": precision}, workers)
    if size < 32:
        raise InputError(f"size: expected at least 32 pixels, found {size}")
    if weights is not None and untrained:
        raise InputError("weights: --untrained has none; give one of the two")
    found = read_tasks(source, root, size, tasks)
    with output_folder(out), leaving_at_signals("what is whole is kept"):
        network = _probe(probe, weights, untrained, probe_width, probe_steps, found, seed, running, out)
        print(f"probe: {network.about}")
        embeddings = embed_tasks(network, found, chosen, running)
        for embedding in embeddings:
            path = embedding.save(out)
            samples, left_out = embedding.meta["samples"], embedding.meta["left_out"]
            pictures = f"{samples} pictures" + (f" ({left_out} left out)" if left_out else "")
            print(f"{embedding.name}: norm {norm(embedding):.4g}, {pictures}, written: {path}")
        if len(embeddings) > 1:
            for number, group in enumerate(compare(embeddings, out / "compare"), start=1):
                print(f"cluster {number}: {', '.join(group)}")
            print(f"written: {out / 'compare'}")


def _probe(
    name: str,
    weights: Path | None,
    untrained: bool,
    width: int,
    steps: int,
    tasks: list[LabelledTask],
    seed: int,
    running: Running,
    out: Path,
) -> Probe:
    if weights is not None:
        return probe_from_file(name, weights)
    if untrained:
        return untrained_probe(name, width, seed)
    print(
        f"probe: no --weights given; training a {name} without labels on the tasks' pictures, {steps} steps"
    )
    sets = list({id(task.images): task.images for task in tasks}.values())
    sets = [images for images in sets if readable_picture(images).ndim == 3]
    if not sets:
        raise InputError(
            "weights: pictures of several views train no probe; expected --weights or --untrained"
        )
    probe = self_supervised_probe(name, sets, width, steps, seed, running)
    save_probe(probe, out / "probe.pt")
    return probe
