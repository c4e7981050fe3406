"""MiMo's models: sizes, modalities, defaults, prices, account limits, release and retirement dates.

Source unless stated otherwise: MiMo's pages model.md and pay-as-you-go.md as of 2026-10-09, and the
retirement notice "updates/deprecate". Each fact about MiMo that the code needs is stated here once;
docs/api-facts.md names the source, the date and the grade of each.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Literal, NamedTuple, TypeAlias

Modality: TypeAlias = Literal["text", "image", "audio", "video"]
Region: TypeAlias = Literal["cn", "sgp", "ams"]
Currency: TypeAlias = Literal["USD", "CNY"]
Tier: TypeAlias = Literal["realtime", "batch"]

PROVIDER = "mimo"
"""`response_metadata["model_provider"]` and LangSmith's `ls_provider`; they must be the same."""

BEIJING = timezone(timedelta(hours=8))
"""The time zone of MiMo's announcements."""

GENERAL_HOST = "api.xiaomimimo.com"
"""Host for pay-as-you-go keys (`sk-`)."""

TOKEN_PLAN_HOSTS: dict[Region, str] = {
    "cn": "token-plan-cn.xiaomimimo.com",
    "sgp": "token-plan-sgp.xiaomimimo.com",
    "ams": "token-plan-ams.xiaomimimo.com",
}
"""Hosts for Token Plan keys (`tp-`, for teams `ttp-`), as MiMo's pages list them since September
2026. A key works on exactly one of them; the others respond with 401."""

MIMO_DOMAIN = "xiaomimimo.com"
"""MiMo's domain: this host and its subdomains require a key."""

FPS_RANGE = (0.1, 10.0)
"""Range of `fps`, the video frames sampled per second; 2 when unset (video page, 2026-04)."""

MEDIA_RESOLUTIONS = ("default", "max")
"""Values of `media_resolution` (video-understanding page, 2026-04)."""

TEMPERATURE_RANGE = (0.0, 1.5)
TOP_P_RANGE = (0.01, 1.0)
PENALTY_RANGE = (-2.0, 2.0)
MAX_STOP_SEQUENCES = 4
"""Limits of the sampling parameters (openai-api.md, 2026-10)."""


class Price(NamedTuple):
    """Prices per million tokens on one date.

    Attributes:
        cache_hit: Price of a million prompt tokens read from the cache.
        input: Price of a million uncached prompt tokens, of any modality.
        output: Price of a million tokens of reasoning and answer.
        as_of: The date the price list was read.
        currency: "USD" or "CNY". MiMo bills an account in one of them.
    """

    cache_hit: float
    input: float
    output: float
    as_of: date
    currency: Currency = "USD"


class UnitPrice(NamedTuple):
    """The price of a service that is not billed by tokens, on one date.

    Attributes:
        amount: Price of `per` units: `n` units cost `n * amount / per`.
        per: Number of units that `amount` pays for.
        unit: What is counted: "second" of audio, or "call" of the web search.
        as_of: The date the price list was read.
        currency: "USD" or "CNY".
    """

    amount: float
    per: int
    unit: Literal["second", "call"]
    as_of: date
    currency: Currency


class AccountLimits(NamedTuple):
    """MiMo's limits per account and model; all keys of an account count together.

    Attributes:
        requests_per_minute: Requests, or None when not published or agreed with MiMo.
        tokens_per_minute: Tokens, or None when not published or agreed with MiMo.
        concurrent_requests: Requests in progress, or None when not published: MiMo says that such a
            limit exists, but not its value.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


class Model(NamedTuple):
    """The facts about one model.

    Attributes:
        id: Model id in lower case, as sent.
        context_tokens: Context window: prompt and completion together.
        max_output_tokens: Upper limit of `max_completion_tokens`.
        default_output_tokens: The server's default for `max_completion_tokens`.
        inputs: Modalities that the model accepts.
        thinks: Whether the model can reason before it answers.
        thinks_by_default: Whether it reasons when `thinking` is not sent.
        calls_tools: Whether it accepts `tools`.
        media_in_tool_messages: Whether its documentation allows media in tool messages (v2.6).
        default_temperature: The server's default for `temperature`.
        released: Release date, or None when unknown.
        ended: Time from which requests are refused, or None while the model is served.
        successor: Id of the replacement that MiMo names, or None.
        price: Its realtime price in US dollars, or None when unknown; `PRICES` has the others.
        conversational: Whether it is a chat model; speech and transcription models are not.
        limits: What an account may use per minute.
        native_json_schema: Whether the server enforces a JSON schema given as `response_format`.
            No page of MiMo's documents it.
    """

    id: str
    context_tokens: int
    max_output_tokens: int
    default_output_tokens: int
    inputs: frozenset[Modality]
    thinks: bool = True
    thinks_by_default: bool = True
    calls_tools: bool = True
    media_in_tool_messages: bool = False
    default_temperature: float = 1.0
    released: date | None = None
    ended: datetime | None = None
    successor: str | None = None
    price: Price | None = None
    conversational: bool = True
    limits: AccountLimits = AccountLimits()
    native_json_schema: bool = False

    def ended_by(self, moment: datetime) -> bool:
        """Whether the model is retired at `moment` (timezone-aware)."""
        return self.ended is not None and moment >= self.ended


_TEXT: frozenset[Modality] = frozenset({"text"})
_OMNI: frozenset[Modality] = frozenset({"text", "image", "audio", "video"})
_PRICED = date(2026, 10, 9)
_FLASH = (Price(0.0028, 0.14, 0.28, _PRICED), Price(0.02, 1.0, 2.0, _PRICED, "CNY"))
_PRO = (Price(0.0036, 0.435, 0.87, _PRICED), Price(0.025, 3.0, 6.0, _PRICED, "CNY"))
_ULTRASPEED = (Price(0.036, 4.35, 8.7, _PRICED), Price(0.25, 30.0, 60.0, _PRICED, "CNY"))
_FREE_FOR_NOW = (Price(0.0, 0.0, 0.0, _PRICED), Price(0.0, 0.0, 0.0, _PRICED, "CNY"))
_LISTED = {
    "mimo-v2.6-pro": _PRO,
    "mimo-v2.6-flash": _FLASH,
    "mimo-v2.6-pro-ultraspeed": _ULTRASPEED,
    "mimo-v2.5": _FLASH,
    "mimo-v2.5-pro": _PRO,
    "mimo-v2.5-tts": _FREE_FOR_NOW,
    "mimo-v2.5-tts-voiceclone": _FREE_FOR_NOW,
    "mimo-v2.5-tts-voicedesign": _FREE_FOR_NOW,
}
_IN_BATCHES = ("mimo-v2.6-pro", "mimo-v2.6-flash")


def _half(price: Price) -> Price:
    return price._replace(
        cache_hit=price.cache_hit / 2, input=price.input / 2, output=price.output / 2
    )


PRICES: dict[tuple[str, Tier, Currency], Price] = {
    (model, "realtime", price.currency): price
    for model, prices in _LISTED.items()
    for price in prices
} | {
    (model, "batch", price.currency): _half(price)
    for model in _IN_BATCHES
    for price in _LISTED[model]
}
"""Every known price by model id, tier and currency. The batch API costs half and is offered for the
models that have a price here. Prices are those of pay-as-you-go keys: a Token Plan is billed in
credits."""

UNIT_PRICES: dict[tuple[Literal["mimo-v2.5-asr", "web_search"], Currency], UnitPrice] = {
    ("mimo-v2.5-asr", "USD"): UnitPrice(0.074, 3600, "second", _PRICED, "USD"),
    ("mimo-v2.5-asr", "CNY"): UnitPrice(0.5, 3600, "second", _PRICED, "CNY"),
    ("web_search", "USD"): UnitPrice(5.0, 1000, "call", _PRICED, "USD"),
    ("web_search", "CNY"): UnitPrice(16.0, 1000, "call", _PRICED, "CNY"),
}
"""Every known price that is not per token, by model id or type of tool, and currency."""

_STANDARD_LIMITS = AccountLimits(requests_per_minute=100, tokens_per_minute=10_000_000)
_V26_DAY = date(2026, 9, 22)
_V25_DAY = date(2026, 4, 22)
_V2_DAY = date(2026, 3, 18)
_V25_END = datetime(2026, 10, 21, 10, tzinfo=BEIJING)
_V2_END = datetime(2026, 6, 30, tzinfo=BEIJING)
_MIB = 1 << 20
_KIB = 1 << 10

MODELS: dict[str, Model] = {
    model.id: model._replace(price=PRICES.get((model.id, "realtime", "USD")))
    for model in (
        *(
            Model(
                name,
                _MIB,
                128 * _KIB,
                128 * _KIB,
                _OMNI,
                media_in_tool_messages=True,
                released=_V26_DAY,
                limits=limits,
                native_json_schema=True,
            )
            for name, limits in (
                ("mimo-v2.6-pro", _STANDARD_LIMITS),
                ("mimo-v2.6-flash", _STANDARD_LIMITS),
                ("mimo-v2.6-pro-ultraspeed", AccountLimits()),  # agreed with MiMo
            )
        ),
        Model(
            "mimo-v2.5",
            _MIB,
            128 * _KIB,
            32 * _KIB,
            _OMNI,
            media_in_tool_messages=True,
            released=_V25_DAY,
            ended=_V25_END,
            successor="mimo-v2.6-flash",
        ),
        # model.md's table lists it as multimodal, but the API responds to images with 404.
        Model(
            "mimo-v2.5-pro",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _TEXT,
            released=_V25_DAY,
            ended=_V25_END,
            successor="mimo-v2.6-pro",
        ),
        Model(
            "mimo-v2.5-pro-ultraspeed",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _TEXT,
            ended=_V25_END,
            successor="mimo-v2.6-pro-ultraspeed",
        ),
        Model(
            "mimo-v2-pro",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _TEXT,
            released=_V2_DAY,
            ended=_V2_END,
            successor="mimo-v2.6-pro",
        ),
        Model(
            "mimo-v2-omni",
            256 * _KIB,
            128 * _KIB,
            32 * _KIB,
            _OMNI,
            released=_V2_DAY,
            ended=_V2_END,
            successor="mimo-v2.6-flash",
        ),
        Model(
            "mimo-v2-flash",
            256 * _KIB,
            64 * _KIB,
            64 * _KIB,
            _TEXT,
            thinks_by_default=False,
            default_temperature=0.3,
            released=date(2025, 12, 16),
            ended=_V2_END,
            successor="mimo-v2.6-flash",
        ),
        Model(
            "mimo-v2.5-asr",
            8 * _KIB,
            2 * _KIB,
            2 * _KIB,
            frozenset({"text", "audio"}),
            thinks=False,
            thinks_by_default=False,
            calls_tools=False,
            conversational=False,
            limits=AccountLimits(requests_per_minute=100, tokens_per_minute=10_000),
        ),
        *(
            Model(
                name,
                8 * _KIB,
                8 * _KIB,
                8 * _KIB,
                _TEXT,
                thinks=False,
                thinks_by_default=False,
                calls_tools=False,
                default_temperature=0.6,
                conversational=False,
                limits=_STANDARD_LIMITS,
            )
            for name in ("mimo-v2.5-tts", "mimo-v2.5-tts-voiceclone", "mimo-v2.5-tts-voicedesign")
        ),
        Model(
            "mimo-v2-tts",
            8 * _KIB,
            8 * _KIB,
            8 * _KIB,
            _TEXT,
            thinks=False,
            thinks_by_default=False,
            calls_tools=False,
            default_temperature=0.6,
            ended=_V2_END,
            successor="mimo-v2.5-tts",
            conversational=False,
        ),
    )
}
"""All models of MiMo's documentation by id, current and retired."""


def find(model_id: str) -> Model | None:
    """Return the entry of a model id, or None when it is not in the catalogue."""
    return MODELS.get(model_id)


def current_ids() -> list[str]:
    """Return the ids of the chat models that are not retired."""
    return [m.id for m in MODELS.values() if m.ended is None and m.conversational]


def strip_id(model_id: str) -> str:
    """Return a model id in the form that MiMo accepts.

    MiMo refuses ids that differ from a known one only in case, or by the `[1m]` that some coding
    tools append, with 400 (docs/api-facts.md). Unknown ids are only stripped of whitespace, since
    ids of a self-hosted server may be case-sensitive.
    """
    if model_id in MODELS:
        return model_id
    bare = model_id.strip()
    known = bare.lower().removesuffix("[1m]")
    return known if known in MODELS else bare


def profile(model: Model, day: date) -> dict[str, object]:
    """Return LangChain's profile of a model.

    `image_tool_message` is true because ChatMiMo moves media from tool messages into a user
    message. `structured_output` is true for models that enforce a JSON schema; agents then
    use the provider strategy.

    Args:
        model: The model's entry in the catalogue.
        day: Today's date, to tell active models from retired ones.
    """
    inputs = model.inputs
    facts: dict[str, object] = {
        "name": model.id,
        "status": "deprecated" if model.ended and model.ended.date() <= day else "active",
        "max_input_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "text_inputs": "text" in inputs,
        "image_inputs": "image" in inputs,
        "image_url_inputs": "image" in inputs,
        "audio_inputs": "audio" in inputs,
        "video_inputs": "video" in inputs,
        "pdf_inputs": False,
        "image_tool_message": "image" in inputs and model.calls_tools,
        "pdf_tool_message": False,
        "text_outputs": True,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "reasoning_output": model.thinks,
        "tool_calling": model.calls_tools,
        "tool_choice": model.calls_tools,
        "tool_call_streaming": model.calls_tools,
        "structured_output": model.native_json_schema,
        "temperature": True,
        "attachment": inputs != _TEXT,
    }
    if model.released is not None:
        facts["release_date"] = model.released.isoformat()
    return facts
