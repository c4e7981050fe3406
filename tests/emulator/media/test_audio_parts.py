"""The forms of audio in a chat request: URLs, data URLs, and bare base64 with a format."""

import base64
import io
import wave

import pytest
from emulator_requests import audio, data_url, message, png, post, request, user

from langchain_mimo.emulator import MiMoEmulator

DAMAGED = "Multimodal data is corrupted or cannot be processed."
BAD_FORMAT = "invalid audio format, only mp3/wav/flac/m4a/ogg are supported"


def make_wav(seconds=1):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\x10\0" * 8000 * seconds)
    return stream.getvalue()


WAV = make_wav()
BASE64 = base64.b64encode(WAV).decode()
DATA_URL = data_url("audio/wav", WAV)


@pytest.mark.parametrize(
    "part",
    [
        audio(DATA_URL),
        audio(DATA_URL, format="wav"),
        audio(BASE64, format="wav"),
        {"type": "audio_url", "audio_url": {"url": DATA_URL}},
    ],
)
@pytest.mark.parametrize("strict", [False, True])
async def test_every_form_is_heard(part, strict):
    emulator = MiMoEmulator(strict_parameters=strict)
    found = await message(emulator, messages=user(part))
    assert found["content"].startswith("Audio 1: WAV, 1.00 seconds long, 8000 Hz mono")
    (item,) = emulator.requests[0].media
    assert (item.kind, item.mime_type, item.data) == ("audio", "audio/wav", WAV)


@pytest.mark.parametrize(
    "part",
    [
        audio("https://x.y/z.wav"),
        audio("https://x.y/z.wav", format="mp3"),
        {"type": "audio_url", "audio_url": {"url": "https://x.y/z.wav"}},
    ],
)
async def test_urls_are_accepted(part):
    body = (await post(MiMoEmulator(), request(messages=user(part)))).json()
    assert body["usage"]["prompt_tokens_details"]["audio_tokens"] == 25


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (audio(BASE64), DAMAGED),
        (audio(BASE64, format="mp3"), DAMAGED),
        (audio(base64.b64encode(png()).decode(), format="wav"), BAD_FORMAT),
        (audio(BASE64, format="flac"), BAD_FORMAT),
        (audio(DATA_URL, format="mp3"), BAD_FORMAT),
        ({"type": "audio_url", "audio_url": {"url": BASE64}}, DAMAGED),
        ({"type": "audio_url", "audio_url": {}}, "`url` is not set"),
        (audio(None, format="wav"), "`data` is not set"),
    ],
)
async def test_forms_that_are_refused(part, param):
    response = await post(MiMoEmulator(), request(messages=user(part)))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


async def test_a_format_has_no_meaning_for_an_audio_url():
    part = {"type": "audio_url", "audio_url": {"url": DATA_URL, "format": "mp3"}}
    assert await message(MiMoEmulator(), messages=user(part))
