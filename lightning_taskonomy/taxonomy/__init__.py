"""From measured losses to a taxonomy, without torch: tournament, affinities, boolean program, evidence.

The names below are the public interface; each is imported on first access.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_taskonomy.taxonomy.grouping import CandidateNetworks, Grouping, GroupingProblem
    from lightning_taskonomy.taxonomy.losses import LossTable
    from lightning_taskonomy.taxonomy.measurement import Measurement
    from lightning_taskonomy.taxonomy.program import RelatedPrograms, TaxonomyProblem
    from lightning_taskonomy.taxonomy.taxonomy import Taxonomy
    from lightning_taskonomy.taxonomy.tournament import Tournament
    from lightning_taskonomy.taxonomy.transfers import Transfer, Transfers

_HOME = {
    "CandidateNetworks": "grouping",
    "Grouping": "grouping",
    "GroupingProblem": "grouping",
    "LossTable": "losses",
    "Measurement": "measurement",
    "RelatedPrograms": "program",
    "Taxonomy": "taxonomy",
    "TaxonomyProblem": "program",
    "Tournament": "tournament",
    "Transfer": "transfers",
    "Transfers": "transfers",
}

__all__ = [
    "CandidateNetworks",
    "Grouping",
    "GroupingProblem",
    "LossTable",
    "Measurement",
    "RelatedPrograms",
    "Taxonomy",
    "TaxonomyProblem",
    "Tournament",
    "Transfer",
    "Transfers",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
