"""Media as LangChain Documents: described once, with time ranges, and never paid for twice.

Public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo.cost.segments import MediaSegment
    from langchain_mimo.document_loaders.blobs import MediaBlobLoader

_MODULES = {
    "MediaBlobLoader": "langchain_mimo.document_loaders.blobs",
    "MediaSegment": "langchain_mimo.cost.segments",
}

__all__ = [
    "MediaBlobLoader",
    "MediaSegment",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo.document_loaders' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
