"""Prices conversations and media before they are sent, and responses; fits media into budgets.

Public names are imported on first use: a type hint of `Estimate` costs no measuring of media.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo.cost.budget import CallBudget
    from langchain_mimo.cost.corpus import plan_corpus
    from langchain_mimo.cost.corpus_result import CorpusEstimate, CorpusFile, UnreadableFile
    from langchain_mimo.cost.estimate_result import Estimate
    from langchain_mimo.cost.file_estimate import estimate_file
    from langchain_mimo.cost.ledger import Ledger
    from langchain_mimo.cost.ledger_callback import LedgerCallback
    from langchain_mimo.cost.ledger_rows import LedgerCost, LedgerCounts, LedgerRow
    from langchain_mimo.cost.media_estimate import MediaEstimate
    from langchain_mimo.cost.planning import VideoPlan, plan_segments, plan_video
    from langchain_mimo.cost.prices import Money, price_of
    from langchain_mimo.cost.segments import MediaSegment

_MODULES = {
    "CallBudget": "budget",
    "CorpusEstimate": "corpus_result",
    "CorpusFile": "corpus_result",
    "Estimate": "estimate_result",
    "Ledger": "ledger",
    "LedgerCallback": "ledger_callback",
    "LedgerCost": "ledger_rows",
    "LedgerCounts": "ledger_rows",
    "LedgerRow": "ledger_rows",
    "MediaEstimate": "media_estimate",
    "MediaSegment": "segments",
    "Money": "prices",
    "UnreadableFile": "corpus_result",
    "VideoPlan": "planning",
    "estimate_file": "file_estimate",
    "plan_corpus": "corpus",
    "plan_segments": "planning",
    "plan_video": "planning",
    "price_of": "prices",
}

__all__ = [
    "CallBudget", "CorpusEstimate", "CorpusFile", "Estimate", "Ledger", "LedgerCallback",
    "LedgerCost", "LedgerCounts", "LedgerRow", "MediaEstimate", "MediaSegment", "Money",
    "UnreadableFile", "VideoPlan", "estimate_file", "plan_corpus", "plan_segments", "plan_video",
    "price_of",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo.cost' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"langchain_mimo.cost.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
