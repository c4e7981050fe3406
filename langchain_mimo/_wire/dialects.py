"""What differs between MiMo's cloud and servers that run its open weights.

Reading is tolerant of every dialect whatever the setting; only writing follows it. The facts were
measured with vLLM 0.32 or read in SGLang's cookbook for MiMo-V2.5 (mimo-api.md §11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

from langchain_mimo._checks import warn_once
from langchain_mimo._wire.endpoints import ApiFormatName, Server
from langchain_mimo._wire.turns import Turn, media_parts
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

AudioPart: TypeAlias = Literal["input_audio", "input_audio_base64", "audio_url"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server wants to be written to.

    Attributes:
        thinking_in_template: The switch is `chat_template_kwargs`, not MiMo's `thinking`, which
            vLLM ignores silently.
        reasoning_field: Name under which thoughts are handed back.
        audio_part: Type of an audio content part: MiMo's `input_audio` with a data URL or a URL;
            OpenAI's `input_audio` with bare base64 and a format, which vLLM reads too, for wav and
            mp3 ("input_audio_base64"); or the `audio_url` of vLLM and SGLang, which takes every
            format.
        fps_in_media_io: Frame sampling goes to top-level `media_io_kwargs`; keys beside the URL
            are accepted there and change nothing.
        trusts_media_io: The server was started with `--trust-request-mm-kwargs`; others answer
            400 to `media_io_kwargs`.
        forces_tools: A `tool_choice` other than "auto" is honoured.
        enforces_schema: A `json_schema` response format is honoured.
        web_search: Tools of type `web_search` are taken.
        api_formats: The formats that the server has where MiMo has them.
    """

    thinking_in_template: bool = False
    reasoning_field: str = "reasoning_content"
    audio_part: AudioPart = "input_audio"
    fps_in_media_io: bool = False
    trusts_media_io: bool = False
    forces_tools: bool = False
    enforces_schema: bool = False
    web_search: bool = True
    api_formats: frozenset[ApiFormatName] = frozenset({"openai"})


DIALECTS: dict[Server, Dialect] = {
    "mimo": Dialect(api_formats=frozenset({"openai", "anthropic"})),
    "vllm": Dialect(
        thinking_in_template=True,
        reasoning_field="reasoning",
        audio_part="audio_url",
        fps_in_media_io=True,
        forces_tools=True,
        enforces_schema=True,
        web_search=False,
    ),
    "sglang": Dialect(
        thinking_in_template=True,
        audio_part="audio_url",
        forces_tools=True,
        enforces_schema=True,
        web_search=False,
    ),
}
"""By the value of `ChatMiMo(server=…)`."""


def dialect_of(server: Server, changes: Mapping[str, Any] | None = None) -> Dialect:
    """Return the dialect of a server.

    Args:
        server: What kind it is.
        changes: Attributes of `Dialect` in which this one differs, by name, such as
            `{"trusts_media_io": True}`; or None.

    Raises:
        MiMoConfigurationError: There is no such attribute, or it takes no such value.
    """
    dialect = DIALECTS[server]
    if not changes:
        return dialect
    known = {field.name: getattr(dialect, field.name) for field in fields(dialect)}
    for name, value in changes.items():
        if name not in known:
            raise MiMoConfigurationError(
                f"a dialect has no {name!r}; it has {', '.join(sorted(known))}."
            )
        fits = isinstance(value, type(known[name]))
        if not fits or (name == "audio_part" and value not in get_args(AudioPart)):
            raise MiMoConfigurationError(f"the dialect's {name} cannot be {value!r}.")
    return replace(dialect, **changes)


def check_api_format(wanted: ApiFormatName, server: Server) -> None:
    """Refuse a format that a server does not have.

    Args:
        wanted: The format.
        server: What kind of server it is.

    Raises:
        MiMoConfigurationError: The server has no such format.
    """
    if wanted not in DIALECTS[server].api_formats:
        raise MiMoConfigurationError(
            f"api_format={wanted!r} is for MiMo's cloud and its mirrors, not for "
            f"server={server!r}; leave one of the two out."
        )


def media_io_kwargs(turns: Sequence[Turn], dialect: Dialect) -> dict[str, Any] | None:
    """Return the frame sampling of a request as vLLM takes it: one rate for all its videos.

    Args:
        turns: The conversation.
        dialect: The server's; one that takes the rate here.

    Returns:
        The value of `media_io_kwargs`, or None when no video states a rate, or the server would
        refuse it (what is lost is then said in a warning).

    Raises:
        MiMoInputError: Two videos state different rates.
    """
    videos = [
        part for turn in turns for part in media_parts(turn) if part.reference.kind == "video"
    ]
    if any(part.media_resolution not in (None, "default") for part in videos):
        warn_once("vLLM has no media_resolution; it is not sent.")
    stated = [part for part in videos if part.fps is not None]
    if not stated:
        return None
    if not dialect.trusts_media_io:
        warn_once(
            "vLLM takes a frame rate only when started with --trust-request-mm-kwargs, so fps is "
            'not sent; if yours was, give ChatMiMo dialect={"trusts_media_io": True}.'
        )
        return None
    first = stated[0]
    for part in stated:
        if part.fps != first.fps:
            raise MiMoInputError(
                f"vLLM samples all videos of a request alike, but fps is {first.fps:g} and "
                f"{part.fps:g}; give one.",
                part.reference.message_index,
                part.reference.block_index,
            )
    # vLLM takes the lesser of both, and 32 frames where nothing is said; -1 is no bound.
    return {"video": {"fps": first.fps, "num_frames": -1}}
