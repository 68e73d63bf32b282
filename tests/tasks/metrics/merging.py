"""An invariant of every metric: a set processed in parts, in any order, gives the same as at once."""

import pickle
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

Batch = tuple[Tensor, Tensor, Tensor | None]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def random_mask(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4


def result(make: Callable[[], Metric], *batches: Batch) -> dict[str, float]:
    metric = make()
    for output, target, mask in batches:
        metric.update(output, target, mask)
    computed: dict[str, float] = metric.compute()
    assert all(isinstance(value, float) for value in computed.values())
    return computed


def split(batch: Batch, sizes: Sequence[int]) -> list[Batch]:
    ends = np.cumsum(sizes).tolist()
    places = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    output, target, mask = batch
    return [(output[part], target[part], None if mask is None else mask[part]) for part in places]


def assert_counts_in_parts(make: Callable[[], Metric], batch: Batch) -> None:
    """Six images in batches of other sizes, in two processes with merged states, and with summed states."""
    whole = pytest.approx(result(make, batch), rel=1e-9, nan_ok=True)
    assert result(make, *split(batch, [1, 3, 2])) == whole
    first, second = make(), make()
    for part, metric in zip(split(batch, [2, 2, 2]), (first, second, first), strict=True):
        metric.update(*part)
    # As sent by another process.
    first.merge_state(pickle.loads(pickle.dumps(second)))
    assert first.compute() == whole
    summed = make()
    for name in summed._defaults:
        parts = []
        for part in split(batch, [4, 2]):
            one = make()
            one.update(*part)
            parts.append(getattr(one, name))
        setattr(summed, name, parts[0] + parts[1])
    summed._update_count = 1
    assert summed.compute() == whole


def assert_declares_itself(make: Callable[[], Metric], higher_is_better: bool) -> None:
    metric = make()
    assert metric.is_differentiable is False
    assert metric.full_state_update is False
    assert metric.higher_is_better is higher_is_better
    assert {reduction.__name__ for reduction in metric._reductions.values() if callable(reduction)} == {
        "dim_zero_sum"
    }
    assert None not in metric._reductions.values()


def assert_wrong_shapes_are_refused(make: Callable[[], Metric], batch: Batch) -> None:
    output, target, _ = batch
    with pytest.raises(ValueError, match="expected"):
        make().update(output, target[:-1])
    with pytest.raises(ValueError, match="expected"):
        make().update(output, target, torch.ones(2, 2))
