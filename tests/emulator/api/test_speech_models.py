"""Speech and transcription models: the emulator serves them only to refuse what MiMo refuses."""

import pytest
from emulator_requests import USER, audio, post, request, user

from langchain_mimo.emulator import MiMoEmulator

SYSTEM = {"role": "system", "content": "Be brief."}
TEXT = {"role": "assistant", "content": "Read this."}
NO_TEXT = "messages must contain an assistant role for TTS model"
NO_SYSTEM = "system role is not allowed for TTS model"
NO_AUDIO = "ASR request requires a user message with input_audio content"
NOT_EMULATED = "The emulator does not synthesize or transcribe speech."
AUDIO = user(audio("https://x.y/z.wav"))
OWN_TEXT = {"optimize_text_preview": True}


@pytest.mark.parametrize(
    ("model", "changes", "param"),
    [
        ("mimo-v2.5-tts", {}, NO_TEXT),
        ("mimo-v2.5-tts-voiceclone", {}, NO_TEXT),
        ("mimo-v2.5-tts", {"audio": OWN_TEXT}, NO_TEXT),
        ("mimo-v2.5-tts", {"messages": [SYSTEM, USER, TEXT]}, NO_SYSTEM),
        ("mimo-v2.5-tts", {"messages": [USER, TEXT]}, NOT_EMULATED),
        ("mimo-v2.5-tts-voicedesign", {"audio": OWN_TEXT}, NOT_EMULATED),
        ("mimo-v2.5-asr", {}, NO_AUDIO),
        ("mimo-v2.5-asr", {"messages": user({"type": "text", "text": "hi"})}, NO_AUDIO),
        ("mimo-v2.5-asr", {"messages": [{**AUDIO[0], "role": "system"}]}, NO_AUDIO),
        ("mimo-v2.5-asr", {"messages": AUDIO}, NOT_EMULATED),
        ("mimo-v2.5-asr", {"messages": []}, "messages must not be empty"),
    ],
)
async def test_speech_models_refuse_chat(model, changes, param):
    response = await post(MiMoEmulator(), request(model=model, **changes))
    assert response.status_code == 400
    assert response.json()["error"] == {
        "code": "400",
        "message": "Param Incorrect",
        "param": param,
        "type": "",
    }
