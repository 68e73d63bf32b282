"""The DataModule against a bare loop that only reads and decodes, and a plain Dataset over PNG files.

    python -m benchmarks.stream FOLDER    # a data folder, such as `data rooms` makes; 256 x 256

rgb, normals and depth, two worker processes each, several epochs; samples per second. Then the memory of a
worker over 100,000 samples, and the start-up time with an index of 4,000 shards.
"""

import multiprocessing
import subprocess
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
from lightning_taskonomy.data.shards.index_writing import PackedShard, write_index
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.loader import PlannedLoader
from lightning_taskonomy.data.stream.reading import ShardSet

DOMAINS = ("rgb", "normal", "depth_zbuffer")
TASKS = ["normal", "depth_zbuffer"]
BATCH, WORKERS, EPOCHS, RUNS = 24, 2, 12, 5


class PlainDataset(Dataset[tuple[torch.Tensor, ...]]):
    """The straightforward way: open the files of a view with Pillow and scale them."""

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
            torch.from_numpy(normal).permute(2, 0, 1).float() / 127.5 - 1,
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
        list(pool.map(len, [()] * WORKERS))  # start the workers and import before timing
        start = time.perf_counter()
        done = list(pool.map(bare_loop, [str(root)] * WORKERS, range(WORKERS), [WORKERS] * WORKERS))
        return rate(sum(done), start)


def ours(root: Path, packed: bool) -> float:
    # One epoch over many copies of the set: with a tiny set, workers would idle between epochs.
    copies = "{" + ",".join([str(root)] * EPOCHS) + "}"
    module = TaskonomyDataModule(copies, TASKS, size=256, batch_size=BATCH, num_workers=WORKERS)
    loader = module.loader("train", shuffled=True)
    loader.packed = packed
    batches = iter_epochs(loader, 2)
    for _ in range(len(loader)):  # the first epoch starts the workers
        next(batches)
    start, samples = time.perf_counter(), 0
    for _ in batches:
        samples += BATCH
    return rate(samples, start)


def iter_epochs(loader: PlannedLoader, epochs: int) -> Iterator[object]:
    for _ in range(epochs):
        yield from loader


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


def worker_memory(root: Path) -> None:
    """Memory of a worker process after 5,000, 20,000 and 100,000 samples."""
    module = TaskonomyDataModule(str(root), TASKS, size=64, batch_size=BATCH, num_workers=1)
    loader = module.loader("train", shuffled=True)
    seen, marks = 0, [5_000, 20_000, 100_000]
    while marks:
        seen += sum(BATCH for _ in loader)
        if seen >= marks[0]:
            (worker,) = multiprocessing.active_children()
            status = Path(f"/proc/{worker.pid}/status").read_text()
            (resident,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
            print(f"a worker after {seen:,} samples: {int(resident) / 1024:.0f} MiB")
            marks.pop(0)


def packed_shards() -> Iterator[PackedShard]:
    """Records of 4,000 shards of 1,150 samples, as many as in all of Taskonomy; there are no images."""
    for number in range(4_000):
        keys = [f"building{n % 500:03d}/point_{number * 230 + n // 5}_view_{n % 5}" for n in range(1_150)]
        places = {domain: [(512 + 60_000 * n, 59_000) for n in range(1_150)] for domain in DOMAINS}
        sums = dict.fromkeys(DOMAINS, "0" * 64)
        yield PackedShard(keys, places, {}, [[]] * 1_150, sums)


def start_up(root: Path) -> None:
    """Time and memory to start with 4,000 shards, in a separate process."""
    (root / "train").mkdir(parents=True)
    write_index(root / "train", "train", dict.fromkeys(DOMAINS, "png"), packed_shards, {})
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from lightning_taskonomy.data import TaskonomyDataModule\n"
        "from lightning_taskonomy.data.stream import data_module\n"
        "def peak():\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024\n"
        "before = peak()\n"
        "start = time.perf_counter()\n"
        f"module = TaskonomyDataModule(sys.argv[1], {TASKS!r}, num_workers=0)\n"
        "loader = module.loader('train', True, rank=3, world_size=64)\n"
        "steps, made = len(loader), time.perf_counter() - start\n"
        "loader.plan.batches(0, 3)\n"
        "planned = time.perf_counter() - start\n"
        "print(f'4,000 shards, 4.6 million samples: loader after {made:.1f} s, an epoch planned after '\n"
        "      f'{planned:.1f} s, {steps} steps on each of 64 ranks, '\n"
        "      f'peak memory {peak():.0f} MiB, {before:.0f} of it after imports')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(root)], check=True)


def main() -> None:
    source = Path(sys.argv[1])
    split_of = dict.fromkeys(DataFolder.open(source).buildings, "train")
    with tempfile.TemporaryDirectory() as name:
        for title, encoding in (("PNG", Encoding()), ("rgb as JPEG 95", Encoding(jpeg_quality=95))):
            root = Path(name) / title.split()[0]
            PackPlan(source, root, split_of, Packing(encoding, DOMAINS)).run(2)
            rates = [(ours(root, True), ours(root, False), bare(root), plain(source)) for _ in range(RUNS)]
            packed, finished, loop, files = np.median(rates, axis=0)
            print(
                f"{title}: bare loop {loop:.0f} samples/s, a Dataset over PNG files {files:.0f}; DataModule "
                f"{packed:.0f} as a GPU receives them ({packed / loop:.2f}, {packed / files:.2f} x), "
                f"{finished:.0f} with values scaled here ({finished / loop:.2f}, {finished / files:.2f} x)"
            )
        PackPlan(source, Path(name) / "small", split_of, Packing(Encoding(size=64), DOMAINS)).run(2)
        worker_memory(Path(name) / "small")
        start_up(Path(name) / "large")


if __name__ == "__main__":
    main()
