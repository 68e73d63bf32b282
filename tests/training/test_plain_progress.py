import re
import sys
from pathlib import Path

import pytest
import pytorch_lightning

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.training.plain_progress import PrintProgress
from tests.training.one_convolution import OneConvolution, data, pack_every_label, trainer

TASK = "depth_zbuffer"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_every_label(tmp_path_factory.mktemp("progress"))


def fit(packed: Path, root: Path, every: int) -> OneConvolution:
    module = OneConvolution(TASK)
    trainer(root, max_epochs=2, callbacks=[PrintProgress(every)]).fit(module, data(packed, [TASK]))
    return module


def test_a_plain_line_every_so_many_batches(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = fit(packed, tmp_path, 2)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    pattern = r"epoch (\d+), batch (\d+) of 3, loss (\S+), (\S+) images/s"
    found = [re.fullmatch(pattern, line) for line in lines]
    places = [(int(line[1]), int(line[2])) for line in found if line is not None]
    assert places == [(0, 2), (1, 1), (1, 3)]
    for line, loss in zip(found, module.losses[1::2], strict=True):
        assert line is not None
        assert float(line[3]) == pytest.approx(loss, rel=1e-3)
        assert float(line[4]) > 0


def test_the_first_batch_has_no_speed_yet(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(packed, tmp_path, 1)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 6
    assert ["images/s" in line for line in lines] == [False] + [True] * 5


def test_silent_on_a_terminal_and_on_other_ranks(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys.stdout, "isatty", lambda: True)
        fit(packed, tmp_path, 1)
    with monkeypatch.context() as patched:
        patched.setattr(pytorch_lightning.Trainer, "is_global_zero", False)
        fit(packed, tmp_path, 1)
    assert "epoch" not in capsys.readouterr().out


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="every_n_steps: expected at least 1, found -1"):
        PrintProgress(-1)
