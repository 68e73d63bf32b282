"""A running page, and a browser for it."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dash", reason="the extra 'explore' is not installed")
pytest.importorskip("dash_cytoscape", reason="the extra 'explore' is not installed")

from PIL import Image

from lightning_taskonomy.core.output import write_csv
from lightning_taskonomy.explorer.app import serve
from lightning_taskonomy.explorer.run_panel import pictures_of
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import Tables
from lightning_taskonomy.report.transfer_pictures import COLUMNS, FOLDER, INDEX
from tests.explorer.browser import Browser, open_browser
from tests.taxonomy.tables import random_transfers

OWN = Path(__file__).parents[2] / "data" / "transfers.csv"


@pytest.fixture(scope="session")
def own() -> Path:
    """The table of the repository: nine tasks."""
    return OWN


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second table, of other tasks."""
    path = tmp_path_factory.mktemp("tables") / "other.csv"
    random_transfers(6, seed=3).write_csv(path)
    return path


def _running(explorer: Explorer) -> Iterator[str]:
    server = serve(explorer, port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def page(own: Path, other: Path) -> Iterator[str]:
    """The address of a page with two tables."""
    yield from _running(Explorer(Tables([own, other])))


@pytest.fixture(scope="session")
def run(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: its table, and three strips of the target depth."""
    run = tmp_path_factory.mktemp("run")
    (run / "transfers.csv").write_bytes(own.read_bytes())
    folder = run / FOLDER / "depth"
    folder.mkdir(parents=True)
    rows = [
        ("reshading", "win", "cedar/point_0_view_0", 0.1, 0.5, 0.05, "0.jpg"),
        ("reshading", "loss", "cedar/point_1_view_0", 0.6, 0.5, 0.06, "1.jpg"),
        ("reshading+normals", "win", "cedar/point_2_view_0", 0.2, 0.4, 0.07, "2.jpg"),
    ]
    write_csv(folder / INDEX, COLUMNS, rows)
    for number, (*_, name) in enumerate(rows):
        Image.new("RGB", (80, 16), (40 * number, 90, 160)).save(folder / name)
    return run


@pytest.fixture(scope="session")
def run_page(run: Path) -> Iterator[str]:
    """The address of a page of a run."""
    yield from _running(Explorer(Tables([run / "transfers.csv"]), pictures_of(run)))


@pytest.fixture(scope="session")
def empty_page() -> Iterator[str]:
    """The address of a page without a table."""
    yield from _running(Explorer(Tables()))


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser window as large as a laptop's."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: chromium and chromium-driver)")
    window = open_browser(tmp_path_factory.mktemp("downloads"))
    yield window
    window.driver.quit()


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """The window as if it had just been opened."""
    yield window
    window.forget()
