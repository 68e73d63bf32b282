"""Outputs at the size of their labels, against a slow restatement; and what perfect outputs score."""

from typing import Any

import numpy as np
import pytest
import torch
from skimage import data, segmentation
from torch import Tensor, nn

from lightning_taskonomy.switching.data.folders import boundaries
from lightning_taskonomy.switching.data.geometry import Movement
from lightning_taskonomy.switching.metrics import TaskMetrics, as_scored
from lightning_taskonomy.tasks import task_named
from lightning_taskonomy.tasks.metrics.boundaries import BoundaryF
from lightning_taskonomy.tasks.pascal_nyud import NYUD, PASCAL
from lightning_taskonomy.tasks.task import Task

TASKS = {task.name: task for task in (*PASCAL, *NYUD)}
SIZES = [(9, 13), (21, 12), (16, 16)]
NETWORK = 16


def linear(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear interpolation between pixel centres, value by value; the border is replicated."""
    rows, columns = plane.shape
    found = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * rows / height - 0.5, 0), rows - 1)
            x = min(max((column + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = plane[top, left] * (1 - (x - left)) + plane[top, right] * (x - left)
            under = plane[below, left] * (1 - (x - left)) + plane[below, right] * (x - left)
            found[row, column] = above * (1 - (y - top)) + under * (y - top)
    return found


def outputs(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    return 3 * torch.randn(1, channels, NETWORK, NETWORK, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("eight_bit", [False, True])
def test_outputs_are_resized_as_the_benchmarks_do(height: int, width: int, eight_bit: bool) -> None:
    """Classes by nearest neighbour; probabilities, unit normals and metres bilinearly."""

    def scored(name: str, output: Tensor) -> np.ndarray:
        return as_scored(TASKS[name], output, (height, width), eight_bit)[0].numpy()

    classes = outputs(21)
    best = classes[0].argmax(dim=0).numpy()
    rows, columns = np.arange(height) * NETWORK // height, np.arange(width) * NETWORK // width
    np.testing.assert_array_equal(
        scored("pascal_semseg", classes).argmax(axis=0), best[np.ix_(rows, columns)]
    )

    logits = outputs(1)
    levels = linear(255 / (1 + np.exp(-logits[0, 0].numpy())), height, width)
    chances = levels.astype(np.uint8) / 255 if eight_bit else levels / 255
    for name in ("pascal_edge", "pascal_saliency", "nyud_edge"):
        found = 1 / (1 + np.exp(-scored(name, logits)[0]))
        np.testing.assert_allclose(found, chances, atol=1e-9)

    normals = outputs(3)
    units = normals[0].numpy() / np.linalg.norm(normals[0].numpy(), axis=0)
    planes = np.stack([linear((plane + 1) * 127.5, height, width) for plane in units])
    expected = (planes.astype(np.uint8) if eight_bit else planes) / 127.5 - 1
    np.testing.assert_allclose(scored("pascal_normals", normals), expected, atol=1e-9)

    metres = outputs(1) + 4
    np.testing.assert_allclose(
        scored("nyud_depth", metres)[0], linear(metres[0, 0].numpy(), height, width), atol=1e-9
    )


def test_outputs_of_other_tasks_stay_as_they_are() -> None:
    output = outputs(3)
    assert as_scored(task_named("normal"), output, (9, 9), eight_bit=True) is output


def of_one(task: Task, output: Tensor, at_network: Tensor, own: Tensor) -> dict[str, float]:
    """The test metrics of one image."""
    metrics = TaskMetrics([task], eight_bit=True)
    known = torch.ones(own.shape[-2:], dtype=torch.bool)
    parts: dict[str, Any] = {"target": at_network, "own_target": [own], "own_mask": [known]}
    metrics.update("test", task, output, parts)
    return metrics.numbers("test")[task.name]


def test_perfect_edges_are_perfect_at_the_size_of_the_picture() -> None:
    """Resizing to the network's square doubles and breaks thin lines: scored there, 5 % would be missing."""
    regions = segmentation.slic(data.astronaut()[:375, :500], 60, start_label=1).astype(np.uint16)
    lines = torch.from_numpy(boundaries(regions).astype(np.float32))
    square = torch.tensor(Movement().label(lines.numpy(), "flags", 512))[None, None]
    in_square = BoundaryF(0.0075, thresholds=9)
    in_square.update(square * 40 - 20, square)
    assert in_square.compute()["ods_f"] == pytest.approx(0.950, abs=5e-4)
    edges = TASKS["pascal_edge"]
    # The network predicts a square; the label keeps the size of the image.
    assert of_one(edges, square * 40 - 20, square, lines[None])["ods_f"] > 0.997
    own = (lines * 40 - 20)[None, None]
    assert of_one(edges, own, lines[None, None], lines[None])["ods_f"] == 1


@pytest.mark.parametrize(
    ("name", "measure", "kind"),
    [
        ("pascal_semseg", "miou", "classes"),
        ("pascal_parts", "miou", "classes"),
        ("pascal_saliency", "miou", "flags"),
        ("pascal_normals", "mean", "normals"),
        ("nyud_depth", "rmse", "depth"),
    ],
)
def test_perfect_outputs_at_the_networks_size_are_nearly_perfect(name: str, measure: str, kind: Any) -> None:  # noqa: ANN401
    """A scene of smooth shapes, seen by the network at 256 and scored at 150 × 200."""
    height, width = 150, 200
    rows, columns = np.mgrid[:height, :width]
    disc = (np.hypot(rows - 70, columns - 90) < 50).astype(np.uint8)
    slopes = np.stack([np.cos(columns / 60), np.sin(columns / 60), np.ones((height, width))], axis=-1)
    label = {
        "classes": disc * 3,
        "flags": disc,
        "normals": (slopes / np.linalg.norm(slopes, axis=-1, keepdims=True)).astype(np.float32),
        "depth": (2 + rows / 50 + columns / 100).astype(np.float32),
    }[kind]
    task = TASKS[name]
    read: Any = task.read
    square, own = (
        torch.from_numpy(read.target(its)[0]) for its in (Movement().label(label, kind, 256), label)
    )
    channels = getattr(task.output, "channels", 0)
    if kind == "classes":
        perfect = 20 * nn.functional.one_hot(square.long(), channels).permute(2, 0, 1).float()
    else:
        perfect = square * 40 - 20 if kind == "flags" else square
    own = own.long() if kind == "classes" else own
    found = of_one(task, perfect[None], square[None], own)[measure]
    if measure == "miou":
        assert 0.98 < found <= 1
    else:
        assert 0 <= found < {"mean": 0.8, "rmse": 0.01}[measure]


def test_images_without_the_label_do_not_count() -> None:
    task = TASKS["pascal_saliency"]
    metrics = TaskMetrics([task])
    flags = [torch.zeros(1, 5, 7), torch.ones(1, 8, 6)]
    parts = {
        "target": torch.zeros(2, 1, NETWORK, NETWORK),
        "present": torch.tensor([False, True]),
        "own_target": flags,
        "own_mask": [torch.ones(its.shape[-2:], dtype=torch.bool) for its in flags],
    }
    metrics.update("val", task, torch.full((2, 1, NETWORK, NETWORK), 9.0), parts)
    assert metrics.numbers("val")[task.name]["miou"] == 1  # the first would be all wrong


def test_overlap_may_be_over_all_classes() -> None:
    output = nn.functional.one_hot(torch.tensor([[[0, 3, 3]]]), 21).permute(0, 3, 1, 2).float()
    parts = {"target": torch.tensor([[[0, 0, 3]]]), "mask": torch.ones(1, 1, 3, dtype=torch.bool)}
    found = []
    for over_all in (False, True):
        metrics = TaskMetrics([TASKS["pascal_semseg"]], over_all_classes=over_all)
        metrics.update("test", TASKS["pascal_semseg"], output, parts)
        found.append(metrics.numbers("test")["pascal_semseg"]["miou"])
    assert found == pytest.approx([(1 / 2 + 1 / 2) / 2, (1 / 2 + 1 / 2) / 21])
