"""The losses of a test as a table: one rank, two ranks with uneven shares, and existing tables."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import pytorch_lightning
import torch
from pyarrow import parquet
from torch import Tensor

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.losses import LossTable
from lightning_taskonomy.training.loss_table import WriteLossTable
from lightning_taskonomy.training.task_module import TaskModule

TASK = "vanishing_point"
KEYS = [f"ash/point_{number}_view_0" for number in (10, 2, 7, 0, 31, 5, 4)]


class Constant(TaskModule):
    """Always answers the same: the loss of a target (t, …, t) is (t − answer)²."""

    def __init__(self, answer: float) -> None:
        super().__init__(TASK, 16)
        self.answer = answer

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.full((len(pictures), 9), self.answer)


def value(key: str) -> float:
    return float(key.split("_")[1]) + 1


class Batches:
    """Batches of two, dealt to ranks in turn; the loader need not be one of torch's."""

    def __init__(self, keys: Sequence[str], rank: int = 0, ranks: int = 1) -> None:
        self.batches = [keys[start : start + 2] for start in range(0, len(keys), 2)][rank::ranks]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator of batches
        for keys in self.batches:
            values = torch.tensor([value(key) for key in keys])
            parts = {
                "input": torch.zeros(len(keys), 1, 3, 16, 16),
                "target": values.unsqueeze(1).expand(-1, 9),
            }
            yield {"key": list(keys), TASK: parts}


def judge(folder: Path, contender: str, answer: float, keys: Sequence[str] = KEYS, **options: Any) -> None:  # noqa: ANN401
    class Data(pytorch_lightning.LightningDataModule):
        def test_dataloader(self) -> Batches:
            assert self.trainer is not None
            return Batches(keys, self.trainer.global_rank, self.trainer.world_size)

    run = pytorch_lightning.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[WriteLossTable(str(folder), contender)],
        **options,
    )
    run.test(Constant(answer), datamodule=Data(), verbose=False)


def read(folder: Path) -> dict[str, list[Any]]:
    table = parquet.ParquetFile(folder / f"{TASK}.parquet").read()
    return {name: table[name].to_pylist() for name in table.column_names}


def expected(answer: float, keys: Sequence[str] = KEYS) -> list[float]:
    return [(value(key) - answer) ** 2 for key in sorted(keys)]


def test_one_row_per_image_sorted(tmp_path: Path) -> None:
    judge(tmp_path / "new" / "losses", "self", 0.5)
    assert read(tmp_path / "new" / "losses") == {"image": sorted(KEYS), "self": expected(0.5)}
    assert [path.name for path in (tmp_path / "new" / "losses").iterdir()] == [f"{TASK}.parquet"]


def test_contenders_join_and_replace_their_own_column(tmp_path: Path) -> None:
    for contender, answer in (
        ("self", 0.0),
        ("average", 1.0),
        ("edge_texture+reshading", 2.0),
        ("average", 3.0),
    ):
        judge(tmp_path, contender, answer, KEYS if contender != "average" else KEYS[::-1])
    columns = {"self": expected(0.0), "average": expected(3.0), "edge_texture+reshading": expected(2.0)}
    assert read(tmp_path) == {"image": sorted(KEYS), **columns}
    assert list(read(tmp_path)) == ["image", *columns]
    table = LossTable.read_parquet(tmp_path / f"{TASK}.parquet")
    assert (table.target, table.contenders) == (TASK, tuple(columns))


def test_an_unsorted_table_is_joined_by_image(tmp_path: Path) -> None:
    LossTable.from_arrays(
        TASK, KEYS, ["self", "random"], torch.tensor([[value(key), 0.0] for key in KEYS]).double().numpy()
    ).write_parquet(tmp_path)
    judge(tmp_path, "average", 0.0)
    assert read(tmp_path)["self"] == [value(key) for key in sorted(KEYS)]
    assert read(tmp_path)["average"] == expected(0.0)


def test_groups_stay_with_their_images(tmp_path: Path) -> None:
    groups = [f"group of {key}" for key in KEYS]
    there = LossTable.from_arrays(TASK, KEYS, ["self"], torch.ones(len(KEYS), 1).double().numpy(), groups)
    there.write_parquet(tmp_path, grouped=True)
    judge(tmp_path, "average", 0.0)
    found = read(tmp_path)
    assert list(found) == ["image", "group", "self", "average"]
    assert found["group"] == [f"group of {key}" for key in sorted(KEYS)]
    assert found["average"] == expected(0.0)


def test_other_images_are_refused_and_the_table_stays(tmp_path: Path) -> None:
    judge(tmp_path, "self", 0.0)
    before = (tmp_path / f"{TASK}.parquet").read_bytes()
    more = [*KEYS[2:], "ash/point_8_view_0"]
    with pytest.raises(InputError, match="found 1 not in the table and 2 only there"):
        judge(tmp_path, "average", 0.0, more)
    assert (tmp_path / f"{TASK}.parquet").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_an_image_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="expected every image once, found 1 more than once, such as ash/poi"
    ):
        judge(tmp_path, "self", 0.0, [*KEYS, KEYS[0]])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_before_the_test(tmp_path: Path) -> None:
    for name in ("image", "group"):
        with pytest.raises(InputError, match=f"contender: expected a name other than .*, found '{name}'"):
            WriteLossTable(str(tmp_path), name)
    path = tmp_path / f"{TASK}.parquet"
    path.write_text("half a file")
    with pytest.raises(InputError, match=r"vanishing_point\.parquet: not a Parquet file"):
        judge(tmp_path, "self", 0.0)
    parquet.write_table(pa.table({"key": ["a"]}), path)
    with pytest.raises(InputError, match="column 'image' is missing; found key"):
        judge(tmp_path, "self", 0.0)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot create this output folder"):
        judge(tmp_path / "file" / "losses", "self", 0.0)


@pytest.mark.slow
def test_two_ranks_with_uneven_shares_write_one_whole_table(tmp_path: Path) -> None:
    script = tmp_path / "two_ranks.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from tests.training.test_loss_table import KEYS, judge\n"
        "if __name__ == '__main__':\n"
        "    keys = [*KEYS, *sys.argv[2:]]\n"
        "    judge(Path(sys.argv[1]), 'random', 0.5, keys, devices=2, strategy='ddp',"
        " use_distributed_sampler=False)\n"
    )
    judge(tmp_path / "losses", "self", 0.0, [*KEYS, "b/point_1_view_1", "b/point_1_view_2"])
    assert [len(Batches([*KEYS, "b", "c"], rank, 2)) for rank in (0, 1)] == [3, 2]
    run = call(script, tmp_path / "losses", "b/point_1_view_1", "b/point_1_view_2")
    assert run.returncode == 0, run.stderr
    keys = [*KEYS, "b/point_1_view_1", "b/point_1_view_2"]
    assert read(tmp_path / "losses") == {
        "image": sorted(keys),
        "self": expected(0.0, keys),
        "random": expected(0.5, keys),
    }
    assert len(list((tmp_path / "losses").iterdir())) == 1
    run = call(script, tmp_path / "losses")
    assert run.returncode != 0
    assert "found 0 not in the table and 2 only there" in run.stderr
    assert len(list((tmp_path / "losses").iterdir())) == 1


def call(script: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    repository = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "MASTER"))}
    return subprocess.run(
        [sys.executable, str(script), *map(str, words)],
        cwd=repository,
        env={**kept, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=180,
    )
