"""Every notebook runs from its first cell to its last, with the published table and with the shipped one."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lightning_taskonomy.taxonomy import Transfers
from tests.taxonomy.authors_folder import write_results

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = [
    pytest.mark.slow,
    # The kernel's own plumbing, in its process and in ours, is not under test.
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


def _reading_published_tables() -> list[Path]:
    """Those that read other data where the published tables are absent."""
    return [path for path in NOTEBOOKS if "shared" in path.read_text(encoding="utf-8")]


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_where_it_stands(path: Path) -> None:
    notebook = run(path, path.parent)
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("path", _reading_published_tables(), ids=lambda path: path.stem)
def test_runs_with_the_shipped_data_alone(path: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "data", checkout / "data")
    run(path, checkout / "notebooks")


def test_the_authors_folder_is_followed_where_it_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data", tmp_path / "checkout" / "data")
    (tmp_path / "checkout" / "notebooks").mkdir()
    shipped = Transfers.read_csv(ROOT / "data" / "transfers.csv")
    write_results(tmp_path / "taskonomy" / "results", shipped)
    notebook = run(ROOT / "notebooks" / "01_published_taxonomy.ipynb", tmp_path / "checkout" / "notebooks")
    words = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert f"results: {len(shipped)} transfers to {len(shipped.targets)} targets" in words
