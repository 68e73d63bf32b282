import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, top_k_accuracy_score

from lightning_taskonomy.tasks.metrics import LabelAccuracy, MeanIoU
from tests.tasks.metrics.merging import (
    Batch,
    assert_counts_in_parts,
    assert_declares_itself,
    assert_wrong_shapes_are_refused,
    normal,
    random_mask,
    result,
)

CLASSES = 6
IDS = torch.randint(0, CLASSES, (6, 8, 9), generator=torch.Generator().manual_seed(5))
LOGITS = normal(6, CLASSES, 8, 9) + torch.nn.functional.one_hot(IDS, CLASSES).permute(0, 3, 1, 2)
BATCH: Batch = (LOGITS, IDS, random_mask(6, 8, 9))
SHARES = normal(6, 20, seed=7).mul(2).softmax(dim=1)
LABELS: Batch = (normal(6, 20) + SHARES.log(), SHARES, None)
mean_iou = partial(MeanIoU, CLASSES)


def test_iou_against_sklearn() -> None:
    output, ids, mask = BATCH
    assert mask is not None
    found, right = output.argmax(dim=1)[mask].numpy(), ids[mask].numpy()
    metric = mean_iou()
    metric.update(*BATCH)
    np.testing.assert_array_equal(metric.confusion, confusion_matrix(right, found, labels=range(CLASSES)))
    assert metric.compute() == pytest.approx(
        {
            "miou": jaccard_score(right, found, average="macro"),
            "accuracy": accuracy_score(right, found),
        }
    )


def test_classes_that_never_occur_do_not_count() -> None:
    """Class 0 is half correct, and class 1 appears only in outputs."""
    output = torch.nn.functional.one_hot(torch.tensor([[0, 1]]), 5).permute(0, 2, 1).unsqueeze(2).float()
    found = result(partial(MeanIoU, 5), (output, torch.zeros(1, 1, 2, dtype=torch.uint8), None))
    assert found == {"miou": 0.25, "accuracy": 0.5}


def test_over_all_classes_those_that_never_occur_count_0() -> None:
    """The overlap of each class, 0 if it is in neither target nor output, averaged over all classes."""
    output, ids, mask = BATCH
    assert mask is not None
    metric = MeanIoU(CLASSES + 3, over_all=True)
    metric.update(torch.cat([output, torch.full_like(output[:, :3], -99)], dim=1), ids, mask)
    found, right = output.argmax(dim=1)[mask].numpy(), ids[mask].numpy()
    expected = jaccard_score(right, found, average=None, labels=range(CLASSES + 3), zero_division=0).mean()
    assert metric.compute()["miou"] == pytest.approx(expected)
    assert metric.compute()["miou"] < result(mean_iou, BATCH)["miou"]
    nothing = (output, ids, torch.zeros_like(mask))
    assert math.isnan(result(partial(MeanIoU, CLASSES, over_all=True), nothing)["miou"])


def test_classes_of_pictures_and_ids_at_uncounted_pixels() -> None:
    output, ids, mask = BATCH
    assert mask is not None
    found = result(mean_iou, (output[:, :, 0, 0], ids[:, 0, 0], None))
    assert found["accuracy"] == accuracy_score(ids[:, 0, 0], output[:, :, 0, 0].argmax(dim=1))
    strange = torch.where(mask, ids, 255)
    assert result(mean_iou, (output, strange, mask)) == result(mean_iou, BATCH)
    with pytest.raises(ValueError, match="expected classes 0 to 5, found 0 to 255"):
        mean_iou().update(output, strange)
    with pytest.raises(ValueError, match="expected 5 channels, found 6"):
        MeanIoU(5).update(output, ids)
    assert math.isnan(result(mean_iou, (output, ids, torch.zeros_like(mask)))["miou"])


def test_label_accuracy_against_sklearn() -> None:
    output, shares = normal(400, 20) + 0.5 * normal(400, 20, seed=1), normal(400, 20, seed=1).softmax(dim=1)
    found = result(LabelAccuracy, (output, shares, None))
    for top in (1, 5):
        expected = top_k_accuracy_score(shares.argmax(dim=1), output.numpy(), k=top, labels=range(20))
        assert found[f"top_{top}"] == pytest.approx(expected)
        best = np.argsort(-output.numpy(), axis=1)[:, :top]
        mass = np.take_along_axis(shares.double().numpy(), best, axis=1).sum(axis=1).mean()
        assert found[f"mass_{top}"] == pytest.approx(mass)
    assert 0 < found["top_1"] < found["top_5"] < 1


def test_in_parts() -> None:
    assert_counts_in_parts(mean_iou, BATCH)
    assert_counts_in_parts(LabelAccuracy, LABELS)
    for make in (mean_iou, LabelAccuracy):
        assert_declares_itself(make, higher_is_better=True)
    assert_wrong_shapes_are_refused(mean_iou, BATCH)
    assert_wrong_shapes_are_refused(LabelAccuracy, LABELS)
