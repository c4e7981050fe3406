"""MiMoMediaParser: media files as Documents, one request per segment."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any, get_args

from langchain_core.document_loaders import BaseBlobParser, Blob
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from pydantic import BaseModel
from typing_extensions import override

from langchain_mimo._checks import choice, integer, known_keywords, shown
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost.budget import CallBudget
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.arguments import (
    check_allowed,
    check_language,
    check_options,
    check_transcript,
    journal_of,
    runnables_of,
    schema_tokens,
    schemas_of,
)
from langchain_mimo.document_loaders.documents import Described, documents_of
from langchain_mimo.document_loaders.failures import OnError, handled, refusal, status_of
from langchain_mimo.document_loaders.journal import MediaJournal
from langchain_mimo.document_loaders.journal_entries import Entry
from langchain_mimo.document_loaders.plans import MediaPlan, PlanOptions, plan_blob, unplanned
from langchain_mimo.document_loaders.prompts import check_prompts, prompt_text
from langchain_mimo.document_loaders.records import (
    Seen,
    Unrecorded,
    record_answer,
    record_failure,
)
from langchain_mimo.document_loaders.requests import (
    Ask,
    ask_for,
    encoded_instead,
    media_block,
    model_name,
)
from langchain_mimo.document_loaders.running import Stop, ain_order, in_order, in_thread
from langchain_mimo.document_loaders.schemas import scenes_field
from langchain_mimo.document_loaders.transcripts import TranscriptSource, cues_within
from langchain_mimo.errors import (
    MediaError,
    MiMoConfigurationError,
    MiMoError,
    as_configuration_error,
)
from langchain_mimo.tokens import text_tokens

logger = logging.getLogger("langchain_mimo")


class MiMoMediaParser(BaseBlobParser):
    """Describes images, videos and audio with a chat model, and makes Documents of the answers.

    A file is sent in segments, one request each (`plan_media`). The model answers by a schema; each
    scene becomes a Document with its times in seconds of the source.

    Args:
        llm: The chat model: `ChatMiMo`, or another one that takes base64 blocks of these media.
        schema: A pydantic class that the answers fit, in place of `MediaDescription`. If one of its
            fields is a list of models with the fields `start_s` and `end_s`, such as subclasses of
            `MediaScene`, each entry becomes a Document, and the other fields one more for the whole
            segment. Otherwise the answer becomes one Document. The text has a line for each field.
        prompt: What to do, in place of `prompts.PROMPTS`; one text, or texts by modality. How to
            state times, the language and the transcript are added to it.
        scenes: Whether the default schema asks for scenes. Without, a segment is one Document.
        plan: Keyword arguments of `plan_media`. Default: its own, but `fps` and `media_resolution`
            of `ChatMiMo` where they are set.
        transcript: A function of the blob that returns its transcript or None, or "sidecar" for a
            VTT or SRT file of the same name beside it. The model gets the part that belongs to its
            segment. Documents have what the model makes of it.
        journal: A `MediaJournal`, or the path of one, in which every paid answer is kept. Without
            it, each run pays for all segments.
        on_error: What becomes of files and segments that cannot be described, and of refusals:
            "raise"; "skip", with a line in the log; or "document", which makes a Document with
            status "error" or "refused" of each. Errors that every other segment would meet too are
            raised always: configuration, a wrong key, no money, a used-up quota or budget, no such
            model, and a journal that cannot be written. An answer that does not fit the schema, and
            a scene whose times cannot be true, are Documents with status "error" unless "skip"
            leaves them out: they were paid for.
        max_concurrency: Most requests at a time for one file, at least 1. Default: 4.
        language: The language to write in, such as "German". Default: the model's choice.

    Raises:
        MiMoConfigurationError: An argument is wrong.
    """

    @known_keywords(MiMoConfigurationError)
    def __init__(
        self,
        llm: BaseChatModel,
        *,
        schema: type[BaseModel] | None = None,
        prompt: str | Mapping[str, str] | None = None,
        scenes: bool = True,
        plan: PlanOptions | None = None,
        transcript: TranscriptSource | None = None,
        journal: MediaJournal | str | os.PathLike[str] | None = None,
        on_error: OnError = "raise",
        max_concurrency: int = 4,
        language: str | None = None,
    ) -> None:
        if not isinstance(llm, BaseChatModel):
            raise MiMoConfigurationError(
                f"llm must be a chat model, got {shown(llm)}; set options in its constructor, not "
                "with bind"
            )
        with as_configuration_error():
            choice("on_error", on_error, get_args(OnError))
            self.max_concurrency = integer("max_concurrency", max_concurrency, 1)
        self.llm = llm
        self.on_error: OnError = on_error
        self.plan_options = check_options(plan, llm)
        self._schemas = schemas_of(schema, scenes=scenes)
        self._prompts = check_prompts(prompt)
        self._transcript = check_transcript(transcript)
        self._language = check_language(language)
        self._runnables = runnables_of(llm, self._schemas.values())
        self.journal = journal_of(journal)
        if self.journal is None:
            logger.info("MiMoMediaParser has no journal: each run pays for all segments")
        self._records: MediaJournal | Unrecorded = self.journal or Unrecorded()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but what is made of the model and the journal."""
        made = ("_runnables", "_records")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make that again."""
        self.__dict__.update(state)
        self._runnables = runnables_of(self.llm, self._schemas.values())
        self._records = self.journal or Unrecorded()

    def with_budget(self, budget: CallBudget) -> MiMoMediaParser:
        """Return this parser with a model whose calls pass a budget.

        Args:
            budget: The budget.

        Raises:
            MiMoConfigurationError: The model is not ChatMiMo or has another budget, or it is none.
        """
        if not isinstance(budget, CallBudget):
            raise MiMoConfigurationError(f"budget must be a CallBudget, got {shown(budget)}")
        if not isinstance(self.llm, ChatMiMo):
            raise MiMoConfigurationError(
                f"a budget needs ChatMiMo, and llm is {type(self.llm).__name__}; leave budget out"
            )
        if self.llm.budget not in (None, budget):
            raise MiMoConfigurationError(
                "llm has another budget already; pass it to ChatMiMo or here, not both"
            )
        other = copy.copy(self)
        other.llm = self.llm.model_copy(update={"budget": budget})
        other._runnables = runnables_of(other.llm, self._schemas.values())  # noqa: SLF001
        return other

    # ------------------------------------------------------------------------------- planning

    def plan(self, blob: Blob) -> MediaPlan:
        """Hash a file and divide it into segments. Reads the file, and sends nothing.

        Args:
            blob: A file, bytes, or a URL, which is one segment and not fetched. Its first bytes say
                what it is, not its MIME type.

        Raises:
            MediaError: It is no file that can be described, or its transcript cannot be read.
            MiMoConfigurationError: The model does not allow its folder (`allowed_media_dirs`).
        """
        plan = plan_blob(
            blob,
            self.plan_options,
            self._transcript,
            self.journal,
            by_reference=isinstance(self.llm, ChatMiMo),
        )
        check_allowed(plan, self.llm)
        return plan

    def ask(self, plan: MediaPlan, segment: MediaSegment) -> Ask:
        """Return what is sent for a segment, but for the media, and its key in the journal.

        Args:
            plan: What `plan` returned.
            segment: One of its segments.
        """
        schema, (start, end) = self._schemas[segment.modality], plan.shown_range(segment)
        text = prompt_text(
            self._prompts[segment.modality],
            segment.modality,
            seconds=end - start,
            asks_for_times=scenes_field(schema) is not None,
            language=self._language,
            cues=cues_within(plan.cues, start, end),
        )
        return ask_for(plan, segment, schema, text, self.llm)

    def prompt_tokens(self, modality: str = "video") -> int:
        """Estimate the tokens of text in a request, without a transcript and the media.

        Args:
            modality: "image", "video" or "audio".
        """
        schema = self._schemas[modality]
        text = prompt_text(
            self._prompts[modality],
            modality,
            seconds=100.0,
            asks_for_times=scenes_field(schema) is not None,
            language=self._language,
        )
        return text_tokens(text) + schema_tokens(schema)

    # ----------------------------------------------------------------------------- describing

    def describe(
        self,
        plan: MediaPlan,
        segment: MediaSegment,
        *,
        stop: Stop | None = None,
        seen: Seen | None = None,
    ) -> list[Document]:
        """Return the Documents of a segment: from the journal, or by one request.

        Args:
            plan: What `plan` returned.
            segment: One of its segments.
            stop: Stops it before it sends anything.
            seen: Is told what the journal holds of the segment.

        Raises:
            MiMoError: As `on_error` says.
        """
        ask, stop = self.ask(plan, segment), stop or Stop()
        stop.check()
        claim = self._records.claim(ask.key, ask.info, check=stop.check)
        if isinstance(claim, Entry):
            return self._documents(ask, claim, seen, is_new=False)
        message = None
        try:
            message = self._message(ask, stop)
            runnable = self._runnables[ask.schema]
            try:
                result = runnable.invoke([message])
            except MediaError as error:
                message = self._message(encoded_instead(ask, error), stop)
                result = runnable.invoke([message])
        except BaseException as error:  # noqa: BLE001 - the journal learns of all
            entry = record_failure(claim, error, ask, is_sent=message is not None)
            return self._failed(ask, error, entry, seen)
        return self._documents(ask, record_answer(claim, result, ask), seen, is_new=True)

    async def adescribe(
        self,
        plan: MediaPlan,
        segment: MediaSegment,
        *,
        stop: Stop | None = None,
        seen: Seen | None = None,
    ) -> list[Document]:
        """Do the same; files are read and prepared in threads.

        When it is cancelled, what it prepares is stopped, and the journal knows that there is no
        answer.
        """
        stop = stop or Stop()
        ask = self.ask(plan, segment)
        stop.check()
        claim = await self._records.aclaim(ask.key, ask.info, check=stop.check)
        if isinstance(claim, Entry):
            return self._documents(ask, claim, seen, is_new=False)
        message = None
        try:
            message = await in_thread(stop, self._message, ask, stop)
            runnable = self._runnables[ask.schema]
            try:
                result = await runnable.ainvoke([message])
            except MediaError as error:
                other = encoded_instead(ask, error)
                message = await in_thread(stop, self._message, other, stop)
                result = await runnable.ainvoke([message])
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - likewise
            is_sent = message is not None
            entry = await in_thread(stop, record_failure, claim, error, ask, is_sent=is_sent)
            return self._failed(ask, error, entry, seen)
        entry = await in_thread(stop, record_answer, claim, result, ask)
        return self._documents(ask, entry, seen, is_new=True)

    def _message(self, ask: Ask, stop: Stop) -> HumanMessage:
        block = media_block(ask, self.llm, self.plan_options, stop.check)
        stop.check()
        return HumanMessage([block, {"type": "text", "text": ask.text}])

    def _failed(
        self, ask: Ask, error: BaseException, entry: Entry | None, seen: Seen | None
    ) -> list[Document]:
        if entry is not None and seen is not None:
            seen(entry, True)
        if entry is None or not isinstance(error, Exception):
            raise error
        return handled(error, ask.described, self.on_error, status_of(error))

    def _documents(
        self, ask: Ask, entry: Entry, seen: Seen | None, *, is_new: bool
    ) -> list[Document]:
        """Return the Documents of an answer or a refusal, from the journal or not."""
        if seen is not None:
            seen(entry, is_new)
        if entry.state == "refused":
            error = refusal(entry.error, ask.described)
            return handled(error, ask.described, self.on_error, "refused")
        documents = documents_of(entry.text, ask.described, ask.schema)
        if self.on_error == "skip":
            return [each for each in documents if each.metadata["status"] == "ok"]
        return documents

    # -------------------------------------------------------------------------------- parsing

    @override
    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Yield the Documents of a file in order, with `max_concurrency` requests at a time.

        When the iteration is left early, nothing more is sent, and requests under way are waited
        for, so that the journal gets their answers.

        Args:
            blob: The file, as for `plan`.

        Raises:
            MiMoError: As `on_error` says.
        """
        try:
            plan = self.plan(blob)
        except MiMoError as error:
            yield from self.failed(blob, error)
            return

        def work(segment: MediaSegment, stop: Stop) -> list[Document]:
            return self.describe(plan, segment, stop=stop)

        with closing(in_order(plan.segments, work, self.max_concurrency)) as described:
            for documents in described:
                yield from documents

    async def alazy_parse(self, blob: Blob) -> AsyncGenerator[Document, None]:
        """Do the same without blocking the event loop.

        When the iteration is left early or cancelled, requests under way are cancelled.
        """
        try:
            plan = await in_thread(Stop(), self.plan, blob)
        except MiMoError as error:
            for document in self.failed(blob, error):
                yield document
            return

        async def work(segment: MediaSegment, stop: Stop) -> list[Document]:
            return await self.adescribe(plan, segment, stop=stop)

        async with aclosing(ain_order(plan.segments, work, self.max_concurrency)) as described:
            async for documents in described:
                for document in documents:
                    yield document

    async def aparse(self, blob: Blob) -> list[Document]:
        """Return the Documents of a file; `parse` is its sync twin."""
        async with aclosing(self.alazy_parse(blob)) as documents:
            return [document async for document in documents]

    def failed(self, blob: Blob, error: MiMoError) -> list[Document]:
        """Return what becomes of a file that cannot be planned, as `on_error` says.

        Args:
            blob: The file.
            error: The error of `plan`.

        Raises:
            MiMoError: The error, unless `on_error` makes something else of it.
        """
        source, segment = unplanned(blob)
        described = Described(source, "", segment, model_name(self.llm), "", "")
        return handled(error, described, self.on_error)
