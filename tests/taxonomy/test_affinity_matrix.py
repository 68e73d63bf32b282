import numpy as np
import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy import LossTable, Transfer, Transfers
from lightning_taskonomy.taxonomy.affinity_matrix import AffinityMatrix

ROWS = (
    Transfer("t", ("a",), 0.2, 0.6, 0.3),
    Transfer("t", ("b",), 0.1, 0.5, 0.2),
    Transfer("t", ("a", "b"), 0.3, 0.6, 0.4),
    Transfer("t", ("self",), 0.4, 0.9, 0.5),
    Transfer("u", ("a",), 0.7, 0.6, None),
)


def test_first_order_transfers_only_renormalised_per_target() -> None:
    matrix = AffinityMatrix.from_transfers(Transfers(ROWS))
    assert matrix.targets == ("t", "u")
    assert matrix.sources == ("a", "b")
    np.testing.assert_allclose(matrix.after, [[2 / 3, 1 / 3], [1.0, np.nan]])
    np.testing.assert_allclose(matrix.before, [[0.3, 0.2], [np.nan, np.nan]])


def test_with_loss_tables_the_naive_rescaling_stands_before() -> None:
    losses = np.array([[1.0, 3.0, 9.0], [3.0, 5.0, 1.0], [np.nan, 0.0, 0.0]])
    tables = [
        LossTable.from_arrays("t", ["x", "y", "z"], ["a", "b", "self"], losses),
        LossTable.from_arrays("u", ["x", "y", "z"], ["a", "self"], losses[:, :2] + 1),
    ]
    matrix = AffinityMatrix.from_transfers(Transfers(ROWS), tables)
    # Mean losses of a and b over the two complete images: 2 and 4.
    np.testing.assert_allclose(matrix.before, [[1.0, 0.0], [1.0, np.nan]])
    assert matrix.rescaled_losses


def test_errors_are_named() -> None:
    with pytest.raises(InputError, match="losses: no loss table for the target t"):
        AffinityMatrix.from_transfers(Transfers(ROWS), [])
    with pytest.raises(InputError, match="expected first-order transfers, found none"):
        AffinityMatrix.from_transfers(Transfers((Transfer("t", ("self",), 1.0),)))
