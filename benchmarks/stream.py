"""The DataModule against a bare loop that only reads and decodes, and against a plain Dataset over PNG files.

    python -m benchmarks.stream FOLDER    # a data folder, such as `data rooms` makes; 256 x 256

rgb, normals and depth, two worker processes each, several epochs; samples per second.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.data.folder.views import DataFolder
from lightning_taskonomy.data.shards.encode import Encoding
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.reading import ShardSet

DOMAINS = ("rgb", "normal", "depth_zbuffer")
TASKS = ["rgb2sfnorm", "rgb2depth"]
BATCH, WORKERS, EPOCHS = 24, 2, 12


class PlainDataset(Dataset[tuple[torch.Tensor, ...]]):
    """What one writes first: open the files of a view with Pillow and scale them."""

    def __init__(self, root: Path) -> None:
        folder = DataFolder.open(root)
        self.views = [labels for building in folder.buildings for labels in folder.labels(building).values()]

    def __len__(self) -> int:
        return len(self.views) * EPOCHS

    def __getitem__(self, place: int) -> tuple[torch.Tensor, ...]:
        labels = self.views[place % len(self.views)]
        rgb, normal, depth = (np.array(Image.open(labels[domain])) for domain in DOMAINS)
        return (
            torch.from_numpy(rgb).permute(2, 0, 1).float() / 127.5 - 1,
            (torch.from_numpy(normal).permute(2, 0, 1).float() - 127) / 127,
            torch.log1p(torch.from_numpy(depth.astype(np.float32))) / np.log(2.0**16),
            torch.from_numpy((depth < 64_500).astype(np.float32)),
        )


def bare_loop(root: str, first: int, step: int) -> int:
    """Read and decode, nothing else."""
    shards = ShardSet(root, "train")
    count = 0
    for _ in range(EPOCHS):
        for sample in range(first, len(shards.index.keys), step):
            shards.read(sample, DOMAINS)
            count += 1
    return count


def rate(samples: int, start: float) -> float:
    return samples / (time.perf_counter() - start)


def bare(root: Path) -> float:
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(len, [()] * WORKERS))  # started, and imports done, before the clock runs
        start = time.perf_counter()
        done = list(pool.map(bare_loop, [str(root)] * WORKERS, range(WORKERS), [WORKERS] * WORKERS))
        return rate(sum(done), start)


def ours(root: Path) -> float:
    module = TaskonomyDataModule(str(root), TASKS, size=256, batch_size=BATCH, workers=WORKERS)
    loader = module.loader("train", shuffled=True)
    batches = iter_epochs(loader, EPOCHS + 1)
    for _ in range(len(loader)):  # the first epoch starts the workers
        next(batches)
    start, samples = time.perf_counter(), 0
    for batch in batches:
        samples += len(batch["key"])
    return rate(samples, start)


def iter_epochs(loader: object, epochs: int) -> Iterator[dict[str, list[str]]]:
    for _ in range(epochs):
        yield from loader  # type: ignore[misc]


def plain(root: Path) -> float:
    loader = DataLoader(
        PlainDataset(root), batch_size=BATCH, shuffle=True, num_workers=WORKERS, drop_last=True
    )
    batches = iter(loader)
    next(batches)
    start, samples = time.perf_counter(), 0
    for parts in batches:
        samples += len(parts[0])
    return rate(samples, start)


def memory(root: Path) -> None:
    """Peak memory of a reading process after 2,000 and after 20,000 samples."""
    shards = ShardSet(str(root), "train")
    count = len(shards.index.keys)
    peaks = []
    for until in (2_000, 20_000):
        for sample in range(until):
            shards.read(sample % count, DOMAINS)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(f"peak memory after 2,000 samples {peaks[0]:.0f} MiB, after 20,000 more {peaks[1]:.0f} MiB")


def main() -> None:
    source = Path(sys.argv[1])
    split_of = dict.fromkeys(DataFolder.open(source).buildings, "train")
    with tempfile.TemporaryDirectory() as name:
        for title, encoding in (("PNG", Encoding()), ("rgb as JPEG 95", Encoding(jpeg_quality=95))):
            root = Path(name) / title.split()[0]
            PackPlan(source, root, split_of, Packing(encoding, DOMAINS)).run(2)
            rates = [(ours(root), bare(root), plain(source)) for _ in range(3)]
            own, loop, files = np.median(rates, axis=0)
            print(
                f"{title}: DataModule {own:.0f} samples/s, bare loop {loop:.0f} ({own / loop:.2f} of it), "
                f"Dataset over PNG files {files:.0f} ({own / files:.2f} x as fast)"
            )
        memory(root)


if __name__ == "__main__":
    main()
