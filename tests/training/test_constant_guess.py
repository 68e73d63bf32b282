"""The best constants: no other does better on the same data; under the trainer, alone and on two ranks."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning
import torch
from scipy import optimize
from torch import Tensor
from torch.nn import functional

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data.shards.pack import Packing, PackPlan
from lightning_taskonomy.data.stream.data_module import TaskonomyDataModule
from lightning_taskonomy.tasks import dictionary, register
from lightning_taskonomy.tasks.losses import (
    L2,
    CrossEntropy,
    PerImageLoss,
    PixelPairs,
    PoseNorm,
    SoftCrossEntropy,
    l1,
    l2,
)
from lightning_taskonomy.training.best_constants import (
    Fit,
    GeometricMedianFit,
    MeanFit,
    MedianFit,
    SharesFit,
    geometric_median,
    weighted_median,
)
from lightning_taskonomy.training.constant_guess import ConstantGuess
from lightning_taskonomy.training.searched_constants import DescentFit, PlacesFit
from tests.data.small_folder import make_folder

DOMAINS = ("rgb", "normal", "depth_zbuffer", "class_scene", "point_info", "segment_semantic")
SIZE = 16
CPU = torch.device("cpu")


class Alone:
    """One rank."""

    def total(self, values: Tensor) -> Tensor:
        return values

    def joined(self, rows: Tensor) -> Tensor:
        return rows


def best(fit: Fit, target: Tensor, mask: Tensor | None = None, batch: int = 5) -> Tensor:
    for start in range(0, len(target), batch):
        fit.add(target[start : start + batch], None if mask is None else mask[start : start + batch])
    return fit.best(Alone())


def mean_loss(loss: PerImageLoss, guess: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    return loss(guess.expand(len(target), *guess.shape), target, mask).mean()


def random_masks(images: int, size: int, seed: int = 0) -> Tensor:
    """Images with many or few valid pixels; the corner is never valid, and one image not at all."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(images, size, size, generator=generator) < torch.rand(images, 1, 1, generator=generator)
    mask[:, 0, 0] = False
    mask[1] = False
    return mask


@pytest.mark.parametrize("masked", [False, True])
def test_no_candidate_has_a_lower_l1_than_the_median(masked: bool) -> None:
    target = torch.randint(-64, 65, (11, 2, 4, 4), generator=torch.Generator().manual_seed(1)) / 64
    mask = random_masks(11, 4) if masked else None
    if mask is not None:
        target[~mask.unsqueeze(1).expand_as(target)] = 77.0
    guess = best(MedianFit((2, 4, 4)), target, mask)
    found = mean_loss(l1, guess, target, mask)
    for candidate in target:
        for place in np.ndindex(2, 4, 4):
            other = guess.clone()
            other[place] = candidate[place]
            assert found <= mean_loss(l1, other, target, mask) + 1e-7


def test_an_image_of_which_few_pixels_count_weighs_more_per_pixel() -> None:
    target = torch.tensor([0.0, 0.0, 1.0]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    mask = torch.ones(3, 2, 2, dtype=torch.bool)
    mask[2] = torch.tensor([[True, False], [False, False]])
    assert best(MedianFit((1, 2, 2)), target, mask)[0].tolist() == [[1, 0], [0, 0]]
    assert best(MeanFit((1, 2, 2)), target, mask)[0, 0, 0] == pytest.approx(1 / 1.5)


@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_of_l2_vanishes_at_the_mean(masked: bool) -> None:
    target = torch.randn(12, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    mask = random_masks(12, 4) if masked else None
    guess = best(MeanFit((3, 4, 4)), target, mask).requires_grad_()
    mean_loss(l2, guess, target, mask).backward()  # type: ignore[no-untyped-call]
    assert guess.grad is not None
    assert guess.grad.abs().max() < 1e-7
    vectors = torch.randn(9, 5, generator=torch.Generator().manual_seed(3))
    np.testing.assert_allclose(best(MeanFit((5,)), vectors), vectors.numpy().mean(axis=0), atol=1e-6)
    assert torch.equal(best(MedianFit((5,)), vectors), vectors.median(dim=0).values)


def test_positions_that_never_count_take_the_value_of_the_image() -> None:
    target = torch.arange(8.0).reshape(2, 1, 2, 2)
    mask = torch.ones(2, 2, 2, dtype=torch.bool)
    mask[:, 0, 0] = False
    assert best(MeanFit((1, 2, 2)), target, mask)[0].tolist() == [[4.0, 3.0], [4.0, 5.0]]
    assert best(MedianFit((1, 2, 2)), target, mask)[0].tolist() == [[2.0, 1.0], [2.0, 3.0]]
    nowhere = torch.zeros_like(mask)
    for fit in (MeanFit((1, 2, 2)), MedianFit((1, 2, 2))):
        assert best(fit, target, nowhere).abs().max() == 0


def test_weighted_medians_equal_those_of_repeated_rows() -> None:
    random = np.random.default_rng(4)
    values, times = random.normal(size=(7, 20)).astype(np.float32), random.integers(1, 5, 7)
    times[0] += 1 - times.sum() % 2  # an odd number has one median
    expected = np.median(np.repeat(values, times, axis=0), axis=0)
    found = weighted_median(torch.from_numpy(values), torch.from_numpy(times / times.sum()).float())
    np.testing.assert_array_equal(found, expected)


def test_numbers_too_large_for_half_precision_are_kept() -> None:
    target = torch.full((3, 1, 2, 2), 1e6)
    assert torch.equal(best(MedianFit((1, 2, 2)), target), target[0])


@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0)])
def test_class_shares_are_those_of_the_images_and_one_more(weights: tuple[float, ...] | None) -> None:
    target = torch.randint(0, 3, (30, 4, 4), generator=torch.Generator().manual_seed(5))
    mask = random_masks(30, 4)
    target[~mask] = 255
    loss = CrossEntropy(weights)
    guess = best(SharesFit(loss, (3, 4, 4)), target, mask)
    table = np.ones(3) if weights is None else np.array(weights)
    sums = np.zeros((3, 4, 4))
    for image in np.flatnonzero(mask.any(dim=(1, 2))):
        total = sum(table[number] for number in target[image][mask[image]])
        for row, column in zip(*np.nonzero(mask[image].numpy()), strict=True):
            number = target[image, row, column]
            sums[number, row, column] += table[number] / total
    shares = sums + (sums.sum(axis=(1, 2)) / sums.sum())[:, None, None] / 16
    np.testing.assert_allclose(guess.softmax(dim=0), shares / shares.sum(axis=0), atol=1e-5)
    none_better(loss, guess, target, mask, allowed=0.01)


@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0)])
def test_no_logits_are_better_than_soft_shares(weights: tuple[float, ...] | None) -> None:
    loss = SoftCrossEntropy(weights)
    generator = torch.Generator().manual_seed(6)
    pictures = torch.randn(40, 3, 4, 4, generator=generator).mul(3).softmax(dim=1)
    none_better(loss, best(SharesFit(loss, (3, 4, 4)), pictures), pictures, allowed=0.01)
    mask = random_masks(40, 4)
    none_better(loss, best(SharesFit(loss, (3, 4, 4)), pictures, mask), pictures, mask, allowed=0.01)
    vectors = torch.randn(40, 3, generator=generator).mul(3).softmax(dim=1)
    guess = best(SharesFit(loss, (3,)), vectors)
    none_better(loss, guess, vectors, allowed=1e-5)
    if weights is None:
        np.testing.assert_allclose(guess.exp(), vectors.numpy().mean(axis=0), atol=1e-5)


def none_better(
    loss: PerImageLoss, guess: Tensor, target: Tensor, mask: Tensor | None = None, allowed: float = 1e-6
) -> None:
    """Neither constants found by descent from the guess nor random ones are better."""
    found = float(mean_loss(loss, guess, target, mask))
    generator = torch.Generator().manual_seed(0)
    for scale in (0.01, 0.1, 1.0):
        for _ in range(20):
            noise = scale * torch.randn(guess.shape, generator=generator)
            assert found <= mean_loss(loss, guess + noise, target, mask) + allowed
            assert found <= mean_loss(loss, noise, target, mask) + allowed
    other = torch.nn.Parameter(guess.clone())
    adam = torch.optim.Adam([other], lr=0.02)
    for _ in range(100):
        adam.zero_grad()
        now = mean_loss(loss, other, target, mask)
        assert found <= now + allowed
        now.backward()  # type: ignore[no-untyped-call]
        adam.step()


def test_classes_of_whole_images_and_classes_never_seen() -> None:
    target = torch.tensor([0, 0, 1, 0])
    guess = best(SharesFit(CrossEntropy(), (3,)), target)
    np.testing.assert_allclose(guess.softmax(dim=0), [0.75, 0.25, 0.0], atol=1e-6)
    assert guess.isfinite().all()


@pytest.mark.parametrize("poses", [1, 3])
def test_geometric_medians_equal_those_of_a_general_minimiser(poses: int) -> None:
    target = torch.randn(25, 6 * poses, generator=torch.Generator().manual_seed(7)) ** 3
    guess = best(GeometricMedianFit(poses), target)
    points = target.double().numpy().reshape(25, poses, 6)

    def total(flat: np.ndarray[Any, Any]) -> float:
        return float(np.linalg.norm(points - flat.reshape(poses, 6), axis=2).sum())

    expected = optimize.minimize(total, np.zeros(6 * poses), method="BFGS", options={"gtol": 1e-7})
    assert total(guess.double().numpy()) <= expected.fun * (1 + 1e-6)
    none_better(PoseNorm(poses), guess, target, allowed=1e-4)


def test_a_geometric_median_may_be_one_of_the_points() -> None:
    corners = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert geometric_median(torch.cat([corners, torch.zeros(1, 2)])).norm() < 1e-9
    crowd = torch.cat([torch.ones(6, 2), corners])
    assert torch.equal(geometric_median(crowd), torch.ones(2))
    # The mean, where the iteration begins, is one of the points but not the median.
    line = torch.tensor([[0.0], [0.0], [0.0], [10.0], [1.0], [-5.0], [1.0]])
    assert line.mean() == 1
    assert abs(geometric_median(line).item()) < 1e-6


def test_embeddings_have_the_scale_of_least_loss() -> None:
    side = torch.arange(12)
    blocks = (side.unsqueeze(1) // 4) * 3 + side // 4
    target = torch.stack([blocks.roll(shift, 1) for shift in range(4)])
    loss = PixelPairs(pixels=60, seed=0)
    guess = best(PlacesFit(loss, (5, 12, 12), CPU), target)
    assert guess[2:].abs().max() == 0
    x, y = guess[0] / guess[0, 0, -1], guess[1] / guess[0, 0, -1]
    np.testing.assert_allclose(x, np.broadcast_to(np.linspace(-1, 1, 12), (12, 12)), atol=1e-6)
    np.testing.assert_allclose(y, x.T, atol=1e-6)
    places = torch.zeros(5, 12, 12)
    places[0], places[1] = x, y
    others = [float(mean_loss(loss, places * scale, target)) for scale in np.geomspace(0.1, 500, 200)]
    assert mean_loss(loss, guess, target) <= min(others) + 1e-3


def huber(output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    assert mask is None
    return functional.huber_loss(output, target, reduction="none", delta=0.3).flatten(1).mean(dim=1)


def test_a_loss_of_ones_own_is_minimised() -> None:
    target = torch.randn(100, 1, 2, 2, generator=torch.Generator().manual_seed(8)).exp()
    guess = best(DescentFit(huber, (1, 2, 2), CPU), target, batch=32)
    for row, column in np.ndindex(2, 2):
        values = target[:, 0, row, column].numpy()

        def at(point: float, values: np.ndarray[Any, Any] = values) -> float:
            off = np.abs(values - point)
            return float(np.where(off < 0.3, off**2 / 2, 0.3 * (off - 0.15)).mean())

        least = optimize.minimize_scalar(at, bounds=(0, 5), method="bounded").fun
        assert at(float(guess[0, row, column])) <= least + 1e-4


# Under the trainer.


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("guess")
    source = make_folder(root / "in", points=4, views=2, domains=DOMAINS)
    split_of = {"ash": "train", "birch": "train", "cedar": "val"}
    PackPlan(source, root / "out", split_of, Packing(shard_size=8)).run(1)
    return root / "out"


def trainer(root: Path, **options: Any) -> pytorch_lightning.Trainer:  # noqa: ANN401 - passed on
    chosen = {"max_epochs": 1, "enable_checkpointing": False, **options}
    return pytorch_lightning.Trainer(
        default_root_dir=root,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **chosen,
    )


def module(packed: Path, task: str) -> TaskonomyDataModule:
    return TaskonomyDataModule(str(packed), [task], size=SIZE, batch_size=4, num_workers=0)


def gathered(packed: Path, task: str, split: str = "train") -> dict[str, Tensor]:
    batches = [batch[task] for batch in module(packed, task).loader(split, shuffled=False)]
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0] if name != "input"}


TASKS = ("normal", "class_scene", "segment_semantic", "room_layout", "fixated_pose", "autoencoding")


@pytest.mark.parametrize("task", TASKS)
def test_one_epoch_finds_what_no_other_constant_betters(packed: Path, tmp_path: Path, task: str) -> None:
    contender = ConstantGuess(task, size=SIZE)
    run = trainer(tmp_path)
    run.fit(contender, module(packed, task))
    data = gathered(packed, task)
    assert contender.guess.shape == contender.output_shape
    # As evaluated in validation, so it was computed before.
    held_out = gathered(packed, task, "val")
    expected = mean_loss(
        contender.evaluation_loss, contender.guess.detach(), held_out["target"], held_out.get("mask")
    )
    assert float(run.callback_metrics["val/loss"]) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
    allowed = 0.1 if task == "segment_semantic" else 1e-3  # noise of 17 classes in 16 images, and one more
    none_better(
        contender.evaluation_loss, contender.guess.detach(), data["target"], data.get("mask"), allowed
    )


def test_checkpoints_hold_the_guess(packed: Path, tmp_path: Path) -> None:
    saving = pytorch_lightning.callbacks.ModelCheckpoint(tmp_path / "saved")
    contender = ConstantGuess("normal", size=SIZE)
    trainer(tmp_path, enable_checkpointing=True, callbacks=[saving]).fit(contender, module(packed, "normal"))
    (saved,) = (tmp_path / "saved").glob("*.ckpt")
    fresh = ConstantGuess("normal", size=SIZE)
    trainer(tmp_path).validate(fresh, module(packed, "normal"), ckpt_path=saved, weights_only=False)
    assert torch.equal(fresh.guess, contender.guess)
    assert contender.guess.abs().max() > 0


def test_no_more_images_are_read_than_asked_for(packed: Path, tmp_path: Path) -> None:
    contender = ConstantGuess("room_layout", size=SIZE, images=6)
    run = trainer(tmp_path, limit_val_batches=0)
    taken: list[Tensor] = []
    added = MeanFit.add

    class Watched(MeanFit):
        def add(self, target: Tensor, mask: Tensor | None) -> None:
            taken.append(target)
            added(self, target, mask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightning_taskonomy.training.constant_guess.MeanFit", Watched)
        run.fit(contender, module(packed, "room_layout"))
    assert run.num_training_batches == 2
    assert [len(target) for target in taken] == [4, 2]
    np.testing.assert_allclose(contender.guess.detach(), torch.cat(taken).numpy().mean(axis=0), atol=1e-5)


def test_bad_settings_are_one_line(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="images: expected at least 1, found 0"):
        ConstantGuess("normal", images=0)
    with pytest.raises(InputError, match=r"trainer\.max_epochs: expected 1 for a constant guess, found 2"):
        trainer(tmp_path, max_epochs=2).fit(ConstantGuess("normal", size=SIZE), module(packed, "normal"))


OWN = "guess_test_own"


def run_ranks(packed: Path, root: Path, ranks: int) -> None:
    """Fit every kind of guess and save each rank's result; a child process runs this too."""
    register(replace(dictionary()["room_layout"], name=OWN, loss=L2(robust_beyond=0.5)))
    options: dict[str, Any] = {"devices": ranks, "strategy": "ddp"} if ranks > 1 else {}
    for task in (*TASKS, OWN):
        contender = ConstantGuess(task, size=SIZE)
        run = trainer(root, num_sanity_val_steps=0, **options)
        run.fit(contender, module(packed, task))
        torch.save(contender.guess.detach(), root / f"{task}-{run.global_rank}-of-{ranks}")


@pytest.mark.slow
def test_two_ranks_find_the_same_guess_as_one(packed: Path, tmp_path: Path) -> None:
    script = tmp_path / "two_ranks.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "from tests.training.test_constant_guess import run_ranks\n"
        "if __name__ == '__main__':\n"
        "    run_ranks(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))\n"
    )
    call_script(script, packed, tmp_path, "2")
    call_script(script, packed, tmp_path, "1")
    for task in (*TASKS, OWN):
        first, second, alone = (
            torch.load(tmp_path / f"{task}-{name}") for name in ("0-of-2", "1-of-2", "0-of-1")
        )
        assert torch.equal(first, second), task
        # Adam uses other batches; the others use the same images.
        np.testing.assert_allclose(first, alone, atol=0.02 if task == OWN else 1e-5, err_msg=task)
        assert first.abs().max() > 0


def call_script(script: Path, *words: str | Path) -> None:
    repository = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "MASTER"))}
    run = subprocess.run(
        [sys.executable, str(script), *map(str, words)],
        cwd=repository,
        env={**kept, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
