from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("huggingface_hub", reason="the Hub's client is absent: pip install '.[bank]'")

from huggingface_hub import constants
from huggingface_hub.repocard import ModelCard

from lightning_taskonomy.bank.convert import networks_in
from lightning_taskonomy.bank.hub import pull, push
from lightning_taskonomy.bank.network import load
from lightning_taskonomy.core.errors import InputError
from tests.bank.stand_in_hub import TOKEN, Hub, stand_in_hub
from tests.bank.test_network import small_bank

# The client passes files to its own HTTP library in a way that will be removed.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    # Its chunk storage is a separate service; the Hub also takes whole files.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with stand_in_hub() as served:
        yield served


def test_what_is_pulled_is_what_was_pushed(hub: Hub, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    small_bank(given)
    address = push(networks_in(given), "user/rooms", endpoint=hub.endpoint, token=TOKEN)
    assert address.startswith(hub.endpoint)
    assert sorted(hub.repositories["user/rooms"]) == ["README.md", "normal.safetensors"]
    assert hub.large == {"normal.safetensors"}
    files = pull("user/rooms", tmp_path / "pulled", endpoint=hub.endpoint, token=TOKEN)
    assert [file.name for file in files] == ["normal.safetensors"]
    before, after = load("normal", given).state_dict(), load("normal", tmp_path / "pulled").state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_card_is_one_that_the_hub_understands(hub: Hub, tmp_path: Path) -> None:
    small_bank(tmp_path)
    push(networks_in(tmp_path), "user/rooms", endpoint=hub.endpoint, token=TOKEN)
    card = ModelCard(hub.repositories["user/rooms"]["README.md"].decode())
    assert card.data.get("license") == "mit"
    assert card.data.get("library_name") == "lightning_taskonomy"
    assert "| normal.safetensors | Normals | 3 per pixel | 256 x 256 |" in card.text


def test_only_weights_and_card_are_pulled(hub: Hub, tmp_path: Path) -> None:
    small_bank(tmp_path)
    push(networks_in(tmp_path), "user/rooms", endpoint=hub.endpoint, token=TOKEN)
    hub.repositories["user/rooms"] |= {"evil.py": b"import os", "weights.pkl": b"x", "a.pth": b"x"}
    pull("user/rooms", tmp_path / "pulled", endpoint=hub.endpoint, token=TOKEN)
    names = {path.name for path in (tmp_path / "pulled").iterdir() if path.is_file()}
    assert names == {"README.md", "normal.safetensors"}


def test_damaged_network_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["user/rooms"] = {"normal.safetensors": b"not weights"}
    with pytest.raises(InputError, match=r"normal\.safetensors: cannot read these weights"):
        pull("user/rooms", tmp_path, endpoint=hub.endpoint, token=TOKEN)


@pytest.mark.parametrize(
    ("repository", "reason"),
    [("user/none", "no such repository"), ("a/b/c", "the Hub cannot be used"), ("user/empty", "found none")],
)
def test_repository_that_cannot_be_had_is_named(
    repository: str, reason: str, hub: Hub, tmp_path: Path
) -> None:
    hub.repositories["user/empty"] = {"README.md": b"# Nothing"}
    with pytest.raises(InputError, match=f"{repository}: .*{reason}"):
        pull(repository, tmp_path, endpoint=hub.endpoint, token=TOKEN)


def test_push_without_permission_is_one_line(hub: Hub, tmp_path: Path) -> None:
    small_bank(tmp_path)
    with pytest.raises(InputError, match="user/rooms: the Hub cannot be used") as error:
        push(networks_in(tmp_path), "user/rooms", endpoint=hub.endpoint, token="another")
    assert "\n" not in str(error.value)
