from pathlib import Path
from types import ModuleType

from lightning_taskonomy.bank.folder import BankFolder
from lightning_taskonomy.bank.listing import listed
from lightning_taskonomy.bank.published import PUBLISHED, parsed
from lightning_taskonomy.tasks import task_named
from tests.bank.small_networks import write_small_bank
from tests.bank.test_network import small_bank


def test_table_names_what_the_published_classes_name(reference: ModuleType) -> None:
    ours = [file for entry in PUBLISHED for file in entry.files.values()]
    assert sorted(ours) == sorted(reference.TASKONOMY_PRETRAINED_WEIGHT_FILES)


def test_published_channels_are_those_of_the_tasks() -> None:
    for entry in PUBLISHED:
        output = task_named(entry.name).output
        if entry.channels is not None:
            assert entry.channels == output.outputs
        assert (entry.channels is None) == (entry.decoder is None)


def test_names_are_read_back() -> None:
    for entry in PUBLISHED:
        for part, file in entry.files.items():
            name = parsed(file)
            assert name is not None
            assert (name.task, name.part) == (entry.name, part)
    assert parsed("normal_encoder-123.pth") is None


def test_without_a_folder_everything_is_absent() -> None:
    rows = listed(None, "https://mirror")
    assert len(rows) == 2 * len(PUBLISHED)
    assert {row.state for row in rows} == {"absent", "not published"}
    assert not any(row.is_damaged for row in rows)
    (row,) = [row for row in rows if (row.name, row.part) == ("normal", "encoder")]
    assert (
        row.place
        == f"https://mirror/{PUBLISHED[[e.name for e in PUBLISHED].index('normal')].files['encoder']}"
    )


def test_files_are_compared_with_their_names(tmp_path: Path) -> None:
    small_bank(tmp_path)
    damaged = next(tmp_path.glob("normal_decoder-*"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    states = {row.part: row for row in listed(BankFolder.open(tmp_path)) if row.name == "normal"}
    assert states["encoder"].state == "present, not the published one"
    assert states["decoder"].state.startswith("damaged or incomplete: expected SHA-256")
    assert [row.part for row in states.values() if row.is_damaged] == ["decoder"]


def test_networks_of_a_run_are_listed(tmp_path: Path) -> None:
    write_small_bank(tmp_path, "normal", "class_selected")
    rows = {row.name: row for row in listed(BankFolder.open(tmp_path)) if row.part == "network"}
    assert rows.keys() == {"normal", "class_selected"}
    assert {row.state for row in rows.values()} == {"present"}
    assert rows["normal"].title == "Normals"
