import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, precision_score, recall_score

from lightning_taskonomy.tasks.metrics.saliency import SaliencyF
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

TARGET = (normal(6, 1, 9, 7) > 0.4).float()
BATCH: Batch = (2 * TARGET - 1 + normal(6, 1, 9, 7, seed=3), TARGET, None)
MASKED: Batch = (BATCH[0], TARGET, random_mask(6, 9, 7))


@pytest.mark.parametrize("batch", [BATCH, MASKED])
def test_best_means_over_images_against_sklearn(batch: Batch) -> None:
    output, target, mask = batch
    overlaps, fs = [], []
    for threshold in np.linspace(0.2, 0.9, 15):
        each = []
        for image in range(6):
            counts = np.ones((9, 7), bool) if mask is None else mask[image].numpy()
            said = torch.sigmoid(output[image, 0]).numpy()[counts] > threshold
            right = target[image, 0].numpy()[counts] > 0.5
            each.append(
                [
                    score(right, said, zero_division=0.0)
                    for score in (jaccard_score, precision_score, recall_score)
                ]
            )
        overlap, precision, recall = np.mean(each, axis=0)
        overlaps.append(overlap)
        fs.append(2 * precision * recall / (precision + recall))
    found = result(SaliencyF, batch)
    assert found == pytest.approx({"miou": max(overlaps), "max_f": max(fs)}, rel=1e-6)


def test_the_best_threshold_is_one_for_all_images() -> None:
    """Each image alone would be perfect, at a different threshold."""
    target = torch.zeros(2, 1, 2, 2)
    target[:, :, 0] = 1
    chance = torch.tensor([[0.45, 0.25], [0.85, 0.55]])[:, None, :, None].expand(2, 1, 2, 2)
    found = result(SaliencyF, (torch.logit(chance), target, None))
    assert found["miou"] == pytest.approx(0.75)


def test_without_images_values_are_nan() -> None:
    none = torch.zeros(0, 1, 4, 4)
    assert np.isnan(list(result(SaliencyF, (none, none, None)).values())).all()


def test_both_empty_is_correct() -> None:
    nothing = torch.zeros(1, 1, 4, 4)
    assert result(SaliencyF, (nothing - 9, nothing, None))["miou"] == 1
    assert result(SaliencyF, (nothing + 9, nothing, None))["miou"] == 0


def test_contract() -> None:
    assert_counts_in_parts(SaliencyF, MASKED)
    assert_declares_itself(SaliencyF, higher_is_better=True)
    assert_wrong_shapes_are_refused(SaliencyF, BATCH)
