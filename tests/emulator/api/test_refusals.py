"""What the emulator's API refuses, and the exact bytes of the responses."""

import base64
import json

import pytest
from emulator_requests import (
    CALL,
    RESULT,
    USER,
    assistant,
    audio,
    data_url,
    function,
    image,
    png,
    post,
    request,
    user,
    video,
)

from langchain_mimo.emulator import MiMoEmulator

PARAM_REFUSALS = {
    "no messages": (request(messages=[]), "messages must not be empty"),
    "null content": (request(messages=[{"role": "user", "content": None}]), "text is not present"),
    "absent content": (request(messages=[{"role": "user"}]), "text is not present"),
    "no parts": (request(messages=[{"role": "user", "content": []}]), "text is not present"),
    "null content beside calls": (
        request(messages=[USER, assistant(content=None, reasoning_content="x"), RESULT]),
        "text is not present",
    ),
    "text part without text": (request(messages=user({"type": "text"})), "`text` is not set"),
    "call without a name": (
        request(messages=[assistant(tool_calls=[{**CALL, "function": {"arguments": "{}"}}])]),
        "`name` is not set",
    ),
    "result without id": (
        request(messages=[{"role": "tool", "content": "7"}]),
        "`tool_call_id` is not set",
    ),
    "function without a name": (request(tools=[function(None)]), "`name` is not set"),
    "two tools with one name": (
        request(tools=[function("f"), function("f")]),
        "Tool names must be unique: f",
    ),
    "too many tokens": (
        request(max_completion_tokens=131100),
        (
            "max_completion_tokens is too large: 131100. This model supports at most 131072 "
            "completion tokens, whereas you provided 131100."
        ),
    ),
    "no tokens": (
        request(max_completion_tokens=0),
        (
            "max_completion_tokens is too small: 0. This model supports at least 1 completion "
            "tokens, whereas you provided 0."
        ),
    ),
    "fewer than no tokens": (
        request(max_tokens=-1),
        (
            "max_completion_tokens is too small: -1. This model supports at least 1 completion "
            "tokens, whereas you provided -1."
        ),
    ),
    "a file part": (
        request(messages=user({"type": "file", "file": {"file_data": "data:application/pdf;"}})),
        "file type is not supported",
    ),
    "absent reasoning": (
        request(messages=[USER, assistant(), RESULT]),
        "The reasoning_content in the thinking mode must be passed back to the API.",
    ),
    "null reasoning": (
        request(messages=[USER, assistant(reasoning_content=None), RESULT]),
        "The reasoning_content in the thinking mode must be passed back to the API.",
    ),
    "empty reasoning": (
        request(messages=[USER, assistant(reasoning_content=""), RESULT]),
        "The reasoning_content in the thinking mode must be passed back to the API.",
    ),
    "a video as an image": (
        request(messages=user(image(data_url("video/mp4", b"\0\0\0\x18ftypmp42")))),
        "invalid image format, only bmp/gif/png/jpeg/webp are supported",
    ),
    "the bytes of a video as an image": (
        request(messages=user(image(data_url("image/png", b"\0\0\0\x18ftypmp42")))),
        "invalid image format, only bmp/gif/png/jpeg/webp are supported",
    ),
    "a MIME type that MiMo does not list": (
        request(messages=user(image(data_url("image/jpg", png())))),
        "invalid image format, only bmp/gif/png/jpeg/webp are supported",
    ),
    "the placeholder of the official samples": (
        request(messages=user(image("data:{MIME_TYPE};base64,$BASE64_IMAGE"))),
        "invalid image format, only bmp/gif/png/jpeg/webp are supported",
    ),
    "an image with the wrong MIME type": (
        request(messages=user(image(data_url("image/jpeg", png())))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "bad base64": (
        request(messages=user(image("data:image/png;base64,$BASE64_IMAGE"))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "base64 with a line break": (
        request(messages=user(image(data_url("image/png", png())[:60] + "\n" + "AAAA"))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "base64 without a prefix": (
        request(messages=user(image(base64.b64encode(png()).decode()))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "a file URL": (
        request(messages=user(image("file:///etc/passwd"))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "a tiny image": (
        request(messages=user(image(data_url("image/png", png(8, 8))))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "an extreme aspect ratio": (
        request(messages=user(image(data_url("image/png", png(4000, 10))))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "a truncated image": (
        request(messages=user(image(data_url("image/png", png(400, 400)[:-90])))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "audio with the bytes of an image": (
        request(messages=user(audio(data_url("audio/wav", png())))),
        "invalid audio format, only mp3/wav/flac/m4a/ogg are supported",
    ),
    "damaged audio": (
        request(messages=user(audio(data_url("audio/wav", b"RIFF\4\0\0\0WAVE")))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "a damaged video": (
        request(messages=user(video(data_url("video/mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 40)))),
        "Multimodal data is corrupted or cannot be processed.",
    ),
}


@pytest.mark.parametrize("name", PARAM_REFUSALS)
async def test_param_refusals_to_the_byte(name):
    body, param = PARAM_REFUSALS[name]
    expected = (
        '{"error":{"code":"400","message":"Param Incorrect","param":'
        f'{json.dumps(param, ensure_ascii=False)},"type":""}}}}'
    )
    emulator = MiMoEmulator()
    response = await post(emulator, body)
    assert (response.status_code, response.text) == (400, expected)
    streamed = await post(emulator, {**body, "stream": True})
    assert (streamed.status_code, streamed.text) == (400, f"data:{expected}")
    assert [record.status for record in emulator.requests] == [400, 400]


FIELD_REFUSALS = {
    "n": (request(n=1), "extra_forbidden", ("body", "n")),
    "a URL without its object": (
        request(messages=user({"type": "video_url", "video_url": "https://x.y/z"})),
        "dict_type",
        ("body", "messages", 0, "content", 0, "video_url"),
    ),
    "an unknown role": (
        request(messages=[{"role": "human", "content": "hi"}]),
        "literal_error",
        ("body", "messages", 0, "role"),
    ),
    "fps too low": (
        request(messages=user(video("https://x.y/z", fps=0.05))),
        "greater_than_equal",
        ("body", "messages", 0, "content", 0, "fps"),
    ),
    "an unknown resolution": (
        request(messages=user(video("https://x.y/z", media_resolution="high"))),
        "literal_error",
        ("body", "messages", 0, "content", 0, "media_resolution"),
    ),
    "temperature": (request(temperature=1.6), "less_than_equal", ("body", "temperature")),
    "temperature as a string": (request(temperature="1"), "float_type", ("body", "temperature")),
    "top_p": (request(top_p=0.001), "greater_than_equal", ("body", "top_p")),
    "presence": (request(presence_penalty=-3), "greater_than_equal", ("body", "presence_penalty")),
    "frequency": (request(frequency_penalty=3), "less_than_equal", ("body", "frequency_penalty")),
    "half a token": (
        request(max_completion_tokens=0.5),
        "int_from_float",
        ("body", "max_completion_tokens"),
    ),
    "five stops": (request(stop=list("abcde")), "too_long", ("body", "stop")),
    "thinking as a string": (request(thinking="enabled"), "dict_type", ("body", "thinking")),
    "thinking budget": (
        request(thinking={"type": "enabled", "budget_tokens": 100}),
        "extra_forbidden",
        ("body", "thinking", "budget_tokens"),
    ),
    "stream as a string": (request(stream="yes"), "bool_type", ("body", "stream")),
    "tool name with a space": (
        request(tools=[function("two words")]),
        "string_pattern_mismatch",
        ("body", "tools", 0, "function", "name"),
    ),
    "tool name of 65 letters": (
        request(tools=[function("f" * 65)]),
        "string_pattern_mismatch",
        ("body", "tools", 0, "function", "name"),
    ),
    "an unknown tool type": (
        request(tools=[{"type": "custom"}]),
        "literal_error",
        ("body", "tools", 0, "type"),
    ),
    "too many search keywords": (
        request(tools=[{"type": "web_search", "max_keyword": 51}]),
        "less_than_equal",
        ("body", "tools", 0, "max_keyword"),
    ),
    "no messages key": ({"model": "mimo-v2.6-pro"}, "missing", ("body", "messages")),
    "a list": (b"[]", "dict_type", ("body",)),
    "a model that is a number": (request(model=5), "string_type", ("body", "model")),
}


@pytest.mark.parametrize("name", FIELD_REFUSALS)
async def test_field_refusals_have_the_form_of_the_validator(name):
    body, kind, location = FIELD_REFUSALS[name]
    response = await post(MiMoEmulator(), body)
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["param"], error["type"]) == ("400", "", "Bad Request")
    assert f"'type': '{kind}'" in error["message"]
    assert f"'loc': {location!r}" in error["message"]


async def test_the_known_validator_error_to_the_byte():
    response = await post(MiMoEmulator(), request(reasoning_effort="max"))
    assert response.json()["error"]["message"] == (
        "[{'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), "
        "'msg': \"Input should be 'low', 'medium' or 'high'\", 'input': 'max', "
        "'ctx': {'expected': \"'low', 'medium' or 'high'\"}}]"
    )


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (image("https://x.y/z.png"), "image"),
        (video("https://x.y/z.mp4"), "video"),
        (audio("https://x.y/z.wav"), "audio"),
        ({"type": "audio_url", "audio_url": {"url": "https://x.y/z.wav"}}, "audio"),
    ],
)
async def test_media_for_a_text_model(part, kind):
    emulator = MiMoEmulator(as_of="2026-04-22")
    response = await post(emulator, request(model="mimo-v2.5-pro", messages=user(part)))
    assert response.status_code == 404
    assert response.text == (
        '{"error":{"code":"404","message":"No endpoints found that support '
        f'{kind} input","param":"","type":""}}}}'
    )


async def test_list_content_in_tool_messages_depends_on_the_model():
    listed = {**RESULT, "content": [{"type": "text", "text": "7"}]}
    messages = [USER, assistant(reasoning_content="x"), listed]
    emulator = MiMoEmulator(as_of="2026-06-20")
    refused = await post(emulator, request(model="mimo-v2.5-pro", messages=messages))
    assert refused.json()["error"]["param"] == "`text` is not set"
    accepted = await post(MiMoEmulator(), request(messages=messages))
    assert accepted.status_code == 200


async def test_reasoning_is_required_only_with_tool_calls_and_thinking():
    without = request(messages=[USER, assistant(), RESULT])
    assert (await post(MiMoEmulator(lenient=True), without)).status_code == 200
    off = {**without, "thinking": {"type": "disabled"}}
    assert (await post(MiMoEmulator(), off)).status_code == 200
    no_calls = request(messages=[USER, {"role": "assistant", "content": "hello"}, USER])
    assert (await post(MiMoEmulator(), no_calls)).status_code == 200
    padded = request(messages=[USER, assistant(reasoning_content=" "), RESULT])
    assert (await post(MiMoEmulator(), padded)).status_code == 200


async def test_orphaned_tool_turns_are_refused_only_with_strict_tool_turns():
    orphan = request(messages=[USER, RESULT])
    open_call = request(messages=[USER, assistant(reasoning_content="x"), USER])
    other_id = {**RESULT, "tool_call_id": "call_not_a_real_id"}
    mismatch = request(messages=[USER, assistant(reasoning_content="x"), other_id])
    for body in (orphan, open_call, mismatch):
        assert (await post(MiMoEmulator(), body)).status_code == 200
        refused = await post(MiMoEmulator(strict_tool_turns=True), body)
        assert refused.status_code == 400
    complete = request(messages=[USER, assistant(reasoning_content="x"), RESULT, USER])
    assert (await post(MiMoEmulator(strict_tool_turns=True), complete)).status_code == 200


async def test_media_and_bodies_that_are_too_large():
    part = image("data:image/png;base64," + "A" * (50 * 10**6 + 4))
    emulator = MiMoEmulator(keep_bodies=False)
    refused = await post(emulator, request(messages=user(part)))
    assert "at most 50000000 are supported" in refused.json()["error"]["param"]
    assert emulator.requests[0].body is None
    assert emulator.requests[0].raw_length > 50 * 10**6
    small = MiMoEmulator(max_body_bytes=1000)
    response = await post(small, request(messages=[{"role": "user", "content": "x" * 1000}]))
    assert response.status_code == 413
