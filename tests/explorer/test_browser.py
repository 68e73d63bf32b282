"""The page in a real browser: the same results and messages as on the command line."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from lightning_taskonomy.cli import main
from lightning_taskonomy.explorer.app import serve
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD, Tables
from lightning_taskonomy.taxonomy import Transfer, Transfers
from tests.explorer.browser import Browser
from tests.taxonomy.tables import random_transfers

pytestmark = pytest.mark.slow


def solved(table: Path, folder: Path, *options: str) -> dict[str, Any]:
    """What `taxonomy solve` writes."""
    assert main(["taxonomy", "solve", "--transfers", str(table), "--out", str(folder), *options]) == 0
    content: dict[str, Any] = json.loads((folder / "taxonomy.json").read_text())
    return content


def sources(taxonomy: dict[str, Any]) -> dict[str, frozenset[str]]:
    """The tasks behind each target; a target trained fully is its own source."""
    return {
        entry["target"]: frozenset(entry["target"] if name == "self" else name for name in entry["sources"])
        for entry in taxonomy["transfers"]
    }


def shows(browser: Browser, taxonomy: dict[str, Any], graph: str = "graph") -> bool:
    return browser.transfers(graph) == sources(taxonomy) and browser.trained(graph) == set(
        taxonomy["sources"]
    )


def downloaded(browser: Browser, name: str) -> bytes | None:
    file = browser.downloads / name
    return file.read_bytes() if file.exists() else None


def wait_for(browser: Browser, name: str, content: bytes) -> None:
    browser.until(lambda: downloaded(browser, name) == content)


def test_moving_the_budget_shows_what_solve_finds(
    browser: Browser, page: str, own: Path, tmp_path: Path
) -> None:
    browser.open(f"{page}/?budget=3")
    first = solved(own, tmp_path / "3", "--budget", "3")
    browser.until(lambda: shows(browser, first))
    assert f"{first['objective']:.4f}" in browser.text("#headline")

    browser.find("#budget [role=slider]").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    second = solved(own, tmp_path / "5", "--budget", "5")
    assert sources(second) != sources(first)
    browser.until(lambda: shows(browser, second))
    browser.until(lambda: f"{second['objective']:.4f}" in browser.text("#headline"))
    for entry in second["transfers"]:
        row = browser.text(f"tr[data-target='{entry['target']}']")
        assert f"{entry['gain']:.3f}" in row
        assert f"{entry['quality']:.3f}" in row

    # The address is a link to what is shown.
    link = browser.until(
        lambda: browser.driver.current_url if "budget=5" in browser.driver.current_url else None
    )
    browser.driver.get("about:blank")
    browser.open(link)
    browser.until(lambda: shows(browser, second))
    assert browser.find("#budget [role=slider]").get_attribute("aria-valuenow") == "5"
    assert browser.origins() == {page}
    assert browser.complaints() == []


def test_roles_weights_and_costs(browser: Browser, page: str, own: Path, tmp_path: Path) -> None:
    browser.open(f"{page}/?budget=3")

    def box(task: str, role: str) -> Any:  # noqa: ANN401
        return browser.find(f"[id*='{task}'][id*='roles'] input[value='{role}']")

    def write(task: str, kind: str, number: str) -> None:
        browser.find(f"input[id*='\"{task}\"'][id*='{kind}']").send_keys(
            Keys.CONTROL, "a", Keys.NULL, number, Keys.TAB
        )

    box("normals", "train").send_keys(Keys.SPACE)
    box("scene", "solve").click()
    write("depth", "importance", "4")
    write("reshading", "cost", "0")
    expected = solved(
        own,
        tmp_path / "out",
        *("--budget", "3", "--target-only", "normals", "--source-only", "scene"),
        *("--importance", "depth=4", "--cost", "reshading=0"),
    )
    browser.until(lambda: shows(browser, expected))
    browser.until(lambda: f"{expected['objective']:.4f}" in browser.text("#headline"))
    assert "target_only=normals" in browser.driver.current_url

    write("depth", "importance", "-1")
    problem = "importance: expected a number of at least 0 for depth, found -1"
    browser.until(lambda: problem in browser.text("#problem"))


def test_a_budget_that_is_too_small_says_what_solve_says(
    browser: Browser, page: str, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["taxonomy", "solve", "--transfers", str(own), "--budget", "0", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    line = capsys.readouterr().err.removeprefix("error: ").strip()
    browser.driver.get(f"{page}/?budget=0")
    browser.until(lambda: browser.text("#problem") == line)
    assert browser.trained() == set()


def test_uploading_tables(browser: Browser, page: str, tmp_path: Path) -> None:
    browser.open(page)
    broken = tmp_path / "broken.csv"
    head = "target,sources,order,affinity,win_rate_vs_scratch,win_rate_vs_full\n"
    broken.write_text(head + "a,self,1,high,0.9,0.5\n")
    upload = browser.find("#upload input[type=file]")
    upload.send_keys(str(broken))
    browser.until(
        lambda: (
            "broken.csv, row 2, column affinity: expected a finite number" in browser.text("#upload-problem")
        )
    )

    mine = tmp_path / "mine.csv"
    mine.write_text(head + "a,self,1,0.5,0.9,0.5\nb,a,1,0.25,0.8,0.4\nb,self,1,0.1,0.9,0.5\n")
    upload.send_keys(str(mine))
    browser.until(lambda: browser.transfers() == {"a": {"a"}, "b": {"a"}} or None)
    browser.until(lambda: "mine" in browser.text("#table-box"))
    assert browser.text("#upload-problem") == ""

    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * (LARGEST_UPLOAD + 1))
    browser.find("#upload input[type=file]").send_keys(str(large))
    problem = "large.csv: expected at most 8,388,608 bytes, found 8,388,609"
    browser.until(lambda: browser.text("#upload-problem") == problem)


def test_names_with_special_meaning_elsewhere(browser: Browser, empty_page: str, tmp_path: Path) -> None:
    names = ["a:b", "c.d", "<img src=x onerror=alert(1)>", 'é "q"', "{}", "#1 &amp; 50%", "it's"]
    path = tmp_path / "names.csv"
    rows = [Transfer(name, ("self",), 0.2, 0.9, 0.5) for name in names]
    rows += [Transfer(name, (names[0],), 0.5, 0.8, 0.4) for name in names[1:]]
    rows += [Transfer(names[1], (names[0], names[2]), 0.1, 0.8, 0.4)]
    Transfers(tuple(rows)).write_csv(path)
    browser.driver.get(empty_page)
    browser.find("#upload input[type=file]").send_keys(str(path))
    expected = {name: frozenset(names[:1]) for name in names}
    browser.until(lambda: browser.transfers() == expected)
    for name in names:
        assert name.lower() in browser.text("#results").lower()
    browser.find("[id*='c.d'][id*='roles'] input[value=solve]").click()
    browser.until(lambda: set(browser.transfers()) == set(names) - {"c.d"})
    assert browser.complaints() == []


def test_names_are_written_as_they_are_in_plots(browser: Browser, empty_page: str, tmp_path: Path) -> None:
    names = ["a<b>c", "x<br>y", "&lt;tag&gt;", '<a href="/">edges</a>', "depth", "Depth"]
    path = tmp_path / "names.csv"
    rows = [Transfer(t, (s,), 0.1 + 0.01 * n, 0.5, 0.5) for t in names for n, s in enumerate(names) if s != t]
    Transfers(tuple(rows)).write_csv(path)
    browser.driver.get(empty_page)
    browser.find("#upload input[type=file]").send_keys(str(path))
    browser.find(".tabs input[value=affinities]").find_element(By.XPATH, "ancestor::label").click()
    labels = (
        "return [...document.querySelectorAll('#matrix .xaxislayer-above .xtick')].map(e => e.textContent)"
    )
    shown = browser.until(lambda: browser.driver.execute_script(labels))
    assert set(shown) == {"A<b>c", "X<br>y", *names[2:]}
    assert browser.driver.execute_script("return document.querySelectorAll('#page svg a').length") == 0


ROOM = """
const box = (selector) => document.querySelector(selector).getBoundingClientRect();
const title = box('#matrix .g-gtitle'), rows = box('#matrix .heatmaplayer image');
return [title.bottom, rows.top];
"""


def test_titles_of_large_matrices_are_clear_of_the_rows(
    browser: Browser, empty_page: str, tmp_path: Path
) -> None:
    random_transfers(80, seed=0, orders=1).write_csv(tmp_path / "many.csv")
    browser.driver.get(empty_page)
    browser.find("#upload input[type=file]").send_keys(str(tmp_path / "many.csv"))
    browser.find(".tabs input[value=affinities]").find_element(By.XPATH, "ancestor::label").click()
    browser.until(
        lambda: "After AHP" in browser.text("#matrix") and "task" in browser.text("#matrix").lower()
    )
    title, rows = browser.driver.execute_script(ROOM)
    assert title <= rows


def test_every_control_has_a_name_for_screen_readers(browser: Browser, page: str) -> None:
    browser.open(f"{page}/?budget=3&against=table")
    browser.until(browser.transfers)
    controls = "button, input:not(.dash-dropdown-focus-target), a[href], [role=slider], tr[tabindex]"
    for place in ("header", "aside", ".pictures"):
        for control in browser.find(place).find_elements(By.CSS_SELECTOR, controls):
            if control.is_displayed() and control.get_attribute("tabindex") != "-1":
                assert control.accessible_name.strip(), control.get_attribute("outerHTML")
    assert browser.find("#budget [role=slider]").accessible_name == "Labelling budget"
    assert browser.find("#table").accessible_name == "Table transfers"


def test_gain_and_quality_are_explained(browser: Browser, page: str) -> None:
    browser.open(page)
    assert "trained from scratch on the same few labels" in browser.text(".meanings")
    assert "trained fully on all its labels" in browser.text(".meanings")


def test_behind_a_proxy(browser: Browser, own: Path) -> None:
    server = serve(Explorer(Tables([own])), port=0, prefix="/user/me/proxy/8050/")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.port}/user/me/proxy/8050/"
        browser.open(f"{address}?budget=3")
        browser.until(browser.transfers)
        browser.until(
            lambda: f"{address}export/" in (browser.find("#export-json").get_attribute("href") or "")
        )
        assert browser.driver.current_url.startswith(address)
        loaded = browser.driver.execute_script(
            "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        )
        assert all(name.startswith((address, "data:")) for name in loaded), loaded
        assert browser.complaints() == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_click_on_a_curve_sets_the_budget(browser: Browser, page: str) -> None:
    browser.driver.get(f"{page}/?page=budgets&budget=3")
    thumb = browser.find("#budget [role=slider]")
    for name, place in (("objective", 6), ("quality", 7), ("objective", 4)):
        points = f"#curve-{name} .scatterlayer .point:nth-child({place})"
        ActionChains(browser.driver).move_to_element(browser.find(points)).click().perform()
        browser.until(lambda place=place: thumb.get_attribute("aria-valuenow") == str(place))  # type: ignore[misc]


def test_the_first_table_may_be_an_uploaded_one(browser: Browser, empty_page: str, own: Path) -> None:
    browser.driver.get(empty_page)
    browser.until(lambda: "Upload a table of measured transfers" in browser.text("main"))
    browser.find("#upload input[type=file]").send_keys(str(own))
    browser.until(lambda: len(browser.transfers()) == 9)
    assert browser.complaints() == []


def test_exports(browser: Browser, page: str, own: Path, tmp_path: Path) -> None:
    # First, because the page draws in this process too, and matplotlib's settings are one for all threads.
    solved(own, tmp_path / "out", "--budget", "4", "--max-order", "1")
    browser.open(f"{page}/?budget=4&max_order=1")
    browser.until(lambda: "budget=4" in (browser.find("#export-json").get_attribute("href") or ""))
    for kind in ("json", "svg", "csv"):
        browser.find(f"#export-{kind}").click()
    for name in ("taxonomy.json", "taxonomy.svg"):
        wait_for(browser, name, (tmp_path / "out" / name).read_bytes())
    table = browser.until(lambda: downloaded(browser, "taxonomy.csv")).decode()
    assert table.startswith("max_order,budget,objective,target,")
    assert table.count("\n") == 10


def test_two_budgets_and_two_tables_side_by_side(
    browser: Browser, page: str, own: Path, other: Path, tmp_path: Path
) -> None:
    browser.open(f"{page}/?budget=5&against=budget&second_budget=3")
    large = solved(own, tmp_path / "5", "--budget", "5")
    small = solved(own, tmp_path / "3", "--budget", "3")
    browser.until(lambda: shows(browser, large))
    browser.until(lambda: shows(browser, small, "second-graph"))
    differing = sum(sources(large)[target] != own for target, own in sources(small).items())
    assert f"{differing} of 9 targets are transferred differently" in browser.text("#results")

    browser.open(f"{page}/?budget=4&against=table&second_table=other")
    browser.until(lambda: shows(browser, solved(own, tmp_path / "own", "--budget", "4")))
    browser.until(lambda: shows(browser, solved(other, tmp_path / "other", "--budget", "4"), "second-graph"))
    assert browser.text("#second-name") == "other"
    assert browser.complaints() == []


def test_budgets_and_affinities(browser: Browser, page: str) -> None:
    browser.driver.get(f"{page}/?page=budgets")
    drawn = "return document.querySelectorAll(arguments[0]).length"

    def count(selector: str) -> int:
        return int(browser.driver.execute_script(drawn, selector))

    browser.until(lambda: all(count(f"#curve-{name} .scatterlayer .trace") for name in ("objective", "gain")))
    browser.until(lambda: count("#significance .scatterlayer .trace") == 3)
    browser.find(".tabs input[value=affinities]").find_element(By.XPATH, "ancestor::label").click()
    browser.until(lambda: count("#matrix .heatmaplayer image"))
    browser.until(lambda: count("#tree .scatterlayer .trace"))
    assert "After AHP" in browser.text("#matrix")
    browser.find("#stage input[value=before]").click()
    browser.until(lambda: "Before" in browser.text("#matrix"))
    assert browser.origins() == {page}
    assert browser.complaints() == []


PLACE = """
const graph = document.getElementById('graph');
graph.scrollIntoView({block: 'center'});
const corner = graph.getBoundingClientRect();
const place = graph._cyreg.cy.$id(arguments[0]).renderedPosition();
return [Math.round(corner.x + place.x), Math.round(corner.y + place.y)];
"""


def test_hovering_shows_the_values_of_a_transfer(browser: Browser, page: str, own: Path) -> None:
    browser.open(f"{page}/?budget=3")
    browser.until(browser.transfers)
    x, y = browser.driver.execute_script(PLACE, "target:depth")
    ActionChains(browser.driver).move_by_offset(x, y).perform()
    (sources,) = (names for target, names in browser.transfers().items() if target == "depth")
    (row,) = (
        row for row in Transfers.read_csv(own) if row.target == "depth" and set(row.trained_tasks) == sources
    )
    browser.until(lambda: "Depth ←" in browser.text("#about"))
    for number in (f"{row.affinity:.4f}", f"{row.gain:.3f}", f"{row.quality:.3f}"):
        assert number in browser.text("#about")
    assert "near" in (browser.find("tr[data-target=depth]").get_attribute("class") or "")
    ActionChains(browser.driver).move_to_element(browser.find("h1")).perform()
    browser.until(lambda: "Point at a line" in browser.text("#about"))


def test_touching_the_graph_scrolls_the_page_and_shows_values(browser: Browser, page: str) -> None:
    driver = browser.driver
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    browser.open(f"{page}/?budget=3")
    browser.until(browser.transfers)
    x, y = driver.execute_script(PLACE, "target:depth")

    def touch(kind: str, *points: int) -> None:
        places = [{"x": x, "y": own} for own in points]
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", y)
    touch("touchEnd")
    browser.until(lambda: "Depth ←" in browser.text("#about"))
    before = driver.execute_script("return window.scrollY")
    touch("touchStart", y)
    for step in range(20):
        touch("touchMove", y - 10 * step)
    touch("touchEnd")
    browser.until(lambda: driver.execute_script("return window.scrollY") > before + 50)


def test_all_controls_are_reached_by_the_keyboard(browser: Browser, page: str) -> None:
    browser.open(page)
    names = """
    const element = document.activeElement;
    return element.closest('[id]')?.id + ' ' + (element.getAttribute('role') ?? element.tagName)
        + ' ' + (element.closest('tr')?.dataset.target ?? '');
    """
    reached = set()
    for _ in range(120):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        reached.add(browser.driver.execute_script(names))
    words = " ".join(reached)
    for control in ("table", "copy-link", "switch-theme", "budget slider", "max-order", "measure", "against"):
        assert control in words, control
    for control in ("tabs", "export-json", "importance", "cost", "roles", "TR depth"):
        assert control in words, control
    marked = "return document.getElementById('graph')._cyreg.cy.elements('.near').length"
    browser.driver.execute_script("document.querySelector('tr[data-target=depth]').focus()")
    assert browser.driver.execute_script(marked) > 0


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_nothing_is_wider_than_the_window(browser: Browser, page: str, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for query in ("", "?against=budget", "?page=budgets", "?page=affinities"):
        browser.driver.get(f"{page}/{query}")
        browser.until(lambda: browser.text(".tabs"))
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_themes(browser: Browser, page: str) -> None:
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    browser.open(page)
    light = browser.driver.execute_script(ground)
    for _ in range(2):  # as the system, light, dark
        browser.find("#switch-theme").click()
    browser.until(lambda: "dark" in browser.text("#switch-theme"))
    dark = browser.driver.execute_script(ground)
    assert dark != light
    browser.open(page)  # it is remembered
    assert browser.driver.execute_script(ground) == dark


def test_the_pictures_of_a_run(browser: Browser, run_page: str) -> None:
    browser.driver.get(f"{run_page}/?page=run")
    widths = "return [...document.querySelectorAll('#run-pictures img')].map((image) => image.naturalWidth)"
    browser.until(lambda: browser.driver.execute_script(widths) == [80, 80, 80])
    assert "from Reshading + Normals" in browser.text("#run-pictures")
    assert browser.complaints() == []
