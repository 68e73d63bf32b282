"""The explorer: from a move of the slider to the new graph, and fifty sessions at once.

python -m benchmarks.explorer [--table TRANSFERS.csv] [slider] [sessions]

The baseline is a page without any cache: read, prepare and solve for every request. The slider is moved in
Debian's chromium, and timed there from the key press to the frame with the new graph and headline.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lightning_taskonomy.explorer.app import serve
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import Tables
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from tests.explorer.asking import graphs_request, post
from tests.explorer.browser import Browser, open_browser

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / ".." / "shared" / "published" / "transfers_16k.csv"
SESSIONS, REQUESTS = 50, 10
_MOVE = """
const done = arguments[arguments.length - 1];
const thumb = document.querySelector('#budget [role=slider]');
const cy = document.getElementById('graph')._cyreg.cy;
const before = document.getElementById('headline').innerText;
const graph = () => JSON.stringify(cy.edges('.used').map((edge) => edge.id()).sort());
const edges = graph();
const start = performance.now();
const look = () => {
  const moved = document.getElementById('headline').innerText !== before && graph() !== edges;
  if (moved || performance.now() - start > 10000) {
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
  } else {
    setTimeout(look, 2);
  }
};
thumb.focus();
thumb.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}));
look();
"""


@contextmanager
def running(table: Path) -> Iterator[str]:
    server = serve(Explorer(Tables([table])), port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def unshared(table: Path, budget: float) -> float:
    start = time.perf_counter()
    TaxonomyProblem(Transfers.read_csv(table), budget).solve()
    return 1000 * (time.perf_counter() - start)


def moves(browser: Browser, key: str, count: int) -> list[float]:
    return [float(browser.driver.execute_async_script(_MOVE, key)) for _ in range(count)]


def slider(table: Path) -> None:
    baseline = [unshared(table, budget) for budget in (3, *range(3, 15))][1:]
    print(
        f"nothing cached, no drawing: median {statistics.median(baseline):.0f} ms, "
        f"worst {max(baseline):.0f} ms"
    )
    with running(table) as page, tempfile.TemporaryDirectory() as folder:
        browser = open_browser(Path(folder))
        try:
            for name, query in (("changed problem", "importance=rgb2depth%3D2&"), ("solved problem", "")):
                browser.open(f"{page}/?{query}budget=2")
                if name == "solved problem":
                    browser.open(f"{page}/?budget=26")
                    time.sleep(3)  # all budgets are solved by now
                    browser.open(f"{page}/?budget=2")
                times = moves(browser, "ArrowRight", 12)
                ratio = statistics.median(times) / statistics.median(baseline)
                print(
                    f"slider to new graph, {name}: median {statistics.median(times):.0f} ms, "
                    f"worst {max(times):.0f} ms: {ratio:.2f} x the baseline"
                )
        finally:
            browser.driver.quit()


def sessions(table: Path) -> None:
    with running(table) as page:
        request = graphs_request(page, "")

        def session(number: int) -> list[float]:
            times = []
            for step in range(REQUESTS):
                budget, order = 2 + (number + step) % 24, 1 + number % 4
                changed = json.loads(json.dumps(request))
                changed["inputs"][0]["value"] = f"budget={budget}&max_order={order}"
                start = time.perf_counter()
                status, body = post(page, changed)
                times.append(1000 * (time.perf_counter() - start))
                if status != 200:
                    raise RuntimeError(f"{status}: {body[:200]!r}")
            return times

        start = time.perf_counter()
        with ThreadPoolExecutor(SESSIONS) as pool:
            times = sorted(wait for waits in pool.map(session, range(SESSIONS)) for wait in waits)
        whole = time.perf_counter() - start
    baseline = sum(unshared(table, 2 + number % 24) for number in range(20)) / 20
    print(
        f"{SESSIONS} sessions, {len(times)} requests for 96 programs: {whole:.1f} s, no error, median "
        f"{statistics.median(times):.0f} ms, 95th percentile {times[int(0.95 * len(times))]:.0f} ms; "
        f"solving each separately {baseline * len(times) / 1000:.1f} s: "
        f"{baseline * len(times) / 1000 / whole:.1f} x as fast"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("slider", "sessions")
    parser.add_argument("parts", nargs="*", help=f"{' or '.join(parts)}; by default both")
    parser.add_argument(
        "--table", type=Path, default=PUBLISHED if PUBLISHED.exists() else ROOT / "data" / "transfers.csv"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(parts):
        parser.error(f"expected {' or '.join(parts)}, found {', '.join(unknown)}")
    if "slider" in (chosen.parts or parts):
        slider(chosen.table)
    if "sessions" in (chosen.parts or parts):
        sessions(chosen.table)


if __name__ == "__main__":
    main()
