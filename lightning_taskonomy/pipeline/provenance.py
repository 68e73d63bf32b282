"""How a run's results were made: its configuration, the versions of what it used, and its data."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lightning_taskonomy
from lightning_taskonomy.core.output import write_text
from lightning_taskonomy.data.representations.fingerprints import of_data
from lightning_taskonomy.data.stream.partners import Span, needed_domains
from lightning_taskonomy.pipeline.networks import samples_of
from lightning_taskonomy.pipeline.settings import PipelineSettings
from lightning_taskonomy.report.findings import PROVENANCE

_PACKAGES = (
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "webdataset",
    "numpy",
    "scipy",
    "cvxpy",
    "highspy",
)
_SPLITS = ("train", "val", "test")


def write_provenance(settings: PipelineSettings) -> None:
    """Write `made_by.json` into the run's folder."""
    domains = sorted({name for task in settings.by_name.values() for name in needed_domains(task)})
    content = {
        "configuration": asdict(settings),
        "versions": _versions(),
        "data": {split: _split(settings, split, domains) for split in _SPLITS},
    }
    write_text(settings.root / PROVENANCE, json.dumps(content, indent=1) + "\n")


def _versions() -> dict[str, str]:
    found = {"lightning_taskonomy": lightning_taskonomy.__version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a local build
            found[package] = "unknown"
    return found


def _split(settings: PipelineSettings, split: str, domains: list[str]) -> dict[str, Any]:
    return {
        "samples": samples_of(settings, split),
        "sha256": of_data(settings.shards, split, domains, Span(), settings.size),
    }
