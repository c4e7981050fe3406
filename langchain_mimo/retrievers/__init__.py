"""The moments that a search found, as blocks for the model, and answers with time codes that hold.

Public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES: dict[str, str] = {}

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo.retrievers' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
