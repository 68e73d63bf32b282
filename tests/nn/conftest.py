"""The reference classes that wrote the published weights."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The file with TaskonomyEncoder and TaskonomyDecoder; the rest of its package needs more than torch."""
    package = importlib.util.find_spec("visualpriors")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the reference classes are absent: pip install --no-deps visualpriors")
    path = Path(package.submodule_search_locations[0]) / "taskonomy_network.py"
    spec = importlib.util.spec_from_file_location("taskonomy_network", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
