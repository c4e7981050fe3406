"""Requests to speech and transcription models, which MiMo serves at the chat endpoint too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_mimo.catalogue import Model
from langchain_mimo.emulator.refusals import (
    ASR_NO_AUDIO,
    NO_SPEECH,
    TTS_NO_TEXT,
    TTS_SYSTEM,
    Refusal,
    param_incorrect,
)


def speech_refusal(model: Model, request: Mapping[str, Any], messages: Sequence[object]) -> Refusal:
    """Return the refusal of a request to a speech or transcription model.

    A request that such a model would refuse, as one meant for a chat model, gets MiMo's own error.
    The emulator refuses all others too: it does not emulate speech.
    """
    found = [message for message in messages if isinstance(message, Mapping)]
    if "audio" in model.inputs:
        return param_incorrect(NO_SPEECH if any(map(_has_audio, found)) else ASR_NO_AUDIO)
    roles = {message.get("role") for message in found}
    if "system" in roles:
        return param_incorrect(TTS_SYSTEM)
    has_text = "assistant" in roles or _writes_its_text(model, request)
    return param_incorrect(NO_SPEECH if has_text else TTS_NO_TEXT)


def _writes_its_text(model: Model, request: Mapping[str, Any]) -> bool:
    """Return whether the model is asked to write the text that it speaks."""
    audio = request.get("audio")
    return (
        model.id.endswith("-voicedesign")
        and isinstance(audio, Mapping)
        and audio.get("optimize_text_preview") is True
    )


def _has_audio(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return (
        message.get("role") == "user"
        and isinstance(content, list)
        and any(isinstance(part, Mapping) and part.get("type") == "input_audio" for part in content)
    )
