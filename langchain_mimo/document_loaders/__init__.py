"""Media as LangChain Documents: described once, with time ranges, and never paid for twice.

Public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_mimo.cost.segments import MediaSegment
    from langchain_mimo.document_loaders.blobs import MediaBlobLoader
    from langchain_mimo.document_loaders.journal import MediaJournal
    from langchain_mimo.document_loaders.journal_claims import Claim
    from langchain_mimo.document_loaders.journal_entries import (
        Answer,
        Entry,
        SegmentInfo,
        media_key,
    )
    from langchain_mimo.document_loaders.journal_report import JournalReport, JournalRow
    from langchain_mimo.document_loaders.media import MiMoMediaLoader
    from langchain_mimo.document_loaders.parsers import MiMoMediaParser
    from langchain_mimo.document_loaders.plans import MediaPlan, PlanOptions
    from langchain_mimo.document_loaders.progress import LoadProgress
    from langchain_mimo.document_loaders.schemas import MediaDescription, MediaOverview, MediaScene
    from langchain_mimo.document_loaders.segments import plan_media
    from langchain_mimo.document_loaders.transcripts import Cue

_MODULES = {
    "Answer": "langchain_mimo.document_loaders.journal_entries",
    "Claim": "langchain_mimo.document_loaders.journal_claims",
    "Cue": "langchain_mimo.document_loaders.transcripts",
    "Entry": "langchain_mimo.document_loaders.journal_entries",
    "JournalReport": "langchain_mimo.document_loaders.journal_report",
    "JournalRow": "langchain_mimo.document_loaders.journal_report",
    "LoadProgress": "langchain_mimo.document_loaders.progress",
    "MediaBlobLoader": "langchain_mimo.document_loaders.blobs",
    "MediaDescription": "langchain_mimo.document_loaders.schemas",
    "MediaJournal": "langchain_mimo.document_loaders.journal",
    "MediaOverview": "langchain_mimo.document_loaders.schemas",
    "MediaPlan": "langchain_mimo.document_loaders.plans",
    "MediaScene": "langchain_mimo.document_loaders.schemas",
    "MediaSegment": "langchain_mimo.cost.segments",
    "MiMoMediaLoader": "langchain_mimo.document_loaders.media",
    "MiMoMediaParser": "langchain_mimo.document_loaders.parsers",
    "PlanOptions": "langchain_mimo.document_loaders.plans",
    "SegmentInfo": "langchain_mimo.document_loaders.journal_entries",
    "media_key": "langchain_mimo.document_loaders.journal_entries",
    "plan_media": "langchain_mimo.document_loaders.segments",
}

__all__ = [
    "Answer",
    "Claim",
    "Cue",
    "Entry",
    "JournalReport",
    "JournalRow",
    "LoadProgress",
    "MediaBlobLoader",
    "MediaDescription",
    "MediaJournal",
    "MediaOverview",
    "MediaPlan",
    "MediaScene",
    "MediaSegment",
    "MiMoMediaLoader",
    "MiMoMediaParser",
    "PlanOptions",
    "SegmentInfo",
    "media_key",
    "plan_media",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        msg = f"module 'langchain_mimo.document_loaders' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
