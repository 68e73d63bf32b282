"""The task bank: finds, loads, converts and runs trained networks, published or your own.

The names below are the public interface; each is imported on first use, as most need torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_taskonomy.bank.folder import BankFolder
    from lightning_taskonomy.bank.network import BankNetwork, load

_HOME = {"BankFolder": "folder", "BankNetwork": "network", "load": "network"}

__all__ = ["BankFolder", "BankNetwork", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
