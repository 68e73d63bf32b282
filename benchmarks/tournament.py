"""The tournament against a row-wise numpy loop, from Parquet to win rates, as ratios from one run.

python -m benchmarks.tournament
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lightning_taskonomy.taxonomy import LossTable, Tournament
from lightning_taskonomy.taxonomy.losses import Floats

SIZES = {"large": (1000, 16_000), "long": (100, 55_000)}


def row_wise(table: LossTable) -> Floats:
    """Image by image: compare every pair of contenders; a tie counts half."""
    count = len(table.contenders)
    wins, images = np.zeros((count, count)), 0
    for _, losses in table.blocks():
        for row in losses:
            wins += row[:, None] < row[None, :]
            wins += 0.5 * (row[:, None] == row[None, :])
        images += len(losses)
    return wins / images


def write(folder: Path, contenders: int, images: int) -> Path:
    rng = np.random.default_rng(contenders)
    losses = rng.gamma(2.0, size=(images, contenders)) * rng.gamma(3.0, size=(images, 1))
    names = ["self", *(f"c{index}" for index in range(1, contenders))]
    keys = [f"image_{index:06d}" for index in range(images)]
    return LossTable.from_arrays(f"target{contenders}", keys, names, losses).write_parquet(folder)


def measured(path: Path) -> tuple[float, float]:
    """Seconds from file to win rates in a separate process, and its peak memory in GiB."""
    code = (
        "import sys, time, resource\n"
        "from lightning_taskonomy.taxonomy import LossTable, Tournament\n"
        "import pyarrow.parquet\n"
        "start = time.perf_counter()\n"
        "Tournament.from_losses(LossTable.read_parquet(sys.argv[1]))\n"
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    spent, memory = map(float, run.stdout.split())
    return spent, memory


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = {size: write(Path(name), *shape) for size, shape in SIZES.items()}
        (large, memory), (long, _) = measured(paths["large"]), measured(paths["long"])
        table = LossTable.read_parquet(paths["large"])
        start = time.perf_counter()
        expected = row_wise(table)
        loop = time.perf_counter() - start
        same = np.array_equal(Tournament.from_losses(table).win_rates, expected)
    print(
        f"1,000 contenders x 16,000 images: {large:.2f} s, "
        f"row-wise loop {loop:.2f} s: {loop / large:.1f} x as fast"
    )
    print(f"  identical win rates: {same}; peak memory {memory:.2f} GiB")
    print(f"100 contenders x 55,000 images: {long:.2f} s, {long / large:.3f} of the above")


if __name__ == "__main__":
    main()
