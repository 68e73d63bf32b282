from functools import partial

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import thin

from lightning_taskonomy.tasks.metrics.boundaries import BoundaryF, most_matches
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

SMOOTH = torch.from_numpy(ndimage.gaussian_filter(normal(6, 1, 20, 17).numpy(), (0, 0, 1.0, 1.0)) * 4)
TARGET = (SMOOTH > 0.6).float()
BATCH: Batch = (SMOOTH + 0.8 * normal(6, 1, 20, 17, seed=3), TARGET, None)
MASKED: Batch = (BATCH[0], TARGET, random_mask(6, 20, 17))
FEW = partial(BoundaryF, 0.06, 9)


def matched_by_flow(said: np.ndarray, edges: np.ndarray, radius: float) -> int:
    """The size of a maximum matching, by networkx."""
    ours, theirs = np.argwhere(said).tolist(), np.argwhere(edges).tolist()
    graph = nx.Graph()
    graph.add_nodes_from(("ours", *place) for place in ours)
    for ours_at in ours:
        for theirs_at in theirs:
            if np.hypot(ours_at[0] - theirs_at[0], ours_at[1] - theirs_at[1]) <= radius:
                graph.add_edge(("ours", *ours_at), ("theirs", *theirs_at))
    found = nx.bipartite.maximum_matching(graph, [node for node in graph if node[0] == "ours"])
    return len(found) // 2


@given(seed=st.integers(0, 10**6), radius=st.floats(0.0, 4.0), share=st.floats(0.02, 0.5))
@settings(max_examples=40, deadline=None)
def test_the_matching_is_maximum(seed: int, radius: float, share: float) -> None:
    random = np.random.default_rng(seed)
    said, edges = random.random((8, 9)) < share, random.random((8, 9)) < share
    assert most_matches(said, edges, radius) == matched_by_flow(said, edges, radius)


@pytest.mark.parametrize("batch", [BATCH, MASKED])
def test_against_one_matching_per_threshold_and_image(batch: Batch) -> None:
    output, target, mask = batch
    best = (0.0, 0.0, 0.0)
    radius = 0.06 * float(np.hypot(20, 17))
    for threshold in np.arange(1, 10) / 10:
        matched = said_pixels = edge_pixels = 0
        for image in range(6):
            counts = np.ones((20, 17), bool) if mask is None else mask[image].numpy()
            strong = (torch.sigmoid(output[image, 0]).numpy() >= threshold) & counts
            said = thin(strong)  # type: ignore[no-untyped-call]
            edges = (target[image, 0].numpy() > 0.5) & counts
            matched += matched_by_flow(said, edges, radius)
            said_pixels += int(said.sum())
            edge_pixels += int(edges.sum())
        precision, recall = matched / said_pixels, matched / edge_pixels
        best = max(best, (2 * precision * recall / (precision + recall), precision, recall))
    found = result(FEW, batch)
    assert (found["ods_f"], found["precision"], found["recall"]) == pytest.approx(best, rel=1e-9)
    assert 0.3 < found["ods_f"] < 1


@pytest.mark.parametrize(("shift", "f"), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)])
def test_a_shifted_line_is_correct_within_the_distance(shift: int, f: float) -> None:
    target = torch.zeros(1, 1, 30, 40)
    target[..., 20] = 1
    output = 10 * target.roll(shift, dims=3) - 5
    assert result(partial(BoundaryF, 2 / 50), (output, target, None))["ods_f"] == f


def test_a_pixel_is_matched_once() -> None:
    """Without thinning, a line twice as thick as the target's is half wrong."""
    target, output = torch.zeros(1, 1, 30, 40), torch.full((1, 1, 30, 40), -5.0)
    target[..., 20] = 1
    output[..., 20:22] = 5
    assert result(partial(BoundaryF, 0.05, 9, False), (output, target, None))["precision"] == 0.5
    assert result(partial(BoundaryF, 0.05, 9), (output, target, None))["precision"] > 0.95


def test_lines_of_a_whole_photo_are_matched_at_once() -> None:
    """Lines one pixel from their targets: all can be matched, though each has dozens of candidates."""
    random = np.random.default_rng(0)
    regions = random.integers(0, 9, (25, 34)).repeat(15, axis=0).repeat(15, axis=1)
    edges = thin(ndimage.laplace(regions.astype(float)) != 0)  # type: ignore[no-untyped-call]
    shifted = np.roll(edges, (1, 1), (0, 1))
    shifted[0] = shifted[:, 0] = False
    assert edges.sum() > 10_000
    assert most_matches(shifted, edges, 0.0075 * 640) == shifted.sum()


def test_empty_targets_and_empty_outputs() -> None:
    nothing = torch.zeros(1, 1, 8, 8)
    assert np.isnan(list(result(FEW, (nothing, nothing, None)).values())).all()
    found = result(FEW, (nothing - 9, nothing + 1, None))
    assert found["ods_f"] == 0


def test_contract() -> None:
    assert_counts_in_parts(FEW, MASKED)
    assert_declares_itself(FEW, higher_is_better=True)
    assert_wrong_shapes_are_refused(FEW, BATCH)
