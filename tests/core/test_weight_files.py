"""Checkpoints as other projects write them."""

import argparse
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.core.weight_files import read_weights

WEIGHTS = {"conv1.weight": torch.arange(8.0).reshape(2, 1, 2, 2), "fc.bias": torch.ones(3)}
ARGUMENTS = argparse.Namespace(lr=0.1, path=Path("runs"), inner=argparse.Namespace(epochs=3))


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        OrderedDict(WEIGHTS),
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model": WEIGHTS, "args": ARGUMENTS},
        {"model_state_dict": WEIGHTS, "device": torch.device("cpu")},
        {"net": WEIGHTS, "acc": np.float32(0.7)},
        {"state_dict": WEIGHTS, "best": np.float64(70.0), "step": np.int64(3), "done": np.bool_(True)},
        {"state_dict": WEIGHTS, "curve": np.arange(5.0), "names": np.array(["a", "b"])},
        {"model": WEIGHTS, "dtype": np.dtype("float32"), "arguments": vars(ARGUMENTS)},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_in_what_is_around_them(content: object, zipped: bool, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "a.pth")
    assert set(found) == set(WEIGHTS)
    for key, value in WEIGHTS.items():
        torch.testing.assert_close(found[key], value)


class Evil:
    """Something whose unpickling would run code."""

    def __init__(self, called: object) -> None:
        self._called = called

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return self._called, ("touch unpickled",)


@pytest.mark.parametrize("called", [os.system, print, exec, __import__])
def test_code_is_not_run_but_named_with_a_way_out(
    called: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": WEIGHTS, "args": argparse.Namespace(evil=Evil(called))}, "evil.pth")
    with pytest.raises(InputError) as error:
        read_weights(Path("evil.pth"))
    line = str(error.value)
    assert line.startswith(
        "evil.pth: expected weights, as of torch.save(state_dict) or safetensors; it holds "
    )
    assert "weights_only=False); torch.save(" in line
    assert "\n" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pth"]
    assert not capsys.readouterr().out


def test_the_line_that_is_given_rewrites_a_whole_network(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(1, 2, 2), tmp_path / "whole.pth")
    with pytest.raises(InputError, match=r"it holds torch\.nn\.modules\.conv\.Conv2d, which could") as error:
        read_weights(tmp_path / "whole.pth")
    line = str(error.value).split("save its weights alone: ")[1].replace("'weights.pth'", "'out.pth'")
    exec(line.replace("'out.pth'", repr(str(tmp_path / "out.pth"))), {"torch": torch})
    assert set(read_weights(tmp_path / "out.pth")) == {"weight", "bias"}


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"epoch": 3}, {}, None, 5])
def test_files_without_weights_are_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: expected a state dict of tensors"):
        read_weights(tmp_path / "a.pth")
