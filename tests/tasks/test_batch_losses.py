"""Losses of the two data sets, against their formulas pixel by pixel."""

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from lightning_taskonomy.tasks.batch_losses import (
    BalancedEdges,
    BatchLoss,
    class_cross_entropy,
    depths_and_steps_apart,
    directions_apart,
)


def mask() -> Tensor:
    torch.manual_seed(1)
    return torch.rand(2, 5, 6) > 0.4


def test_cross_entropy_is_a_mean_over_the_pixels_of_the_batch() -> None:
    torch.manual_seed(0)
    output, target = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 5, 6))
    kept = mask()
    expected = []
    for image, row, column in torch.argwhere(kept).tolist():
        logits = output[image, :, row, column].double()
        expected.append(float(logits.exp().sum().log() - logits[target[image, row, column]]))
    found = BatchLoss(class_cross_entropy).of_batch(output, torch.where(kept, target, 255), kept)
    assert math.isclose(float(found), float(np.mean(expected)), rel_tol=1e-5)


def test_directions_are_compared_at_length_one() -> None:
    torch.manual_seed(0)
    output, target = (
        5 * torch.randn(2, 3, 5, 6),
        torch.nn.functional.normalize(torch.randn(2, 3, 5, 6), dim=1),
    )
    kept = mask()
    units = output / output.square().sum(dim=1, keepdim=True).sqrt()
    differences = (units - target).abs().movedim(1, -1)[kept]
    found = BatchLoss(directions_apart).of_batch(output, target, kept)
    assert math.isclose(float(found), float(differences.sum() / differences.numel()), rel_tol=1e-5)


def test_edges_are_balanced_by_a_weight_or_by_their_share() -> None:
    torch.manual_seed(0)
    output, target = torch.randn(2, 1, 5, 6), (torch.rand(2, 1, 5, 6) > 0.7).float()
    chance = torch.sigmoid(output)
    edges = -(target * chance.log()).sum()
    rest = -((1 - target) * (1 - chance).log()).sum()
    found = BatchLoss(BalancedEdges(0.95)).of_batch(output, target)
    assert math.isclose(float(found), float(0.95 * edges + 0.05 * rest) / 60, rel_tol=1e-5)
    share = float((1 - target).sum() / 60)
    found = BatchLoss(BalancedEdges()).of_batch(output, target)
    assert math.isclose(float(found), float(share * edges + (1 - share) * rest) / 60, rel_tol=1e-5)


def test_depths_and_their_steps() -> None:
    torch.manual_seed(0)
    output, target, kept = torch.rand(2, 1, 5, 6) * 5, torch.rand(2, 1, 5, 6) * 5, mask()
    known = torch.where(kept.unsqueeze(1), target, torch.tensor(0.0))
    expected = float((output - known)[:, 0][kept].abs().mean())
    steps = 0.0
    for image in range(2):
        for axis in (0, 1):
            made = [
                ndimage.sobel(its[image, 0].numpy(), axis=axis, mode="constant") for its in (output, known)
            ]
            steps += float(np.abs(made[0] - made[1])[kept[image].numpy()].sum())
    found = BatchLoss(depths_and_steps_apart).of_batch(output, target, kept)
    assert math.isclose(float(found), expected + steps / int(kept.sum()), rel_tol=1e-4)


def test_a_loss_of_each_image_is_that_of_a_batch_of_one() -> None:
    torch.manual_seed(0)
    output, target, kept = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 5, 6)), mask()
    loss = BatchLoss(class_cross_entropy)
    each = loss(output, target, kept)
    assert each.shape == (2,)
    for image in range(2):
        alone = loss.of_batch(output[image : image + 1], target[image : image + 1], kept[image : image + 1])
        torch.testing.assert_close(each[image], alone)
    torch.testing.assert_close(loss(output, target), loss(output, target, torch.ones_like(kept)))


def test_without_valid_pixels_loss_and_gradient_are_0() -> None:
    none = torch.zeros(1, 5, 6, dtype=torch.bool)
    cases = (
        (class_cross_entropy, torch.randn(1, 4, 5, 6), torch.full((1, 5, 6), 255)),
        (directions_apart, torch.randn(1, 3, 5, 6), torch.zeros(1, 3, 5, 6)),
        (BalancedEdges(), torch.randn(1, 1, 5, 6), torch.zeros(1, 1, 5, 6)),
        (depths_and_steps_apart, torch.randn(1, 1, 5, 6), torch.full((1, 1, 5, 6), torch.nan)),
    )
    for formula, output, target in cases:
        output.requires_grad_()
        loss = BatchLoss(formula).of_batch(output, target, none)
        (slope,) = torch.autograd.grad(loss, output)
        assert float(loss.detach()) == 0
        assert not slope.any()
