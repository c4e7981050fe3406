"""What each MiMo model is: sizes, modalities, defaults, prices, and the days it began and ended.

Source unless said otherwise: MiMo's pages model.md and pay-as-you-go.md as of 2026-10-09, and the
retirement notice "updates/deprecate". A fact of MiMo that code needs stands here once.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Literal, NamedTuple, TypeAlias

Modality: TypeAlias = Literal["text", "image", "audio", "video"]
Region: TypeAlias = Literal["cn", "sgp", "ams"]

PROVIDER = "mimo"
"""`response_metadata["model_provider"]` and LangSmith's `ls_provider`; they must be one string."""

BEIJING = timezone(timedelta(hours=8))
"""MiMo's notices give their hours in this zone."""

GENERAL_HOST = "api.xiaomimimo.com"
"""Pay-as-you-go keys (`sk-`) belong here."""

TOKEN_PLAN_HOSTS: dict[Region, str] = {
    "cn": "token-plan-cn.xiaomimimo.com",
    "sgp": "token-plan-sgp.xiaomimimo.com",
    "ams": "token-plan-ams.xiaomimimo.com",
}
"""Token Plan keys (`tp-`, teams `ttp-`) belong to exactly one of these; the others answer 401.
cn: MiMo's Token Plan page; sgp and ams: seen in users' reports, May 2026."""

MIMO_DOMAIN = "xiaomimimo.com"
"""Hosts at or under this domain are MiMo's own and need a key."""

FPS_RANGE = (0.1, 10.0)
"""Frames per second a video may be sampled at; unset means 2 (video page, 2026-04)."""

MEDIA_RESOLUTIONS = ("default", "max")
"""Values of `media_resolution` (video-understanding page, 2026-04)."""

TEMPERATURE_RANGE = (0.0, 1.5)
TOP_P_RANGE = (0.01, 1.0)
PENALTY_RANGE = (-2.0, 2.0)
MAX_STOP_SEQUENCES = 4
"""Ranges of openai-api.md, 2026-10."""


class Price(NamedTuple):
    """Money per million tokens on a day.

    Attributes:
        cache_hit: US dollars per million prompt tokens read from the cache.
        input: US dollars per million other prompt tokens, of any modality.
        output: US dollars per million tokens thought or answered.
        as_of: The day the table was read.
    """

    cache_hit: float
    input: float
    output: float
    as_of: date


class Model(NamedTuple):
    """One model id.

    Attributes:
        id: Lower case, as sent.
        context_tokens: Prompt and answer together.
        max_output_tokens: Upper bound of `max_completion_tokens`.
        default_output_tokens: What the server assumes when `max_completion_tokens` is not sent.
        inputs: Modalities it takes.
        thinks: Whether it can think before it answers.
        thinks_by_default: Whether it does when `thinking` is not sent.
        calls_tools: Whether it takes `tools`.
        media_in_tool_messages: Whether its documentation allows media in tool messages (v2.6).
        default_temperature: What the server assumes when `temperature` is not sent.
        released: The first day, or None when unknown.
        ended: The moment from which requests are refused, or None while it serves.
        successor: The id MiMo names in its place, or None.
        price: What it costs, or None when unknown.
        conversational: Whether it chats; speech and transcription models do not.
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
        """Whether the model no longer serves at `moment` (timezone-aware)."""
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
        # model.md's table calls it full-modal, the API answers 404 to pictures: the API wins.
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
"""Every id of mimo-api.md §2, current and retired."""


def find(model_id: str) -> Model | None:
    """Return what is known of a model id, or None: ids we do not know are passed through."""
    return MODELS.get(model_id)


def current_ids() -> list[str]:
    """Return the ids of the conversational models that still serve."""
    return [m.id for m in MODELS.values() if m.ended is None and m.conversational]


def strip_id(model_id: str) -> str:
    """Return a model id as MiMo takes it.

    Ids that differ from a known one only in case, or in the `[1m]` that some coding tools append,
    are refused with 400 (mimo-api.md §2.2). Ids we do not know are left alone: a self-hosted
    server's may be case-sensitive.
    """
    bare = model_id.strip()
    known = bare.lower().removesuffix("[1m]")
    return known if known in MODELS else bare


def profile(model: Model, day: date) -> dict[str, object]:
    """Return LangChain's model profile.

    `image_tool_message` is true since ChatMiMo moves media out of tool messages into a user
    message. `structured_output` is not claimed: MiMo documents JSON mode only, no schema that the
    server enforces, so agents take the tool strategy.

    Args:
        model: What the catalogue knows.
        day: Today, to tell active models from ended ones.
    """
    takes = model.inputs
    known: dict[str, object] = {
        "name": model.id,
        "status": "deprecated" if model.ended and model.ended.date() <= day else "active",
        "max_input_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "text_inputs": "text" in takes,
        "image_inputs": "image" in takes,
        "image_url_inputs": "image" in takes,
        "audio_inputs": "audio" in takes,
        "video_inputs": "video" in takes,
        "pdf_inputs": False,
        "image_tool_message": "image" in takes and model.calls_tools,
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
        "attachment": takes != _TEXT,
    }
    if model.released is not None:
        known["release_date"] = model.released.isoformat()
    return known
