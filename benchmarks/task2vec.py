"""Task2Vec against its plain baselines: one sample at a time, and one task at a time.

python -m benchmarks.task2vec [samples] [tasks]
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lightning_taskonomy.nn.resnet import ResNet
from lightning_taskonomy.task2vec import LabelledTask, Probe, Settings, Targets, embed_tasks
from lightning_taskonomy.task2vec.features import Features, Numbered, View
from lightning_taskonomy.task2vec.fisher import Expectation, Share, fisher
from lightning_taskonomy.task2vec.heads import own_head
from lightning_taskonomy.task2vec.running import Running

SIZE = 64
ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def by_loop(network: nn.Module, pictures: Tensor) -> Tensor:
    """Monte Carlo with true per-sample gradients, by batches of one sample."""
    layers = [layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    weights = [layer.weight for layer in layers]
    sums = [torch.zeros_like(weight) for weight in weights]
    for picture in pictures:
        logits = network(picture.unsqueeze(0))
        label = torch.multinomial(logits.detach().softmax(1), 1)[0]
        loss = nn.functional.cross_entropy(logits, label)
        for total, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
            total += gradient.square()
    return torch.cat([(total / len(pictures)).flatten(1).mean(1) for total in sums])


def by_batches(network: nn.Module, pictures: Tensor, transforms: bool = False) -> Tensor:
    """The same with the project's batched pass."""
    probe = Probe(network)
    share = Share(
        "t", own_head(probe, 2), torch.full((len(pictures),), 1 / len(pictures)), _everywhere(pictures)
    )
    data = Numbered([picture.cpu() for picture in pictures], range(len(pictures)))
    features = Features(probe, View())
    return fisher(features, data, [share], Expectation("montecarlo"), Running(), by_transforms=transforms)[0]


def _everywhere(pictures: Tensor) -> Tensor:
    return torch.ones(len(pictures), 1, dtype=torch.bool)


def samples() -> None:
    """ResNet-34 at 64 × 64, per sample."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    count = 1024 if torch.cuda.is_available() else 64
    network, pictures = ResNet("resnet34", classes=10).eval(), torch.randn(count, 3, SIZE, SIZE)
    few = pictures[: max(8, count // 8)]
    by_batches(network, pictures)  # warm up
    ratios = []
    for _ in range(ROUNDS):
        network.requires_grad_(True)
        own = seconds(lambda: by_batches(network, pictures)) / len(pictures)
        network.to(device)
        loop = seconds(lambda: by_loop(network, few.to(device))) / len(few)
        ratios.append((loop / own, own, loop))
    ratio, own, loop = sorted(ratios)[ROUNDS // 2]
    print(
        f"samples: {1000 * own:.2f} ms per sample, {1000 * loop:.2f} in a loop with batch size 1: "
        f"{ratio:.1f} × as fast (rounds: {', '.join(f'{found[0]:.1f}' for found in ratios)})"
    )
    general = seconds(lambda: by_batches(network, few, transforms=True)) / len(few)
    print(
        f"samples: {1000 * general:.2f} ms per sample by torch.func ({general / own:.1f} × as slow as ours)"
    )


def attribute_tasks(pictures: Tensor, count: int) -> list[LabelledTask]:
    """Binary tasks on the same images."""
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(count, pictures[0].numel()))
    answers = pictures.flatten(1).numpy() @ directions.T
    labels = (answers > np.median(answers, axis=0)).astype(int)
    images = list(pictures)
    return [
        LabelledTask(f"t{n}", images, Targets.of("classes", labels[:, n]), np.arange(len(images)))
        for n in range(count)
    ]


def tasks() -> None:
    """Fifty small tasks on the same pictures, ResNet-18 from its third stage on, exact."""
    torch.manual_seed(0)
    network = ResNet("resnet18")
    fifty = attribute_tasks(torch.randn(128, 3, SIZE, SIZE), 50)
    settings = Settings(skip_layers=6, head_epochs=10)
    embed_tasks(network, fifty[:2], settings)  # warm up
    some, ratios = fifty[:5], []
    for _ in range(ROUNDS):
        shared = seconds(lambda: embed_tasks(network, fifty, settings))
        each = seconds(lambda: [embed_tasks(network, [task], settings) for task in some]) / len(some)
        ratios.append((len(fifty) * each / shared, shared, len(fifty) * each))
    ratio, shared, alone = sorted(ratios)[ROUNDS // 2]
    print(
        f"tasks: {shared:.1f} s for 50 tasks together, {alone:.1f} s in separate runs: {ratio:.1f} × as fast "
        f"(rounds: {', '.join(f'{found[0]:.1f}' for found in ratios)})"
    )


PARTS = {"samples": samples, "tasks": tasks}


def main(words: Sequence[str]) -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        raise SystemExit(f"expected some of {', '.join(PARTS)}, found {unknown[0]}")
    for name in words or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
