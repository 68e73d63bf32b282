"""Chromium, driven by Selenium, with the queries that the tests make of the page."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

PATIENCE_S = 20.0
Value = TypeVar("Value")

_USED = """
const cy = document.getElementById(arguments[0])?._cyreg?.cy;
if (!cy) return {};
const transfers = {};
cy.edges('.used').forEach((edge) => {
  const start = edge.source();
  if (!start.id().startsWith('source:')) return;
  const own = transfers[edge.data('target_task')] ??= [];
  own.push(start.id().slice('source:'.length));
});
return transfers;
"""
_TRAINED = """
const cy = document.getElementById(arguments[0])?._cyreg?.cy;
return cy ? cy.nodes('.trained').map((node) => node.id().slice('source:'.length)) : [];
"""
_SERVED_FROM = "return performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)"


@dataclass(frozen=True)
class Browser:
    """A window.

    Attributes:
        driver: Selenium's.
        downloads: folder that files are saved in.
    """

    driver: webdriver.Chrome
    downloads: Path

    def open(self, address: str) -> None:
        """Go to a page and wait until it shows a taxonomy."""
        self.driver.get(address)
        self.until(lambda: bool(self.text("#headline")))

    def forget(self) -> None:
        """Leave the page and reset preferences, messages and the window size."""
        self.driver.execute_script("localStorage.clear(); sessionStorage.clear()")  # type: ignore[no-untyped-call, unused-ignore]
        self.driver.get("about:blank")
        self.complaints()
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        ActionBuilder(self.driver).clear_actions()

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector, waited for."""
        return self.until(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None))

    def text(self, selector: str) -> str:
        """What the first element of a CSS selector reads; empty where there is none."""
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(self.driver.execute_script(script, selector))  # type: ignore[no-untyped-call, unused-ignore]

    def transfers(self, graph: str = "graph") -> dict[str, frozenset[str]]:
        """The sources of each target, as a graph draws them."""
        drawn = self.driver.execute_script(_USED, graph)  # type: ignore[no-untyped-call, unused-ignore]
        return {target: frozenset(sources) for target, sources in drawn.items()}

    def trained(self, graph: str = "graph") -> set[str]:
        """The tasks that a graph draws as trained fully."""
        return set(self.driver.execute_script(_TRAINED, graph))  # type: ignore[no-untyped-call, unused-ignore]

    def origins(self) -> set[str]:
        """The servers that anything was loaded from."""
        return set(self.driver.execute_script(_SERVED_FROM))  # type: ignore[no-untyped-call, unused-ignore]

    def complaints(self) -> list[str]:
        """Errors in the browser's console."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call, unused-ignore]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def until(self, look: Callable[[], Value | None]) -> Value:
        """Wait until there is a result."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            seen = look()
            if seen:
                return seen
            time.sleep(0.03)
        raise AssertionError(f"not seen within {PATIENCE_S:g} s; the page reads: {self.text('body')[:2000]}")


def open_browser(downloads: Path, width: int = 1366, height: int = 768) -> Browser:
    """Start a browser without a screen.

    Args:
        downloads: folder for what it saves.
        width: of the window.
        height: of the window.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    # Containers have little shared memory, and no rights for a sandbox.
    plain = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for word in (*plain, f"--window-size={width},{height}"):
        options.add_argument(word)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    return Browser(driver, downloads)
