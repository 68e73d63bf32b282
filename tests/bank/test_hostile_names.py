"""Files that name code, by every way by which a name in a file becomes a task: none of it may run."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lightning_taskonomy.bank.convert import convert
from lightning_taskonomy.bank.network import load, load_file
from lightning_taskonomy.bank.weights import write_network, write_published
from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.data import TaskonomyDataModule
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.switching.module import SwitchingNetwork
from lightning_taskonomy.tasks import Task, registered_task, task_named
from lightning_taskonomy.tasks.conventions import LABEL_CONVENTIONS
from lightning_taskonomy.training.task_network import TaskNetwork
from tests.bank.small_networks import small_network

HOSTILE = """
from pathlib import Path
from dataclasses import replace
from lightning_taskonomy.tasks import dictionary
Path({ran!r}).write_text("x")
T = replace(dictionary()["normal"], name={name!r})
"""
NAMES = ("evil.py:T", "{folder}/evil.py:T", "evil.T", "os.path", "T")
"""Of a file, of a file by its whole path, of a module beside, of a module of Python's; and of no task."""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which Python imports `evil`, like the user's current folder; nothing may run there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text(HOSTILE.format(ran=str(tmp_path / "RAN"), name="T"))
    yield tmp_path
    assert not (tmp_path / "RAN").exists()
    assert "evil" not in sys.modules


def safetensors(folder: Path, name: str, file: str = "net.safetensors") -> Path:
    network = small_network("normal")
    weights = {f"encoder.{key}": value.contiguous() for key, value in network.encoder.state_dict().items()}
    about = {"conventions": LABEL_CONVENTIONS, "task": name, "size": 64}
    (folder / file).parent.mkdir(exist_ok=True, parents=True)
    save_file(weights, folder / file, metadata={"about": json.dumps(about)})
    return folder / file


def checkpoint(folder: Path, name: str, **more: Any) -> Path:  # noqa: ANN401 - whatever a file may hold
    module = TaskNetwork("normal", 64, 8, (1, 1, 1, 1), 64, adversarial_after=None)
    content: dict[str, Any] = {"state_dict": module.state_dict(), "pytorch-lightning_version": "2.6.6"}
    module.on_save_checkpoint(content)
    content["contender"]["task"] = name
    torch.save({**content, **more}, folder / "net.ckpt")
    return folder / "net.ckpt"


def refused(line: str) -> None:
    assert "custom task" in line
    assert "names in files import nothing" in line
    assert line.count("\n") <= 1


@pytest.mark.parametrize("name", NAMES)
def test_weights_say_it(name: str, evil: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = name.format(folder=evil)
    for path in (safetensors(evil, name), checkpoint(evil, name)):
        with pytest.raises(InputError) as error:
            load_file(path)
        refused(str(error.value))
        for words in ("convert --to safetensors", "push --repository a/b"):
            end = ["--out", "o"] if words.startswith("convert") else []
            assert main(["bank", *words.split(), "--weights", str(path), *end]) == 2
            refused(capsys.readouterr().err)
        assert not Path("o").exists()


@pytest.mark.parametrize(
    "file", ["evil.T.safetensors", "evil.T/weights.safetensors", "evil.py:T.safetensors"]
)
def test_the_name_of_a_file_says_it(file: str, evil: Path, capsys: pytest.CaptureFixture[str]) -> None:
    safetensors(evil, "normal", f"bank/{file}")
    assert main(["bank", "list", "--weights", "bank"]) == 0  # it only lists
    capsys.readouterr()
    for words in ("convert --to safetensors --out o", "predict --out o photo.png"):
        if words.startswith("predict"):
            from PIL import Image

            Image.new("RGB", (64, 64)).save("photo.png")
        assert main(["bank", *words.split(), "--weights", "bank"]) == 2
        refused(capsys.readouterr().err)
    settings: dict[str, Any] = {"shards": "s", "out": "run", "tasks": ["class_scene"], "bank": "bank"}
    with pytest.raises(InputError) as error:
        PipelineSettings(**settings)
    refused(str(error.value))


def test_a_published_files_name_cannot_say_it(evil: Path) -> None:
    stored = small_network("normal").stored
    path = write_published(evil, "encoder", stored)
    other = path.rename(evil / path.name.replace("normal_", "evil_"))
    with pytest.raises(InputError, match="custom task"):
        load_file(other)


def test_a_download_says_it(evil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub", reason="the Hub's client is absent: pip install '.[bank]'")
    from huggingface_hub import constants

    from lightning_taskonomy.bank.hub import pull
    from tests.bank.stand_in_hub import TOKEN, stand_in_hub

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with stand_in_hub() as hub:
        for name in ("evil.T", f"{evil}/evil.py:T"):
            content = safetensors(evil, name).read_bytes()
            hub.repositories["user/rooms"] = {"evil.T.safetensors": content, "evil.py": b"raise SystemExit"}
            with pytest.raises(InputError) as error:
                pull("user/rooms", evil / "pulled", endpoint=hub.endpoint, token=TOKEN)
            refused(str(error.value))
            assert not (evil / "pulled" / "evil.py").exists()


@pytest.mark.parametrize("name", ["../evil.safetensors", "a/../../evil.safetensors"])
def test_a_download_does_not_leave_its_folder(name: str, evil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub", reason="the Hub's client is absent: pip install '.[bank]'")
    from huggingface_hub import constants

    from lightning_taskonomy.bank.hub import pull
    from tests.bank.stand_in_hub import TOKEN, stand_in_hub

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with stand_in_hub() as hub:
        hub.repositories["user/rooms"] = {name: b"x"}
        with pytest.raises(InputError, match="user/rooms: ") as error:
            pull("user/rooms", evil / "in" / "pulled", endpoint=hub.endpoint, token=TOKEN)
    assert "\n" not in str(error.value)
    assert not list(evil.rglob("evil.safetensors"))


@pytest.mark.parametrize(
    "more",
    [
        {"hyper_parameters": {"task": "evil.T"}},
        {"hparams": {"task": "evil.py:T"}},
        {"module_arguments": {"task": "evil.T"}},
        {"hyper_parameters": {"evil.py:T": 1}, "hparams_name": "task"},
        {"hyper_parameters": {"task": "normal", "_instantiator": "evil.T"}},
        {"hyper_parameters": {"task": "normal", "_class_path": "evil.T",
                              "_instantiator": "pytorch_lightning.cli.instantiate_module"}},
    ],
)  # fmt: skip
def test_the_arguments_in_a_checkpoint_say_it(more: dict[str, Any], evil: Path) -> None:
    path = checkpoint(evil, "normal", **more)
    with pytest.raises((InputError, ValueError, TypeError)):
        TaskNetwork.load_from_checkpoint(path)


def test_the_arguments_of_several_tasks_say_it(evil: Path) -> None:
    checkpoint(evil, "normal", hyper_parameters={"tasks": ["evil.T"]})
    with pytest.raises(InputError, match="names in files import nothing"):
        SwitchingNetwork.load_from_checkpoint(evil / "net.ckpt")


def test_no_data_are_made_from_a_checkpoint(evil: Path) -> None:
    shards = f"pipe:touch {evil}/RAN; {{path}}"
    arguments = {"shards": shards, "tasks": ["evil.T"]}
    torch.save({"state_dict": {}, "datamodule_hyper_parameters": arguments}, evil / "net.ckpt")
    with pytest.raises(InputError, match="no data are made from a checkpoint"):
        TaskonomyDataModule.load_from_checkpoint(evil / "net.ckpt")


def test_a_checkpoint_to_go_on_from_says_it(evil: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its arguments and its configuration are ignored; its contender is another one."""
    config = {"model": {"class_path": "evil.T"}, "fit": {"model": {"class_path": "evil.T"}}}
    path = checkpoint(evil, "evil.T", hyper_parameters={"task": "evil.T"}, config=config)
    for command in ("test", "validate"):
        words = "--model TaskNetwork --model.task normal --data.shards none --ckpt_path"
        assert main([command, *words.split(), str(path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


# What the user names, in an option, does run: it is the user's own word.


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine_of_names.py"
    file.write_text(HOSTILE.format(ran=str(tmp_path / "RAN"), name="mine"))
    return f"{file}:T"


def test_the_users_option_names_it(own: str, tmp_path: Path) -> None:
    network = small_network("normal")
    network.task = task_named(own)
    write_network(tmp_path / "bank" / "mine.safetensors", network.stored)
    for weights in ("bank", "bank/mine.safetensors"):
        words = f"bank convert --weights {weights} --to published --out {weights}-o --task {own}"
        assert main(words.split()) == 0
        assert len(list(Path(f"{weights}-o").glob("mine_*-*.pth"))) == 2
    assert load(own, tmp_path / "bank").task.name == "mine"
    made = TaskNetwork.load_from_checkpoint
    module = TaskNetwork(own, 64, 8, (1, 1, 1, 1), 64, adversarial_after=None)
    content: dict[str, Any] = {"state_dict": module.state_dict(), "pytorch-lightning_version": "2.6.6"}
    module.on_save_checkpoint(content)
    torch.save(content, "net.ckpt")
    shape = {"size": 64, "width": 8, "blocks": (1, 1, 1, 1), "decoder_width": 64, "adversarial_after": None}
    assert made("net.ckpt", task=own, **shape).task.name == "mine"


def test_a_run_takes_what_its_configuration_names_from_a_bank(own: str, tmp_path: Path) -> None:
    network = small_network("normal")
    network.task = task_named(own)
    convert(network, "safetensors", tmp_path / "bank")
    settings = PipelineSettings(shards="s", out="run", tasks=[own, "edge_texture"], bank="bank")
    assert settings.banked == ["mine"]
    assert settings.spelled["mine"] == own
    assert isinstance(settings.by_name["mine"], Task)


def test_a_pull_takes_tasks_that_the_user_names(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="the Hub's client is absent: pip install '.[bank]'")
    from huggingface_hub import constants

    from lightning_taskonomy.bank.hub import pull
    from tests.bank.stand_in_hub import TOKEN, stand_in_hub

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    content = safetensors(tmp_path, "mine").read_bytes()
    with stand_in_hub() as hub:
        hub.repositories["user/rooms"] = {"mine.safetensors": content}
        (file,) = pull("user/rooms", tmp_path / "pulled", endpoint=hub.endpoint, token=TOKEN, tasks=[own])
    assert file.name == "mine.safetensors"


def test_registered_names_and_their_spellings_are_found() -> None:
    assert registered_task("inpainting_whole", "here").name == "inpainting"
    with pytest.raises(
        InputError, match=r"here: it names a custom task, 'os\.path'; name the task's file again"
    ):
        registered_task("os.path", "here")
