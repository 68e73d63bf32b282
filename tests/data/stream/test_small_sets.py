"""Which samples transfers are trained, validated and tested on."""

from pathlib import Path
from typing import Any

import pytest

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from tests.data.small_folder import SIZE
from tests.transfers.small_stores import pack


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("small_sets"))


def module(packed: Path, **options: Any) -> TaskonomyDataModule:  # noqa: ANN401 - passed on
    return TaskonomyDataModule(str(packed), ["reshading"], SIZE, batch_size=2, num_workers=0, **options)


def keys(loader: Any) -> list[str]:  # noqa: ANN401
    return [key for batch in loader for key in batch["key"]]


def test_of_the_split_that_is_learned_from_others_are_validated(packed: Path) -> None:
    whole = keys(module(packed).val_dataloader())
    assert len(whole) == 12
    small = module(packed, train_split="val", train_samples=6, val_samples=4)
    assert sorted(keys(small.train_dataloader())) == sorted(whole[:6])
    assert keys(small.val_dataloader()) == whole[6:10]
    assert keys(module(packed, train_split="val", train_samples=6).val_dataloader()) == whole[6:]
    assert keys(module(packed, train_samples=6, val_samples=4).val_dataloader()) == whole[:4]


def test_the_first_samples_of_the_test_split_are_judged(packed: Path) -> None:
    whole = keys(module(packed).test_dataloader())
    assert len(whole) == 12
    assert keys(module(packed, test_samples=5).test_dataloader()) == whole[:5]
    assert keys(module(packed, test_samples=5).predict_dataloader()) == whole[:5]


@pytest.mark.parametrize("name", ["train_samples", "val_samples", "test_samples"])
def test_numbers_below_one_are_refused(packed: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: expected at least 1, found 0"):
        module(packed, **{name: 0})
