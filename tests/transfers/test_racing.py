"""Racing: which readouts the bounds stop, on constructed curves, and what stopping does to them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.taxonomy.tournament import Tournament, count_half_wins
from lightning_taskonomy.transfers.live_tournament import LiveTournament
from lightning_taskonomy.transfers.racing import Racing, certain_losers
from lightning_taskonomy.transfers.readouts import Readouts
from tests.transfers.small_stores import SMALL, data, pack, store, trainer


def held(losses: np.ndarray[Any, np.dtype[np.float64]]) -> Tournament:
    """The tournament of losses (images, contenders)."""
    halves = np.zeros((losses.shape[1],) * 2, np.int64)
    count_half_wins(losses, halves)
    names = [f"source{number}" for number in range(losses.shape[1])]
    return Tournament.from_counts("reshading", names, halves, losses.sum(axis=0), len(losses))


def losses_of(quality: np.ndarray[Any, Any], images: int, random: np.random.Generator) -> Any:  # noqa: ANN401
    """Each image is equally hard for all contenders; a contender of lower quality loses more often."""
    return random.normal(-quality, 1.0, (images, len(quality))) + random.normal(0, 3, (images, 1))


def test_bounds_are_hoeffdings() -> None:
    random = np.random.default_rng(0)
    tournament = held(losses_of(np.array([2.0, 1.9, 0.0, 0.6]), 1000, random))
    width = math.sqrt(math.log(2 * 2 / 0.01) / 2000)
    highest = tournament.win_rates[:, :2].max(axis=1) + width
    for margin in (0.1, 0.2, 0.3, 0.4, 0.5):
        expected = {f"source{n}": highest[n] for n in (2, 3) if highest[n] < margin}
        assert certain_losers(tournament, 2, margin, 0.01) == pytest.approx(expected)


def test_with_few_images_nothing_is_certain() -> None:
    losses = losses_of(np.array([9.0, 8.0, 0.0]), 10, np.random.default_rng(0))
    assert certain_losers(held(losses), 1, 0.5, 0.01) == {}
    assert certain_losers(held(np.tile(losses, (20, 1))), 1, 0.5, 0.01).keys() == {"source1", "source2"}


def test_as_many_contenders_as_are_best_all_go_on() -> None:
    losses = losses_of(np.array([9.0, 0.0]), 1000, np.random.default_rng(0))
    assert certain_losers(held(losses), 2, 0.5, 0.01) == {}


def test_one_that_is_as_good_as_the_best_is_stopped_as_rarely_as_stated() -> None:
    """300 races of ten looks among six equals, with an error of a half; without bounds nearly all err."""
    random = np.random.default_rng(1)
    wrong = naive = 0
    for _ in range(300):
        stopped = loses = False
        for look in range(1, 11):
            tournament = held(losses_of(np.zeros(6), 200, random))
            error = 0.5 * 6 / (math.pi * look) ** 2
            stopped |= bool(certain_losers(tournament, 2, 0.5, error))
            loses |= bool(certain_losers(tournament, 2, 0.5, 8.0))  # of eight comparisons: no width
        wrong += stopped
        naive += loses
    assert wrong <= 0.5 * 300
    assert naive > 0.9 * 300


def raced(quality: np.ndarray[Any, Any], images: int, **options: Any) -> list[int]:  # noqa: ANN401
    """A race with qualities (looks, contenders), as run by the callback: which contenders it stops."""
    random = np.random.default_rng(2)
    racing = Racing(LiveTournament(), **options)
    learning = list(range(quality.shape[1]))
    frozen: dict[int, float] = {}
    for look, now in enumerate(quality, start=1):
        racing.looks = look
        current = np.array([frozen.get(n, now[n]) for n in range(len(now))])
        tournament = held(losses_of(current, images, random))
        if look / len(quality) < racing.after:
            continue
        for name in certain_losers(tournament, racing.best, racing.margin, racing.error_of_look()):
            number = int(name.removeprefix("source"))
            if number in learning:
                learning.remove(number)
                frozen[number] = now[number]
    return learning


def test_on_curves_that_rise_the_best_are_never_stopped_and_most_others_are() -> None:
    final = np.linspace(3, 0, 25)
    speed = np.random.default_rng(3).uniform(3, 6, 25)
    time = np.linspace(0.1, 1, 10)[:, None]
    curves = final * (1 - np.exp(-speed * time))
    learning = raced(curves, 1000)
    assert set(range(5)) <= set(learning)
    assert len(learning) < 15


def test_one_that_catches_up_late_is_lost_if_races_begin_too_early() -> None:
    """Which losers would catch up, no bound can tell: that is what `after` is for."""
    curves = np.tile(np.linspace(3, 0, 12), (10, 1))
    curves[:, 11] = np.where(np.arange(10) < 4, -2.0, 5.0)
    assert 11 not in raced(curves, 1000, after=0.1)
    assert 11 in raced(curves, 1000, after=0.5)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("racing"))


def test_stopped_readouts_stay_as_they_are_and_resumed_races_go_on(packed: Path, tmp_path: Path) -> None:
    """With bounds as loose as an error of nearly one allows, on the twelve images of a split."""
    sources = [f"source{number}" for number in range(4)]
    stores = store(packed, tmp_path / "stores", sources)
    module = Readouts("class_scene", sources, str(stores), **SMALL)
    with torch.no_grad():  # one that is far off from the start
        module.networks["source3"].decoder.fc2.bias.copy_(torch.arange(63.0))  # type: ignore[union-attr, operator]
    before = {name: value.clone() for name, value in module.networks["source3"].named_parameters()}
    tournament = LiveTournament()
    racing = Racing(tournament, best=1, margin=0.5, confidence=0.0, after=0.0)
    run = trainer(tmp_path, max_epochs=2, callbacks=[racing, tournament], check_val_every_n_epoch=1)
    options: dict[str, Any] = {"train_split": "train", "train_samples": None}
    run.fit(module, data(packed, "class_scene", **options))
    assert module.stopped.keys() >= {"source3"}
    assert module.stopped["source3"] == 3
    assert racing.looks == 2
    assert tournament.latest is not None
    assert set(tournament.latest.contenders) == set(sources)
    assert any(
        not torch.equal(value, before[name]) for name, value in module.networks["source3"].named_parameters()
    )
    other = Racing(tournament)
    other.load_state_dict(racing.state_dict())
    assert other.looks == 2
    assert other.error_of_look() == pytest.approx(0.01 * 6 / (4 * math.pi**2))


def test_all_looks_together_keep_the_stated_confidence() -> None:
    racing = Racing(LiveTournament(), confidence=0.9)
    total = 0.0
    for look in range(1, 5000):
        racing.looks = look
        total += racing.error_of_look()
    assert 0.0999 < total <= 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"best": 0}, "best: expected at least 1, found 0"),
        ({"margin": 0.6}, "margin: expected a number from 0 to 0.5, found 0.6"),
        ({"confidence": 1.0}, "confidence: expected a number from 0 to below 1, found 1"),
        ({"after": -0.1}, "after: expected a number from 0 to 1, found -0.1"),
    ],
)
def test_impossible_races_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Racing(LiveTournament(), **options)
