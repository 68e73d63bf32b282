"""Sources that are not trained here: published files, networks of other runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from lightning_taskonomy.bank.convert import convert
from lightning_taskonomy.bank.folder import FOLDER_VARIABLE
from lightning_taskonomy.bank.network import load_file
from lightning_taskonomy.bank.weights import About
from lightning_taskonomy.core.weight_files import write_weights
from lightning_taskonomy.tasks.task import Standard
from lightning_taskonomy.taxonomy import LossTable, Transfers
from tests.bank.small_networks import small_network
from tests.pipeline.tiny_run import config, files, taxonomy_run, written

BANKED = ("normal", "colorization", "point_matching")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published files of two tasks, and a network of one as a run leaves it."""
    folder = tmp_path_factory.mktemp("bank")
    for task in BANKED[:2]:
        convert(small_network(task), "published", folder)
    convert(small_network(BANKED[2]), "safetensors", folder)
    return folder


@pytest.mark.slow
def test_a_task_of_ones_own_starts_from_a_bank(
    packed: Path, bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    path = config(run, packed, tasks=["class_scene"], sources="bank")
    monkeypatch.setenv(FOLDER_VARIABLE, str(bank))
    assert taxonomy_run(path) == 0
    assert [folder.name for folder in (run / "networks").iterdir()] == ["class_scene"]
    assert {folder.name for folder in (run / "representations").iterdir()} == {*BANKED, "random"}
    contenders = LossTable.read_parquet(run / "losses" / "class_scene.parquet").contenders
    assert {"self", "pixels", "average", "random", *BANKED} <= set(contenders)
    assert set(Transfers.read_csv(run / "transfers.csv").targets) == {"class_scene"}
    assert "- For class_scene with 8 images start from " in (run / "summary.md").read_text(encoding="utf-8")
    before = files(run)
    assert taxonomy_run(path) == 0
    assert not any(name.endswith((".parquet", ".safetensors")) for name in written(before, files(run)))


@pytest.mark.slow
def test_other_weights_in_the_bank_are_noticed(packed: Path, bank: Path, tmp_path: Path) -> None:
    run, own = tmp_path / "run", tmp_path / "bank"
    own.mkdir()
    for file in bank.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    path = config(run, packed, tasks=["class_scene"], bank=str(own), transfer={"max_order": 1})
    assert taxonomy_run(path) == 0
    before = files(run)
    network = small_network(BANKED[2])
    network.encoder.compress_bn.bias.data += 0.5
    convert(network, "safetensors", own)
    assert taxonomy_run(path) == 0
    again = {
        Path(name).parts[1] for name in written(before, files(run)) if name.startswith("representations")
    }
    assert again == {BANKED[2]}


def test_weights_of_a_run_say_what_their_vectors_mean(tmp_path: Path) -> None:
    network = small_network("fixated_pose")
    assert network.task.standard is not None
    assert network.decoder is not None
    standard = Standard(tuple(float(n) for n in range(6)), (0.5,) * 6)
    task = replace(network.task, standard=standard)
    weights = {f"encoder.{name}": values for name, values in network.encoder.state_dict().items()}
    weights |= {f"decoder.{name}": values for name, values in network.decoder.state_dict().items()}
    write_weights(
        tmp_path / "weights.safetensors", weights, About(task.name, network.size, standard).as_json()
    )
    found = load_file(tmp_path / "weights.safetensors", "fixated_pose")
    assert found.task.standard == standard
