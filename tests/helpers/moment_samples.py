"""Documents of media files, as a search returns them.

Import it as `moment_samples`: tests/helpers is on pytest's pythonpath.
"""

import hashlib
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from langchain_mimo.media import probe


class Found(BaseRetriever):
    """Returns the same Documents for every query."""

    documents: list

    def _get_relevant_documents(self, query, *, run_manager):
        return self.documents


def described(folder, source, start_s=0.0, end_s=0.0, text=None, **metadata):
    """Return a Document of a file in a folder, or of a path of its own."""
    path = Path(folder) / source
    return Document(
        page_content=text or f"what {source} shows at {start_s:g} s",
        metadata={
            "source": source,
            "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "modality": probe(path).kind,
            "start_s": start_s,
            "end_s": end_s,
            "status": "ok",
            **metadata,
        },
    )
