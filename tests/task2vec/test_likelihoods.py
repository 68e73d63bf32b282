"""Likelihoods against the derivatives and moments that define them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lightning_taskonomy.task2vec.likelihoods import Bernoulli, Categorical, Gaussian, Likelihood

KINDS: list[Likelihood] = [Categorical(2), Categorical(5), Bernoulli(3), Gaussian((0.5, 4.0, 1.0))]


def size(likelihood: Likelihood) -> int:
    return {Categorical(2): 2, Categorical(5): 5}.get(likelihood, 3)  # type: ignore[call-overload, no-any-return]


def information(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Second derivatives of −log p in the outputs at one place, (K, K); independent of the label."""
    known = torch.zeros(1, 1, dtype=torch.long) if isinstance(likelihood, Categorical) else outputs[None] * 0

    def loss(at: Tensor) -> Tensor:
        return likelihood.negative_log(at[None], known).sum()

    found: Tensor = torch.autograd.functional.hessian(loss, outputs)  # type: ignore[no-untyped-call]
    return found[:, 0, :, 0]


@pytest.mark.parametrize("likelihood", KINDS, ids=repr)
def test_roots_sum_to_the_information(likelihood: Likelihood) -> None:
    torch.manual_seed(0)
    outputs = 2 * torch.randn(4, size(likelihood), 3)
    roots = list(likelihood.roots(outputs))
    assert len(roots) == likelihood.roots_per_place
    for sample in range(4):
        for place in range(3):
            expected = information(likelihood, outputs[sample, :, place : place + 1])
            vectors = torch.stack([root[sample, :, place] for root in roots])
            torch.testing.assert_close(vectors.T @ vectors, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("likelihood", KINDS, ids=repr)
def test_scores_have_mean_0_and_the_information_as_covariance(likelihood: Likelihood) -> None:
    torch.manual_seed(0)
    outputs = torch.randn(size(likelihood), 1)
    many = outputs.expand(40_000, -1, 1)
    scores = likelihood.score(many, torch.rand(many.shape))[..., 0]
    torch.testing.assert_close(scores.mean(0), torch.zeros(size(likelihood)), rtol=0, atol=0.03)
    covariance = torch.from_numpy(np.cov(scores.numpy(), rowvar=False)).float()
    torch.testing.assert_close(covariance, information(likelihood, outputs), rtol=0.05, atol=0.01)


@given(st.lists(st.floats(-300, 300), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_certain_classes_give_no_nan(logits: list[float]) -> None:
    outputs = torch.tensor(logits)[None, :, None]
    vectors = torch.stack(list(Categorical(len(logits)).roots(outputs)))[:, 0, :, 0]
    p = outputs[0, :, 0].softmax(0)
    expected = torch.diag(p) - torch.outer(p, p)
    torch.testing.assert_close(vectors.T @ vectors, expected, rtol=1e-3, atol=1e-5)


def test_negative_log_likelihoods_match_torch() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(6, 4, 2)
    classes, present = torch.randint(4, (6, 2)), torch.randint(2, (6, 4, 2)).float()
    entropy = torch.nn.functional.cross_entropy(outputs, classes, reduction="none")
    torch.testing.assert_close(Categorical(4).negative_log(outputs, classes), entropy)
    shares = torch.nn.functional.one_hot(classes, 4).transpose(1, 2).float()
    torch.testing.assert_close(Categorical(4).negative_log(outputs, shares), entropy)
    normal = torch.distributions.Normal(outputs, torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None].sqrt())
    found = Gaussian((1.0, 2.0, 3.0, 4.0)).negative_log(outputs, present)
    constant = -normal.log_prob(present).sum(1) - found  # type: ignore[no-untyped-call]
    torch.testing.assert_close(constant, constant[:1, :1].expand_as(constant))
    bernoulli = -torch.distributions.Bernoulli(logits=outputs).log_prob(present).sum(1)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(Bernoulli(4).negative_log(outputs, present), bernoulli)
