"""MiMo's models: sizes, modalities, defaults, prices, release and retirement dates.

Source unless stated otherwise: MiMo's pages model.md and pay-as-you-go.md as of 2026-10-09, and the
retirement notice "updates/deprecate". Each fact about MiMo that the code needs is stated here once.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Literal, NamedTuple, TypeAlias

Modality: TypeAlias = Literal["text", "image", "audio", "video"]
Region: TypeAlias = Literal["cn", "sgp", "ams"]

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
"""Hosts for Token Plan keys (`tp-`, for teams `ttp-`). A key works on exactly one of them; the
others respond with 401. cn: MiMo's Token Plan page; sgp and ams: users' reports, May 2026."""

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
        cache_hit: US dollars per million prompt tokens read from the cache.
        input: US dollars per million uncached prompt tokens, of any modality.
        output: US dollars per million tokens of reasoning and answer.
        as_of: The date the price list was read.
    """

    cache_hit: float
    input: float
    output: float
    as_of: date


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
        price: Its price, or None when unknown.
        conversational: Whether it is a chat model; speech and transcription models are not.
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

    def ended_by(self, moment: datetime) -> bool:
        """Whether the model is retired at `moment` (timezone-aware)."""
        return self.ended is not None and moment >= self.ended


_TEXT: frozenset[Modality] = frozenset({"text"})
_OMNI: frozenset[Modality] = frozenset({"text", "image", "audio", "video"})
_PRICED = date(2026, 10, 9)
_FLASH_PRICE = Price(0.0028, 0.14, 0.28, _PRICED)
_PRO_PRICE = Price(0.0036, 0.435, 0.87, _PRICED)
_V26_DAY = date(2026, 9, 22)
_V25_END = datetime(2026, 10, 21, 10, tzinfo=BEIJING)
_V2_END = datetime(2026, 6, 30, tzinfo=BEIJING)
_MIB = 1 << 20
_KIB = 1 << 10

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model(
            "mimo-v2.6-pro",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _OMNI,
            media_in_tool_messages=True,
            released=_V26_DAY,
            price=_PRO_PRICE,
        ),
        Model(
            "mimo-v2.6-flash",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _OMNI,
            media_in_tool_messages=True,
            released=_V26_DAY,
            price=_FLASH_PRICE,
        ),
        Model(
            "mimo-v2.6-pro-ultraspeed",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _OMNI,
            media_in_tool_messages=True,
            released=_V26_DAY,
            price=Price(0.036, 4.35, 8.7, _PRICED),
        ),
        Model(
            "mimo-v2.5",
            _MIB,
            128 * _KIB,
            32 * _KIB,
            _OMNI,
            media_in_tool_messages=True,
            ended=_V25_END,
            successor="mimo-v2.6-flash",
            price=_FLASH_PRICE,
        ),
        # model.md's table lists it as multimodal, but the API responds to images with 404.
        Model(
            "mimo-v2.5-pro",
            _MIB,
            128 * _KIB,
            128 * _KIB,
            _TEXT,
            ended=_V25_END,
            successor="mimo-v2.6-pro",
            price=_PRO_PRICE,
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
            ended=_V2_END,
            successor="mimo-v2.6-pro",
        ),
        Model(
            "mimo-v2-omni",
            256 * _KIB,
            128 * _KIB,
            32 * _KIB,
            _OMNI,
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
    bare = model_id.strip()
    known = bare.lower().removesuffix("[1m]")
    return known if known in MODELS else bare


def profile(model: Model, day: date) -> dict[str, object]:
    """Return LangChain's profile of a model.

    `image_tool_message` is true because ChatMiMo moves media from tool messages into a user
    message. `structured_output` is false because MiMo documents JSON mode only, without a schema
    that the server enforces; agents then use the tool strategy.

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
        "structured_output": False,
        "temperature": True,
        "attachment": inputs != _TEXT,
    }
    if model.released is not None:
        facts["release_date"] = model.released.isoformat()
    return facts
