from pathlib import Path

import numpy as np
import pytest
import torch

from lightning_taskonomy.bank.drawn import draw_prediction
from lightning_taskonomy.bank.network import load
from lightning_taskonomy.bank.predictor import network_input, predict
from lightning_taskonomy.bank.shots import Shot
from lightning_taskonomy.tasks import dictionary, task_named
from lightning_taskonomy.tasks.tiles import permutations
from tests.bank.small_networks import SIZE, small_network, write_small_bank

TASKS = list(dictionary())


def shots(count: int, size: int = 96) -> list[Shot]:
    random = np.random.default_rng(0)
    return [Shot(str(n), random.integers(0, 255, (size, size, 3), np.uint8)) for n in range(count)]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_predicted_and_drawn(task: str) -> None:
    network = small_network(task)
    for shot, predictions in predict([network], shots(2)):
        prediction = predictions[task]
        assert prediction.output is not None
        assert torch.isfinite(prediction.output).all()
        tile = draw_prediction(shot, prediction, {}, 60.0)
        assert tile.drawing.shape == (256, 256, 3)
        assert tile.whole.shape[1:] == (256, 3)


def test_predictions_do_not_depend_on_the_batches() -> None:
    networks = [small_network(task) for task in ("normal", "fixated_pose", "egomotion")]
    single = [found for _, found in predict(networks, shots(7), batch_size=1)]
    for size in (2, 3, 8):
        for (shot, found), alone in zip(predict(networks, shots(7), batch_size=size), single, strict=True):
            for name, prediction in found.items():
                assert prediction.output is not None
                torch.testing.assert_close(
                    prediction.output, alone[name].output, atol=1e-5, rtol=1e-4, msg=f"{name} of {shot.name}"
                )


def test_views_are_the_shots_before() -> None:
    given = shots(4, SIZE)
    network = small_network("egomotion")
    seen = [found["egomotion"].input for _, found in predict([network], given, batch_size=3)]
    pictures = [torch.from_numpy(shot.pixels).permute(2, 0, 1) / 127.5 - 1 for shot in given]
    for place, order in enumerate([(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 2, 3)]):
        torch.testing.assert_close(seen[place], torch.stack([pictures[view] for view in order]))


def test_shots_are_taken_a_batch_at_a_time() -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for shot in shots(9):
            taken += 1
            yield shot

    found = predict([small_network("normal")], counted(), batch_size=2)  # type: ignore[arg-type]
    next(found)
    assert taken == 2


def test_inputs_are_those_of_training() -> None:
    (shot,) = shots(1, SIZE)
    colours = torch.from_numpy(shot.pixels).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(network_input(small_network("normal"), [shot])[0], colours)
    torch.testing.assert_close(network_input(small_network("denoising"), [shot])[0], colours)
    holed = network_input(small_network("inpainting"), [shot])[0]
    assert not holed[:, 16:48, 16:48].any()
    torch.testing.assert_close(holed[:, :16], colours[:, :16])
    lightness = network_input(small_network("colorization"), [shot])
    assert lightness.shape == (1, 1, SIZE, SIZE)
    tiles = network_input(small_network("jigsaw"), [shot])
    assert tiles.shape == (9, 3, SIZE, SIZE)
    assert permutations().shape == (100, 9)


def test_what_is_loaded_gives_what_training_gave(tmp_path: Path) -> None:
    for task in ("normal", "jigsaw", "colorization", "fixated_pose"):
        write_small_bank(tmp_path, task)
        before, after = small_network(task), load(task, tmp_path)
        assert after.size == SIZE
        views = task_named(task).pictures or task_named(task).views
        pictures = torch.rand(2, views, task_named(task).input_channels, SIZE, SIZE)
        torch.testing.assert_close(after(pictures), before(pictures))


def test_a_task_of_ones_own_is_loaded_and_predicted(tmp_path: Path) -> None:
    horizon = str(Path(__file__).parents[2] / "configs/own_task/horizon.py:HORIZON")
    write_small_bank(tmp_path, horizon)
    ((shot, found),) = predict([load(horizon, tmp_path)], shots(1))
    prediction = found["horizon"]
    assert prediction.output is not None
    assert prediction.output.shape == (2,)
    assert draw_prediction(shot, prediction, {}, 60.0).drawing.shape == (256, 256, 3)
