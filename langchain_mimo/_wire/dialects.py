"""How servers that run MiMo's open weights differ from MiMo's cloud.

Only requests depend on the dialect; responses of every dialect are decoded whatever the setting.
Measured with vLLM 0.32, or taken from SGLang's cookbook for MiMo-V2.5 (docs/api-facts.md).
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
    """What requests to one kind of server look like.

    Attributes:
        thinking_in_template: Thinking is switched in `chat_template_kwargs`, not with MiMo's
            `thinking`, which vLLM ignores silently.
        reasoning_field: Key under which reasoning is sent back.
        audio_part: Type of an audio content part: MiMo's `input_audio` with a data URL or a URL;
            OpenAI's `input_audio` with bare base64 and a format, which vLLM accepts too, for wav
            and mp3 ("input_audio_base64"); or the `audio_url` of vLLM and SGLang, which accepts
            every format.
        fps_in_media_io: Frame sampling is set in the top-level `media_io_kwargs`; the server
            accepts keys beside the URL, but ignores them.
        trusts_media_io: The server was started with `--trust-request-mm-kwargs`; without it, it
            answers 400 to `media_io_kwargs`.
        forces_tools: A `tool_choice` other than "auto" is enforced.
        enforces_schema: A `json_schema` response format is enforced.
        parallel_tool_calls: The parameter of this name is accepted. MiMo's chat format does not
            document it, so it is not sent there; the Anthropic format has a switch of its own.
        anthropic_audio_video: The Anthropic format reads audio and video. MiMo's drops both without
            an error (docs/api-facts.md), so they are refused; set True once it reads them.
        web_search: Tools of type `web_search` are accepted.
        api_formats: The API formats that the server has, at the same paths as MiMo.
    """

    thinking_in_template: bool = False
    reasoning_field: str = "reasoning_content"
    audio_part: AudioPart = "input_audio"
    fps_in_media_io: bool = False
    trusts_media_io: bool = False
    forces_tools: bool = False
    enforces_schema: bool = False
    parallel_tool_calls: bool = False
    anthropic_audio_video: bool = False
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
        parallel_tool_calls=True,
        web_search=False,
    ),
    "sglang": Dialect(
        thinking_in_template=True,
        audio_part="audio_url",
        forces_tools=True,
        enforces_schema=True,
        parallel_tool_calls=True,
        web_search=False,
    ),
}
"""By the value of `ChatMiMo(server=…)`."""


def dialect_of(server: Server, changes: Mapping[str, Any] | None = None) -> Dialect:
    """Return the dialect of a server.

    Args:
        server: The kind of server.
        changes: Attributes of `Dialect` to override, such as `{"trusts_media_io": True}`; or None.

    Raises:
        MiMoConfigurationError: An attribute does not exist, or its value is invalid.
    """
    dialect = DIALECTS[server]
    if not changes:
        return dialect
    known = {field.name: getattr(dialect, field.name) for field in fields(dialect)}
    for name, value in changes.items():
        if name not in known:
            raise MiMoConfigurationError(
                f"dialect has no key {name!r}; use one of {', '.join(sorted(known))}"
            )
        is_valid = isinstance(value, type(known[name]))
        if not is_valid or (name == "audio_part" and value not in get_args(AudioPart)):
            raise MiMoConfigurationError(f"dialect[{name!r}] cannot be {value!r}")
    return replace(dialect, **changes)


def check_api_format(wanted: ApiFormatName, server: Server) -> None:
    """Refuse an API format that a server does not have.

    Args:
        wanted: The format.
        server: The kind of server.

    Raises:
        MiMoConfigurationError: The server does not have the format.
    """
    if wanted not in DIALECTS[server].api_formats:
        raise MiMoConfigurationError(
            f"api_format={wanted!r} is for MiMo's cloud and its mirrors, not for "
            f"server={server!r}; set only one of the two"
        )


def media_io_kwargs(turns: Sequence[Turn], dialect: Dialect) -> dict[str, Any] | None:
    """Return the frame sampling of a request for vLLM: one rate for all of its videos.

    Args:
        turns: The conversation.
        dialect: The server's dialect; one with `fps_in_media_io`.

    Returns:
        The value of `media_io_kwargs`, or None when no video sets a rate, or the server would
        refuse it (a warning then says what is not sent).

    Raises:
        MiMoInputError: Two videos set different rates.
    """
    videos = [
        part for turn in turns for part in media_parts(turn) if part.reference.kind == "video"
    ]
    if any(part.media_resolution not in (None, "default") for part in videos):
        warn_once("vLLM has no media_resolution; it is not sent")
    sampled = [part for part in videos if part.fps is not None]
    if not sampled:
        return None
    if not dialect.trusts_media_io:
        warn_once(
            "vLLM accepts a frame rate only when started with --trust-request-mm-kwargs, so fps is "
            'not sent; if yours was, pass dialect={"trusts_media_io": True} to ChatMiMo'
        )
        return None
    first = sampled[0]
    for part in sampled:
        if part.fps != first.fps:
            raise MiMoInputError(
                f"vLLM samples all videos of a request at one rate, but fps is {first.fps:g} and "
                f"{part.fps:g}; use the same fps for all",
                part.reference.message_index,
                part.reference.block_index,
            )
    # vLLM applies the lower of the two limits; num_frames defaults to 32, -1 removes it.
    return {"video": {"fps": first.fps, "num_frames": -1}}
