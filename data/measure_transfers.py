"""Measure real transfers between nine small vision tasks in seconds, with numpy alone.

A stand-in for steps I and II of Taskonomy that needs no GPU and no torch: images of shaded boxes in front of
a wall, nine tasks whose labels follow from how the image was made, task networks that are reduced-rank
regressions on random features, and readouts fitted on few labelled images. Everything is measured on held-out
images; no result is made up. `taxonomy tournament` turns the loss tables that it writes into
`data/transfers.csv`.

    python data/measure_transfers.py --out losses
    python -m lightning_taskonomy taxonomy tournament --losses losses --own-encoders --out data/transfers.csv
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIZE = 12
FULL, SMALL, TEST = 8000, 100, 400
FEATURES = 900
REPRESENTATION = 12
BEST_SOURCES = 4


def make_pictures(count: int, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
    """Images, (count, pixels), and the labels of every task, (count, outputs)."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    names = (
        "autoencoding",
        "depth",
        "normals",
        "reshading",
        "edges_2d",
        "edges_3d",
        "segments",
        "vanishing",
        "scene",
    )
    labels: dict[str, list[Array]] = {name: [] for name in names}
    pictures = []
    for _ in range(count):
        tilt = rng.uniform(-0.6, 0.6, 2)
        depth = 2.0 + tilt[0] * rows + tilt[1] * columns
        slope_x, slope_y = np.full_like(depth, tilt[1]), np.full_like(depth, tilt[0])
        albedo = np.full_like(depth, rng.uniform(0.4, 1.0)) + 0.1 * rng.standard_normal() * np.sin(
            9 * columns
        )
        owner = np.zeros_like(depth)
        boxes = rng.integers(1, 4)
        for box in range(boxes):
            top, left = rng.uniform(0, 0.7, 2)
            height, width = rng.uniform(0.2, 0.5, 2)
            inside = (rows >= top) & (rows <= top + height) & (columns >= left) & (columns <= left + width)
            near = rng.uniform(0.6, 1.6)
            lean = rng.uniform(-0.8, 0.8, 2)
            surface = near + lean[0] * (rows - top) + lean[1] * (columns - left)
            inside &= surface < depth
            depth = np.where(inside, surface, depth)
            slope_x, slope_y = np.where(inside, lean[1], slope_x), np.where(inside, lean[0], slope_y)
            albedo = np.where(inside, rng.uniform(0.2, 1.0), albedo)
            owner = np.where(inside, box + 1.0, owner)
        facing = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
        shade = facing / (0.5 + depth) ** 2
        picture = albedo * shade + 0.01 * rng.standard_normal(depth.shape)
        jump_y, jump_x = np.gradient(depth)
        change_y, change_x = np.gradient(picture)
        pictures.append(picture.ravel())
        labels["autoencoding"].append(picture.ravel())
        labels["depth"].append(depth.ravel())
        labels["normals"].append(np.concatenate([(slope_x * facing).ravel(), (slope_y * facing).ravel()]))
        labels["reshading"].append(shade.ravel())
        labels["edges_2d"].append(np.hypot(change_x, change_y).ravel())
        labels["edges_3d"].append(np.minimum(np.hypot(jump_x, jump_y), 0.5).ravel())
        labels["segments"].append((owner > 0).astype(float).ravel())
        labels["vanishing"].append(tilt)
        labels["scene"].append(np.eye(3)[boxes - 1])
    return standardised(np.array(pictures)), {name: np.array(label) for name, label in labels.items()}


def standardised(values: Array) -> Array:
    """Zero mean and unit variance per column."""
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9))


def random_features(inputs: Array, count: int, seed: int) -> Array:
    """Rectified random projections and the inputs themselves."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((inputs.shape[1], count)) / np.sqrt(inputs.shape[1])
    hidden = np.maximum(inputs @ weights + 0.5 * rng.standard_normal(count), 0)
    return np.column_stack([inputs, hidden, np.ones(len(inputs))])


def ridge(inputs: Array, outputs: Array, strength: float) -> Array:
    """Least squares with a penalty on the weights."""
    gram = inputs.T @ inputs + strength * len(inputs) * np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(gram, inputs.T @ outputs))


def chosen_ridge(inputs: Array, outputs: Array) -> Array:
    """Ridge whose penalty is chosen on a held-out fifth of the data."""
    cut = len(inputs) * 4 // 5
    strengths = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    errors = [
        squared_error(inputs[cut:] @ ridge(inputs[:cut], outputs[:cut], strength), outputs[cut:]).mean()
        for strength in strengths
    ]
    return ridge(inputs, outputs, strengths[int(np.argmin(errors))])


def squared_error(predicted: Array, label: Array) -> Array:
    """Mean squared error of each image, (count,)."""
    return np.asarray(((predicted - label) ** 2).mean(axis=1))


def measure(seed: int = 0) -> dict[str, dict[str, Array]]:
    """Per-image losses of every contender, by target and contender, each (test images,)."""
    rng = np.random.default_rng(seed)
    pictures, labels = make_pictures(FULL + SMALL + TEST, rng)
    full, small, test = slice(0, FULL), slice(FULL, FULL + SMALL), slice(FULL + SMALL, None)
    features = random_features(pictures, FEATURES, seed=1)
    targets = {name: standardised(label) for name, label in labels.items()}

    representations, predictions = {}, {}
    for name, label in targets.items():
        weights = chosen_ridge(features[full], label[full])
        predictions[name] = features @ weights
        directions = np.linalg.svd(predictions[name][full], full_matrices=False)[2]
        representations[name] = standardised(predictions[name] @ directions[:REPRESENTATION].T)
    # An untrained encoder of the same width: the `random` contender.
    representations["random"] = standardised(
        np.tanh(pictures @ rng.standard_normal((SIZE**2, REPRESENTATION)))
    )

    def readout_loss(sources: tuple[str, ...], target: str) -> Array:
        inputs = random_features(np.column_stack([representations[s] for s in sources]), 200, seed=2)
        weights = chosen_ridge(inputs[small], targets[target][small])
        return squared_error(inputs[test] @ weights, targets[target][test])

    losses: dict[str, dict[str, Array]] = {}
    for target, label in targets.items():
        scratch = features @ chosen_ridge(features[small], label[small])
        row = {
            "self": squared_error(predictions[target][test], label[test]),
            "pixels": squared_error(scratch[test], label[test]),
            "average": squared_error(label[full].mean(axis=0), label[test]),
        }
        first_order = {source: readout_loss((source,), target) for source in representations}
        row |= first_order
        # Higher orders as in the paper: all combinations of the sources that did best alone.
        ranked = sorted((name for name in targets), key=lambda name: first_order[name].mean())
        for order in (2, 3):
            for sources in itertools.combinations(ranked[:BEST_SOURCES], order):
                row["+".join(sources)] = readout_loss(sources, target)
        losses[target] = row
    return losses


def main() -> None:
    """Write one loss table per target."""
    parser = argparse.ArgumentParser(description="Measure transfers between nine small vision tasks.")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the loss tables, one Parquet per target"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the images (whole number; default: 0)")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for target, row in measure(chosen.seed).items():
        keys = [f"test_{index:04d}" for index in range(TEST)]
        table = pa.table({"image": keys, **{name: pa.array(loss) for name, loss in row.items()}})
        parquet.write_table(table, chosen.out / f"{target}.parquet")
        print(f"{target}: {len(row)} contenders on {TEST} pictures")


if __name__ == "__main__":
    main()
