"""What a journal holds of a segment: what it is, what the model answered, and what that cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_mimo._checks import choice, integer, mask_keys, number, shown
from langchain_mimo.catalogue import Currency
from langchain_mimo.cost.ledger_rows import LedgerCounts
from langchain_mimo.cost.prices import CURRENCIES
from langchain_mimo.errors import MiMoInputError, as_input_error

if TYPE_CHECKING:
    from langchain_core.documents import Document

State: TypeAlias = Literal["done", "refused", "failed"]
STATES: tuple[State, ...] = ("done", "refused", "failed")

MODALITIES = ("image", "video", "audio")
MAX_ERROR = 2000
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """Which segment a key stands for. A journal keeps it for its report; the key alone identifies.

    Attributes:
        source: The file or URL, as documents name it.
        sha256: The hash of the file's contents; "" for a URL.
        modality: "image", "video" or "audio".
        start_s: Start in seconds of the source.
        end_s: End in seconds of the source.
        segment_index: Its place among the segments of its source, from 0.
        segment_count: How many segments its source has.
        prompt_sha256: The hash of the prompt; a journal never holds the prompt itself.
        model: The model that is asked.
        options_json: The options of the model that change answers, as JSON; no keys in it.

    Raises:
        MiMoInputError: A value has another type, or is out of range.
    """

    source: str
    sha256: str = ""
    modality: str = "video"
    start_s: float = 0.0
    end_s: float = 0.0
    segment_index: int = 0
    segment_count: int = 1
    prompt_sha256: str = ""
    model: str = ""
    options_json: str = "{}"

    def __post_init__(self) -> None:
        """Check the values, since SQLite would store anything, or complain about itself."""
        with as_input_error():
            for each in ("source", "sha256", "prompt_sha256", "model", "options_json"):
                _string(each, getattr(self, each))
            choice("modality", self.modality, MODALITIES)
            number("start_s", self.start_s, 0)
            number("end_s", self.end_s, 0)
            integer("segment_index", self.segment_index, 0)
            integer("segment_count", self.segment_count, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered about a segment, and what was billed.

    Attributes:
        text: The text of the answer, usually JSON; "" if there is none.
        usage: LangChain's `usage_metadata`, for all attempts; empty if unknown.
        cost: What was billed for all attempts; None if the price is not known.
        currency: "USD" or "CNY".
        attempts: Requests that were sent.
        request_id: The server's id of the last request, or None.
        model: The model that answered.
        finish_reason: Why the answer ends, or "".
    """

    text: str
    usage: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None
    currency: Currency = "USD"
    attempts: int = 1
    request_id: str | None = None
    model: str = ""
    finish_reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal knows of a segment that was asked about.

    Attributes:
        key: The key of the segment.
        state: "done"; "refused", by moderation or as unreadable media; or "failed", which is asked
            again.
        text: The text of the answer, to the character as the model wrote it.
        usage: The usage of the answer, as LangChain's `usage_metadata`.
        cost: What the answer cost, in `currency`; None if that is not known.
        currency: "USD" or "CNY".
        attempts: Requests that were sent for the answer.
        request_id: The server's id of the last request, or None.
        model: The model that answered.
        finish_reason: Why the answer ends, or "".
        error: Why there is no answer, or None.
    """

    key: str
    state: State
    text: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None
    currency: Currency = "USD"
    attempts: int = 0
    request_id: str | None = None
    model: str = ""
    finish_reason: str = ""
    error: str | None = None


_ANSWER_FIELDS = tuple(each.name for each in fields(Answer))


def clean_answer(answer: Answer) -> Answer:
    """Return an answer with the values of its types: a strange value must not lose what was paid.

    A usage that is no mapping is left out, and a cost that is no amount is not known.
    """
    amount, currency = answer.cost, answer.currency
    is_amount = isinstance(amount, int | float) and 0 <= amount < math.inf
    has_count = isinstance(answer.attempts, int) and answer.attempts >= 0
    return Answer(
        str(answer.text),
        dict(answer.usage) if isinstance(answer.usage, Mapping) else {},
        amount if is_amount and currency in CURRENCIES else None,
        currency if currency in CURRENCIES else "USD",
        int(answer.attempts) if has_count else 1,
        None if answer.request_id is None else str(answer.request_id),
        str(answer.model),
        str(answer.finish_reason),
    )


def encode_answer(answer: Answer) -> str:
    """Return an answer as JSON; the text may have lone surrogates."""
    values = {name: getattr(answer, name) for name in _ANSWER_FIELDS}
    text = json.dumps(values, ensure_ascii=False, default=str, skipkeys=True)
    return text if is_unicode(text) else json.dumps(values, default=str, skipkeys=True)


def decode_entry(key: str, state: State, error: str | None, answer: str | None) -> Entry:
    """Return what a row of the journal says.

    Args:
        key: The key of the segment.
        state: Its state.
        error: Its error.
        answer: What `encode_answer` made, or None if nothing was answered.
    """
    values = {} if answer is None else json.loads(answer)
    known = {name: values[name] for name in _ANSWER_FIELDS if name in values}
    return Entry(key, state, **known, error=error)


def bill_values(answer: Answer | None) -> dict[str, int | float]:
    """Return what an answer adds to the sums of its segment, by column.

    Args:
        answer: The answer; None, or one without text, usage and cost, if nothing was billed.
    """
    if answer is None:
        return {}
    if not (answer.text or answer.usage or answer.cost):
        return {"attempts": answer.attempts}
    counts = asdict(LedgerCounts.of(answer.usage))
    del counts["web_searches"]  # nothing here searches
    cost = {"unpriced": 1} if answer.cost is None else {answer.currency.lower(): answer.cost}
    return {"attempts": answer.attempts, **counts, **cost}


def _string(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, got {shown(value)}")  # noqa: TRY004 - as all


def storable(text: str) -> str:
    """Return a text that SQLite takes; names of files may have bytes that are not UTF-8."""
    return text if is_unicode(text) else text.encode("utf-8", "backslashreplace").decode()


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_error(error: str | None) -> str | None:
    """Return an error without API keys, cut off at `MAX_ERROR` characters."""
    if error is None:
        return None
    text = mask_keys(storable(str(error)))
    return text if len(text) <= MAX_ERROR else text[:MAX_ERROR] + "…"


def info_values(info: SegmentInfo) -> tuple[Any, ...]:
    """Return the values of the columns of an info, in the order of its fields; times in ms."""
    values = asdict(info) | {
        "start_s": round(info.start_s * 1000),
        "end_s": round(info.end_s * 1000),
    }
    return tuple(storable(each) if isinstance(each, str) else each for each in values.values())


def media_key(document: Document) -> str:
    """Return the id of a document, for `index(..., key_encoder=media_key)`.

    The documents of `MiMoMediaParser` have an id of their source, segment, scene and text. With it,
    LangChain's `index` skips a scene that has not changed, though other metadata has.

    Args:
        document: A document with an id.

    Raises:
        MiMoInputError: It has none.
    """
    if not document.id:
        raise MiMoInputError(
            f"the document {shown(document.page_content[:40])} has no id, so media_key has no key "
            "for it; media_key is for documents of MiMoMediaParser"
        )
    return document.id
