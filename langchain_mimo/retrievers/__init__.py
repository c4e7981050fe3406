"""The moments that a search found, as blocks for the model, and answers with time codes that hold.

Public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo.retrievers.blocks import media_blocks, moment_blocks
    from langchain_mimo.retrievers.chain import media_rag_chain
    from langchain_mimo.retrievers.citations import (
        CheckedAnswer,
        CheckedCitation,
        Citation,
        CitedAnswer,
        DroppedCitation,
        checked_answer,
    )
    from langchain_mimo.retrievers.media import MiMoMediaRetriever
    from langchain_mimo.retrievers.moments import LeftOut, Moment, Moments, moments_of
    from langchain_mimo.retrievers.tool import create_media_retriever_tool

_MODULES = {
    "CheckedAnswer": "langchain_mimo.retrievers.citations",
    "CheckedCitation": "langchain_mimo.retrievers.citations",
    "Citation": "langchain_mimo.retrievers.citations",
    "CitedAnswer": "langchain_mimo.retrievers.citations",
    "DroppedCitation": "langchain_mimo.retrievers.citations",
    "LeftOut": "langchain_mimo.retrievers.moments",
    "MiMoMediaRetriever": "langchain_mimo.retrievers.media",
    "Moment": "langchain_mimo.retrievers.moments",
    "Moments": "langchain_mimo.retrievers.moments",
    "checked_answer": "langchain_mimo.retrievers.citations",
    "create_media_retriever_tool": "langchain_mimo.retrievers.tool",
    "media_blocks": "langchain_mimo.retrievers.blocks",
    "media_rag_chain": "langchain_mimo.retrievers.chain",
    "moment_blocks": "langchain_mimo.retrievers.blocks",
    "moments_of": "langchain_mimo.retrievers.moments",
}

__all__ = [
    "CheckedAnswer",
    "CheckedCitation",
    "Citation",
    "CitedAnswer",
    "DroppedCitation",
    "LeftOut",
    "MiMoMediaRetriever",
    "Moment",
    "Moments",
    "checked_answer",
    "create_media_retriever_tool",
    "media_blocks",
    "media_rag_chain",
    "moment_blocks",
    "moments_of",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo.retrievers' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
