import math
from functools import partial
from itertools import combinations

import numpy as np
import pytest
import torch

from lightning_taskonomy.tasks.metrics import PairAccuracy
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

IDS = torch.randint(0, 4, (6, 6, 7), generator=torch.Generator().manual_seed(5))
BATCH: Batch = (0.5 * normal(6, 4, 6, 7), IDS, random_mask(6, 6, 7))


def test_all_pairs_against_loops() -> None:
    output, ids, mask = BATCH
    assert mask is not None
    told: dict[bool, list[bool]] = {True: [], False: []}
    for image in range(6):
        for one, other in combinations(np.argwhere(mask[image].numpy()).tolist(), 2):
            a, b = (output[image, :, row, column].double() for row, column in (one, other))
            p = 2 / (1 + math.exp(((a - b) ** 2).sum().item()))
            same = bool(ids[(image, *one)] == ids[(image, *other)])
            told[same].append((p >= 0.5) == same)
    expected = {
        "accuracy": np.mean(told[True] + told[False]),
        "same": np.mean(told[True]),
        "different": np.mean(told[False]),
    }
    assert result(PairAccuracy, BATCH) == pytest.approx(expected, rel=1e-9)


def test_the_same_pixels_are_evaluated_each_time() -> None:
    few = partial(PairAccuracy, 8)
    assert result(few, BATCH) == result(few, BATCH)
    assert len({result(partial(PairAccuracy, 8, seed), BATCH)["accuracy"] for seed in range(8)}) > 4
    assert result(few, BATCH)["accuracy"] != result(PairAccuracy, BATCH)["accuracy"]


def test_uninformative_and_perfect_embeddings() -> None:
    _, ids, mask = BATCH
    nothing = result(PairAccuracy, (torch.zeros(6, 4, 6, 7), ids, mask))
    assert (nothing["same"], nothing["different"]) == (1, 0)
    sure = 5 * torch.nn.functional.one_hot(ids, 4).permute(0, 3, 1, 2).float()
    assert set(result(PairAccuracy, (sure, ids, mask)).values()) == {1.0}
    one_segment = result(PairAccuracy, (sure, torch.zeros_like(ids), mask))
    assert math.isnan(one_segment["different"])


def test_in_parts() -> None:
    make = partial(PairAccuracy, 20, 3)
    assert_counts_in_parts(make, BATCH)
    assert_declares_itself(make, higher_is_better=True)
    assert_wrong_shapes_are_refused(make, BATCH)
