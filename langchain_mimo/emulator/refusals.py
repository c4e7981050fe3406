"""What the emulator answers when it refuses a request: statuses and bodies as recorded from MiMo.

Order of the keys in a body is part of the record, so the dictionaries below are written out.
Source: mimo-api.md §6. Where no recording exists the frame is MiMo's and the words are ours;
docs/emulator.md marks those.
"""

from __future__ import annotations

from typing import Any

import orjson


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of this program
    """An HTTP error answer in place of a completion.

    Attributes:
        status: HTTP status.
        error: The object under the key `error`, its keys in the recorded order.
    """

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(f"{status} {error.get('param') or error.get('message')}")
        self.status = status
        self.error = error

    def body(self, *, streaming: bool) -> bytes:
        """Return the body as sent: requests with `stream: true` get it behind `data:`, no space."""
        encoded = orjson.dumps({"error": self.error})
        return b"data:" + encoded if streaming else encoded


def invalid_key() -> Refusal:
    """401, no key or not this one."""
    return Refusal(
        401,
        {
            "message": "Invalid API Key",
            "param": "Please provide valid API Key",
            "code": "401",
            "type": "invalid_key",
        },
    )


def param_incorrect(param: str) -> Refusal:
    """400 in the gateway's frame: the useful text stands in `param`."""
    return Refusal(400, {"code": "400", "message": "Param Incorrect", "param": param, "type": ""})


def invalid_field(
    kind: str,
    location: tuple[str | int, ...],
    message: str,
    value: object,
    context: dict[str, Any] | None = None,
) -> Refusal:
    """400 in the form of a validator's error list, printed by Python into `message`.

    Args:
        kind: Pydantic's error type, such as `literal_error` or `less_than_equal`.
        location: Path below the body, such as `("temperature",)`.
        message: Pydantic's sentence.
        value: What was sent.
        context: Pydantic's `ctx`, when the error type has one.
    """
    detail: dict[str, Any] = {
        "type": kind,
        "loc": ("body", *location),
        "msg": message,
        "input": value,
    }
    if context is not None:
        detail["ctx"] = context
    return Refusal(
        400, {"code": "400", "message": repr([detail]), "param": "", "type": "Bad Request"}
    )


def extra_field(location: tuple[str | int, ...], value: object) -> Refusal:
    """400 for a name that MiMo's documentation does not know."""
    return invalid_field("extra_forbidden", location, "Extra inputs are not permitted", value)


def not_set(name: str) -> Refusal:
    """400 for a required field that is absent."""
    return param_incorrect(f"`{name}` is not set")


def no_endpoint_for(kind: str) -> Refusal:
    """404, media for a model that takes none; recorded for images, said likewise for the others."""
    return Refusal(
        404,
        {
            "code": "404",
            "message": f"No endpoints found that support {kind} input",
            "param": "",
            "type": "",
        },
    )


def prompt_too_long(tokens: int, at_most: int) -> Refusal:
    """400 for a prompt beyond the model's context; the words are ours."""
    return param_incorrect(
        f"The prompt has {tokens} tokens, this model's context length is {at_most} tokens."
    )


def http_error(status: int, message: str) -> Refusal:
    """A bare refusal of the HTTP layer: 404 for another path, 405, 413."""
    return Refusal(status, {"code": str(status), "message": message, "param": "", "type": ""})


TEXT_MISSING = "text is not present"
MESSAGES_EMPTY = "messages must not be empty"
REASONING_MISSING = "The reasoning_content in the thinking mode must be passed back to the API."
MEDIA_DAMAGED = "Multimodal data is corrupted or cannot be processed."
IMAGE_FORMAT = "invalid image format, only bmp/gif/png/jpeg/webp are supported"
# Recorded for pictures only; the other two say the same of their own formats.
AUDIO_FORMAT = "invalid audio format, only mp3/wav/flac/m4a/ogg are supported"
VIDEO_FORMAT = "invalid video format, only mp4/mov/avi/wmv are supported"
