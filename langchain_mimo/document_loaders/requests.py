"""What is sent for a segment, by which key it is known, and what a response says of it.

`ask_for` and `answer_of` are pure. `media_block` opens files and may cut or encode, so it must not
run in an event loop.
"""

from __future__ import annotations

import hashlib
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from langchain_core import exceptions as core
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.cost.prices import price_of
from langchain_mimo.cost.segments import MediaSegment
from langchain_mimo.document_loaders.documents import Described
from langchain_mimo.document_loaders.journal_entries import Answer, SegmentInfo, clean_answer
from langchain_mimo.document_loaders.plans import (
    MediaPlan,
    PlanOptions,
    changed,
    digest_of_bytes,
)
from langchain_mimo.document_loaders.schemas import answer_text
from langchain_mimo.errors import (
    MediaError,
    MiMoContentFilterError,
    MiMoError,
    MiMoMediaRejectedError,
)
from langchain_mimo.media import SAFE_INLINE_BYTES, audio_block, image_block, video_block
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

logger = logging.getLogger("langchain_mimo")

BLOCKS: dict[str, Callable[..., dict[str, Any]]] = {
    "image": image_block,
    "video": video_block,
    "audio": audio_block,
}
_PREPARE: dict[str, Callable[..., Any]] = {
    "image": prepare_image,
    "video": prepare_video,
    "audio": prepare_audio,
}

START_TOLERANCE_S = 0.001
"""Seconds by which the start of a copy may differ from the plan."""

# Core has a class for refusals since 1.7.5.
_REFUSALS = (
    MiMoContentFilterError,
    MiMoMediaRejectedError,
    getattr(core, "ModelRefusalError", MiMoContentFilterError),
)

UNREADABLE = "MiMo cannot read it: "
"""How the journal's text of a refusal begins if MiMo refused the media and not what they show."""

_NAMES = ("model", "model_name", "model_id")
_OPTIONS = (
    *("temperature", "top_p", "top_k", "seed", "stop", "stop_sequences"),
    *("max_tokens", "max_completion_tokens", "max_output_tokens"),
    *("thinking", "thinking_budget", "thinking_level", "reasoning", "reasoning_effort"),
    *("frequency_penalty", "presence_penalty", "server", "extra_body", "model_kwargs"),
)
"""Attributes of chat models that change answers."""

_MAY_HOLD_SECRETS = frozenset({"extra_body", "model_kwargs"})


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked about a segment.

    Attributes:
        plan: The file.
        segment: The segment.
        schema: What the answer should fit.
        text: The text that goes with the segment.
        described: What its Documents have in common.
        info: What the journal notes.
    """

    plan: MediaPlan
    segment: MediaSegment
    schema: type[BaseModel]
    text: str
    described: Described
    info: SegmentInfo

    @property
    def key(self) -> str:
        """Its key in the journal."""
        return self.described.key


def model_name(llm: BaseChatModel) -> str:
    """Return the name of a chat model: `model`, or what other providers call it."""
    names = (getattr(llm, name, None) for name in _NAMES)
    return next((name for name in names if isinstance(name, str) and name), llm._llm_type)  # noqa: SLF001


def model_options(llm: BaseChatModel) -> str:
    """Return the options of a chat model that change answers, as JSON with sorted keys.

    Keys and time limits are no such options. Of those that may hold secrets, a hash stands there.
    """
    options: dict[str, Any] = {}
    for name in _OPTIONS:
        if (value := getattr(llm, name, None)) in (None, {}, [], ()):
            continue
        text = _json(value)
        if name in _MAY_HOLD_SECRETS:
            text = json.dumps(_sha256(text))
        options[name] = json.loads(text)
    return _json(options)


def ask_for(
    plan: MediaPlan, segment: MediaSegment, schema: type[BaseModel], text: str, llm: BaseChatModel
) -> Ask:
    """Return what is asked about a segment, and the key by which the answer is known.

    The key is a hash of the file's bytes (or the URL), the time range, fps and resolution, the
    text, the schema, and the model with its options; and, of what is prepared, its tokens, which
    tell how far it is shrunk. The path is not in it: a file that was renamed or copied has the same
    key.

    Args:
        plan: The file.
        segment: The segment.
        schema: What the answer should fit.
        text: The text that goes with it.
        llm: The model that is asked.
    """
    name, options, prompt_sha256 = model_name(llm), model_options(llm), _sha256(text)
    content = plan.location if plan.is_remote else plan.sha256
    times = [round(1000 * segment.start_s), round(1000 * segment.end_s)]
    sampling = [segment.modality, segment.fps, segment.media_resolution]
    if segment.preparation is not None:
        sampling.append(segment.tokens)
    asked = [prompt_sha256, _schema_sha256(schema), name, options]
    key = _sha256(_json([content, times, sampling, asked]))
    info = SegmentInfo(
        source=plan.source,
        sha256=plan.sha256,
        modality=segment.modality,
        start_s=segment.start_s,
        end_s=segment.end_s,
        segment_index=segment.index,
        segment_count=segment.count,
        prompt_sha256=prompt_sha256,
        model=name,
        options_json=options,
    )
    shown = plan.shown_range(segment)
    described = Described(plan.source, plan.sha256, segment, name, prompt_sha256, key, shown)
    return Ask(plan, segment, schema, text, described, info)


@lru_cache(maxsize=64)
def _schema_sha256(schema: type[BaseModel]) -> str:
    """Return the hash of a schema, which takes as long to make as all else of a key."""
    return _sha256(_json(schema.model_json_schema()))


def media_block(
    ask: Ask, llm: BaseChatModel, options: PlanOptions, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Return the content block of a segment.

    ChatMiMo gets references to files, which it reads while it sends them, and what must be encoded
    as base64. Other chat models get base64.

    Args:
        ask: The segment.
        llm: The model that is asked.
        options: Those of the plan, whose limits encoding keeps.
        progress: Called while a segment is encoded; may raise to stop it.

    Raises:
        MediaError: The file is gone or was changed since it was planned, or cannot be prepared.
    """
    ask.plan.check_unchanged()
    if not isinstance(llm, ChatMiMo):
        return _inline_block(ask, options, progress)
    plan, segment = ask.plan, ask.segment
    block, sampling = BLOCKS[segment.modality], _sampling(segment)
    if segment.whole:
        return _checked(block(plan.location, **sampling), ask)
    if segment.copied and isinstance(plan.location, str):
        times = {"start_s": segment.start_s, "end_s": segment.end_s}
        return _checked(block(plan.location, **times, **sampling), ask)
    return block(_prepared(ask, options, progress).data, **sampling)


def encoded_instead(ask: Ask, error: MediaError) -> Ask:
    """Return what is asked of a segment whose copy failed, to be encoded in its place.

    A plan knows the packets, but only writing a copy shows that they decode. What is encoded shows
    what the copy would have shown, under the same key.

    Args:
        ask: The segment.
        error: Why it could not be sent.

    Raises:
        MediaError: The error, if the segment is not a copy or its file was changed.
    """
    if not ask.segment.copied:
        raise error
    ask.plan.check_unchanged()
    start, end = ask.plan.shown_range(ask.segment)
    reason = error.reason.partition("; encode ")[0]
    logger.warning("%s is encoded, because its copy failed: %s", ask.described.name, reason)
    segment = replace(ask.segment, start_s=start, end_s=end, copied=False)
    return replace(ask, segment=segment)


def _inline_block(
    ask: Ask, options: PlanOptions, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Return a block that any provider takes."""
    plan, segment = ask.plan, ask.segment
    if plan.is_remote:
        stated = {"mime_type": plan.blob.mimetype} if plan.blob.mimetype else {}
        return {"type": segment.modality, "url": plan.location, **stated}
    if not segment.whole:
        prepared = _prepared(ask, options, progress)
        encoded = b64encode(prepared.data or b"").decode("ascii")
        return {"type": segment.modality, "base64": encoded, "mime_type": prepared.mime_type}
    location = plan.location
    if isinstance(location, str):
        try:
            location = Path(location).read_bytes()
        except OSError as error:
            raise MediaError(f"{plan.name} cannot be read: {error.strerror or error}") from None
        if digest_of_bytes(location) != plan.sha256:
            raise changed(str(plan.location))
    block = BLOCKS[segment.modality](location)
    return {name: block[name] for name in ("type", "base64", "mime_type")}


def _checked(block: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Return a block of a file that is the one planned, and shows what was planned."""
    extras = block.get("extras", {})
    if extras.get("sha256", ask.plan.sha256) != ask.plan.sha256:
        raise changed(str(ask.plan.location))
    planned = ask.plan.shown_range(ask.segment)[0]
    start = extras.get("shown_start_s", planned)
    if abs(start - planned) > START_TOLERANCE_S:
        raise MediaError(
            f"{ask.plan.name} is shown from {start:.10g} s and not, as planned, from "
            f"{planned:.10g} s; load it again"
        )
    return block


def _prepared(ask: Ask, options: PlanOptions, progress: Callable[[float], None]) -> Any:
    """Return the segment as `prepare` makes it, in memory."""
    plan, segment = ask.plan, ask.segment
    arguments: dict[str, Any] = {"max_bytes": options.get("max_bytes", SAFE_INLINE_BYTES)}
    if segment.preparation is not None:
        arguments["token_budget"] = options.get("budget_tokens", 100_000)
    if segment.modality != "image" and segment.count > 1:
        arguments |= {"start_s": segment.start_s, "end_s": segment.end_s}
    prepare = _PREPARE[segment.modality]
    try:
        prepared = prepare(plan.location, progress=progress, **arguments, **_sampling(segment))
    finally:
        plan.check_unchanged()
    return prepared


def _sampling(segment: MediaSegment) -> dict[str, Any]:
    if segment.modality != "video":
        return {}
    values = {"fps": segment.fps, "media_resolution": segment.media_resolution}
    return {name: value for name, value in values.items() if value is not None}


def answer_of(result: Mapping[str, Any], ask: Ask) -> tuple[Answer, str | None]:
    """Return what a response says, and why the model refused, or None.

    Args:
        result: What `with_structured_output(…, include_raw=True)` returned.
        ask: What was asked.
    """
    message: AIMessage = result["raw"]
    metadata = message.response_metadata
    text = answer_text(_text_of(message), result.get("parsed"), ask.schema)
    finish = str(metadata.get("finish_reason") or metadata.get("stop_reason") or "")
    answer = Answer(
        text=text,
        usage=message.usage_metadata or {},
        cost=metadata.get("cost_usd", _cost(message, ask.info.model)),
        attempts=metadata.get("attempts", 1),
        request_id=metadata.get("request_id"),
        model=str(metadata.get("model_name") or ask.info.model),
        finish_reason=finish,
    )
    return clean_answer(answer), _refusal(message, result.get("parsing_error"), finish)


def _refusal(message: BaseMessage, error: Any, finish: str) -> str | None:
    blocks = [block for block in message.content_blocks if block["type"] == "refusal"]
    if finish in ("content_filter", "refusal") or blocks or is_refusal(error):
        return str(error or "the content filter stopped the response")
    return None


def is_refusal(error: object) -> bool:
    """Return whether an error is a refusal by moderation, of any provider, or of the media."""
    return isinstance(error, _REFUSALS)


def _text_of(message: AIMessage) -> str:
    """Return the text of a message, or the arguments of the tool call that stands for it."""
    text = str(message.text)
    if not text.strip() and message.tool_calls:
        return _json(message.tool_calls[0]["args"])
    return text


def _cost(message: AIMessage, model: str) -> float | None:
    try:
        return price_of(message.usage_metadata, model)
    except MiMoError:
        return None


def partial_answer(error: BaseException, ask: Ask) -> Answer | None:
    """Return what was billed for a request that failed, or None if nothing is known.

    Args:
        error: The error of the call.
        ask: What was asked.
    """
    usage, attempts = getattr(error, "usage_metadata", None), getattr(error, "attempts", 0)
    if not usage and not attempts:
        return None
    try:
        cost = price_of(usage, ask.info.model) if usage else None
    except MiMoError:
        cost = None
    request_id = getattr(error, "request_id", None)
    return Answer("", usage or {}, cost, attempts=max(1, attempts), request_id=request_id)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=lambda other: type(other).__name__)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
