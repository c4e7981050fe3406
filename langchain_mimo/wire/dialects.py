"""What differs between MiMo's cloud and servers that run its open weights.

Reading is tolerant of every dialect whatever the setting; only writing follows it. The facts were
measured with vLLM 0.32 or read in SGLang's cookbook for MiMo-V2.5 (mimo-api.md §11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Server: TypeAlias = Literal["mimo", "vllm", "sglang"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server wants to be written to.

    Attributes:
        thinking_in_template: The switch is `chat_template_kwargs`, not MiMo's `thinking`, which
            vLLM ignores silently.
        reasoning_field: Name under which thoughts are handed back.
        audio_part: Type of an audio content part: MiMo's `input_audio` with a data URL, or the
            `audio_url` of vLLM and SGLang, which takes every format.
        fps_in_media_io: Frame sampling goes to top-level `media_io_kwargs`; keys beside the URL
            are accepted there and change nothing.
        forces_tools: A `tool_choice` other than "auto" is honoured.
        enforces_schema: A `json_schema` response format is honoured.
        web_search: Tools of type `web_search` are taken.
    """

    thinking_in_template: bool = False
    reasoning_field: str = "reasoning_content"
    audio_part: Literal["input_audio", "audio_url"] = "input_audio"
    fps_in_media_io: bool = False
    forces_tools: bool = False
    enforces_schema: bool = False
    web_search: bool = True


DIALECTS: dict[Server, Dialect] = {
    "mimo": Dialect(),
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
