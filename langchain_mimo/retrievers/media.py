"""MiMoMediaRetriever: any retriever of media Documents, as one of moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, ValidationError, model_validator
from typing_extensions import override

from langchain_mimo._checks import nearest, shown
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError
from langchain_mimo.retrievers.blocks import moment_blocks
from langchain_mimo.retrievers.hits import absolute_path, checked_documents
from langchain_mimo.retrievers.moments import (
    LeftOut,
    Moment,
    Moments,
    Order,
    argument_hint,
    moments_of,
)
from langchain_mimo.tokens import MediaResolution

_LIMITS = ("max_seconds", "budget_tokens", "k")


class FoundDocuments(list[Document]):
    """Documents of moments, as a search returns them.

    Attributes:
        left_out: What was found and is not shown.
    """

    def __init__(self, documents: Iterable[Document], left_out: Iterable[LeftOut]) -> None:
        super().__init__(documents)
        self.left_out = tuple(left_out)


class MiMoMediaRetriever(BaseRetriever):
    """Returns the moments of media that another retriever finds, one Document each.

    The other retriever finds Documents of `MiMoMediaLoader`. Neighbours are joined, padded and kept
    within limits, as `moments_of` says. Each Document that is returned has

    - the joined texts of what was found there as `page_content`;
    - the metadata of the first of them, with `source`, `source_sha256`, `modality`, `start_s`,
      `end_s` and `link` of the moment, and its number as `moment`.

    `as_blocks` turns them into content blocks for a message.

    Example:
        ```python
        from langchain_core.embeddings import DeterministicFakeEmbedding
        from langchain_core.vectorstores import InMemoryVectorStore
        from langchain_mimo.retrievers import MiMoMediaRetriever

        store = InMemoryVectorStore(DeterministicFakeEmbedding(size=64))
        retriever = MiMoMediaRetriever(
            retriever=store.as_retriever(search_kwargs={"k": 8}), root=".", budget_tokens=50_000
        )
        blocks = retriever.as_blocks(retriever.invoke("the sun over the sea"))
        ```

    Raises:
        MiMoConfigurationError: An argument is unknown, is out of range, or is not what it should
            be.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: BaseRetriever
    """The retriever that finds Documents of media. It decides how many."""

    root: str | os.PathLike[str] | list[str | os.PathLike[str]]
    """The folder that was loaded, or several; a file loaded alone. It is made absolute at once."""

    merge_gap_s: float = 2.0
    """Most seconds between Documents of a source that become one moment."""

    pad_s: float = 2.0
    """Seconds that are shown before and after."""

    max_seconds: float | None = None
    """Most seconds of video and audio that all moments show. Default: no limit."""

    budget_tokens: int | None = None
    """Most tokens of all media, without text, as `fps` and `media_resolution` sample them: if they
    are None, with 2 and "default", or, in `media_rag_chain`, those of ChatMiMo. Default: no
    limit."""

    k: int | None = None
    """Most moments; `invoke(query, k=…)` sets it for a call. Default: no limit."""

    fps: float | None = None
    """Frames per second that the blocks set, 0.1 to 10. Default: the model's setting."""

    media_resolution: MediaResolution | None = None
    """"default" or "max", which the blocks set. Default: the model's setting."""

    order: Order = "time"
    """"time": by source and time, for MiMo's cache. "rank": the best first."""

    prepared_dir: str | os.PathLike[str] | None = None
    """Folder for files that have to be converted. Default: what needs it raises."""

    @model_validator(mode="wrap")
    @classmethod
    def _check_names_and_types(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        known = set(cls.model_fields)
        for name in values if isinstance(values, Mapping) else ():
            if name not in known:
                near = nearest(name, known)
                hint = argument_hint(name) or (f"did you mean {near!r}?" if near else None)
                hint = hint or f"it has {', '.join(sorted(known))}"
                raise MiMoConfigurationError(f"{cls.__name__} has no argument {name!r}; {hint}")
        try:
            return handler(values)
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ": ".join([cls.__name__, *map(str, wrong["loc"][:1])])
            got = "" if wrong["type"] == "missing" else f", got {shown(wrong['input'])}"
            raise MiMoConfigurationError(f"{where}: {wrong['msg']}{got}") from error

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        try:
            moments_of([], **self._joining())
            # The program may change its working directory between calls.
            self.root = (
                [absolute_path("root", each) for each in self.root]
                if isinstance(self.root, list)
                else absolute_path("root", self.root)
            )
            if self.prepared_dir is not None:
                self.prepared_dir = absolute_path("prepared_dir", self.prepared_dir)
        except MiMoInputError as error:
            raise MiMoConfigurationError(f"{type(self).__name__}: {error}") from None
        return self

    def _joining(self) -> dict[str, Any]:
        return {
            "root": self.root,
            "merge_gap_s": self.merge_gap_s,
            "pad_s": self.pad_s,
            "max_seconds": self.max_seconds,
            "budget_tokens": self.budget_tokens,
            "k": self.k,
            "fps": self.fps,
            "media_resolution": self.media_resolution,
            "order": self.order,
        }

    @override
    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
    ) -> list[Document]:
        config = {"callbacks": run_manager.get_child()}
        return self._found(self.retriever.invoke(query, config), k)  # type: ignore[arg-type]

    @override
    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
    ) -> list[Document]:
        config = {"callbacks": run_manager.get_child()}
        found = await self.retriever.ainvoke(query, config)  # type: ignore[arg-type]
        return await run_in_executor(None, self._found, found, k)

    def _found(self, documents: list[Document], k: int | None) -> list[Document]:
        limits = {name: getattr(self, name) for name in _LIMITS} | ({} if k is None else {"k": k})
        moments = self._moments(documents, limits)
        left_out = *_left_out_before(documents), *moments.left_out
        return FoundDocuments(map(moment_document, moments), left_out)

    def moments_for(self, documents: Iterable[Document]) -> Moments:
        """Return the moments of Documents that this retriever returned, or of any others of media.

        Those that it returned are joined and padded already, and stay as they are.

        Args:
            documents: The Documents.

        Returns:
            The moments; `left_out` has also what the search left out, if `documents` is the list
            that `invoke` returned.

        Raises:
            MediaError: As `moments_of`.
            MiMoInputError: As `moments_of`.
        """
        listed = checked_documents(documents)
        is_ready = bool(listed) and all(map(_is_moment, listed))
        limits = {name: None if is_ready else getattr(self, name) for name in _LIMITS}
        moments = self._moments(listed, limits)
        return Moments(moments, (*_left_out_before(documents), *moments.left_out))

    def _moments(self, documents: list[Document], limits: dict[str, Any]) -> Moments:
        """Return moments within limits; Documents that are moments are not padded again."""
        options = self._joining() | limits
        ready = [document for document in documents if _is_moment(document)]
        if not ready:
            return moments_of(documents, **options)
        others = [document for document in documents if not _is_moment(document)]
        added = moments_of(others, **options | dict.fromkeys(_LIMITS))
        options |= {"merge_gap_s": 0.0, "pad_s": 0.0}
        moments = moments_of([*ready, *map(moment_document, added)], **options)
        return Moments(moments, (*added.left_out, *moments.left_out))

    def as_blocks(
        self, documents: Iterable[Document], *, label: bool = True
    ) -> list[dict[str, Any]]:
        """Return the content blocks of Documents that this retriever returned.

        Args:
            documents: The Documents; others of media are joined and padded first.
            label: Whether a text stands before each block.

        Raises:
            MediaError: As `media_blocks`.
            MiMoInputError: As `media_blocks`.
        """
        return self.blocks_of(self.moments_for(documents), label=label)

    async def aas_blocks(
        self, documents: Iterable[Document], *, label: bool = True
    ) -> list[dict[str, Any]]:
        """Return what `as_blocks` does, without blocking the event loop.

        Args:
            documents: As for `as_blocks`.
            label: As for `as_blocks`.
        """
        return await run_in_executor(None, self.as_blocks, documents, label=label)

    def blocks_of(
        self, moments: Iterable[Moment], *, label: bool = True, inline: bool = False
    ) -> list[dict[str, Any]]:
        """Return the content blocks of moments, with the settings of this retriever.

        Args:
            moments: What `moments_for` returned.
            label: As for `as_blocks`.
            inline: As for `moment_blocks`: True for chat models of other providers.

        Raises:
            MediaError: As `media_blocks`.
            MiMoInputError: As `moment_blocks`.
        """
        return moment_blocks(
            moments,
            fps=self.fps,
            media_resolution=self.media_resolution,
            prepared_dir=self.prepared_dir,
            label=label,
            inline=inline,
        )


def _left_out_before(documents: Iterable[Document]) -> tuple[LeftOut, ...]:
    """Return what the search that found Documents left out."""
    return documents.left_out if isinstance(documents, FoundDocuments) else ()


def _is_moment(document: Document) -> bool:
    return "moment" in document.metadata


def moment_document(moment: Moment) -> Document:
    """Return a moment as a Document.

    Args:
        moment: The moment.
    """
    facts = moment.to_dict()
    stated = ("source", "source_sha256", "modality", "start_s", "end_s", "link")
    metadata = {
        **moment.documents[0].metadata,
        **{name: facts[name] for name in stated},
        "moment": moment.number,
    }
    return Document(page_content=moment.description, metadata=metadata)
