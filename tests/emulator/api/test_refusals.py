"""What the emulator refuses, and the exact bytes of the responses."""

import base64
import io
import json

import httpx2
import pytest
from PIL import Image

from langchain_mimo.emulator import MiMoEmulator

USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "7"}


def assistant(**fields):
    return {"role": "assistant", "content": "", "tool_calls": [CALL], **fields}


def function(name, **fields):
    return {"type": "function", "function": {"name": name, **fields}}


def png(width=32, height=32):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, "PNG")
    return stream.getvalue()


def data_url(mime_type, data):
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


async def post(emulator, body, *, key="sk-emulator", headers=None, path="/v1/chat/completions"):
    transport = httpx2.ASGITransport(app=emulator.application)
    headers = {"api-key": key} if headers is None else headers
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.post(path, content=content, headers=headers)


def request(**changes):
    return {"model": "mimo-v2.6-flash", "messages": [USER], **changes}


PARAM_REFUSALS = {
    "unknown model": (request(model="gpt-4o"), "Not supported model gpt-4o"),
    "upper case": (request(model="MiMo-V2.6-Flash"), "Not supported model MiMo-V2.6-Flash"),
    "suffix": (request(model="mimo-v2.6-pro[1m]"), "Not supported model mimo-v2.6-pro[1m]"),
    "retired": (request(model="mimo-v2.5"), "Not supported model mimo-v2.5"),
    "speech": (request(model="mimo-v2.5-tts"), "Not supported model mimo-v2.5-tts"),
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
        request(
            messages=user(
                {"type": "input_audio", "input_audio": {"data": data_url("audio/wav", png())}}
            )
        ),
        "invalid audio format, only mp3/wav/flac/m4a/ogg are supported",
    ),
    "damaged audio": (
        request(
            messages=user(
                {
                    "type": "input_audio",
                    "input_audio": {"data": data_url("audio/wav", b"RIFF\4\0\0\0WAVE")},
                }
            )
        ),
        "Multimodal data is corrupted or cannot be processed.",
    ),
    "a damaged video": (
        request(
            messages=user(
                {
                    "type": "video_url",
                    "video_url": {"url": data_url("video/mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 40)},
                }
            )
        ),
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
    "seed": (request(seed=7), "extra_forbidden", ("body", "seed")),
    "fps in the wrong place": (
        request(
            messages=user({"type": "video_url", "video_url": {"url": "https://x.y/z", "fps": 1}})
        ),
        "extra_forbidden",
        ("body", "messages", 0, "content", 0, "video_url", "fps"),
    ),
    "detail of an image": (
        request(
            messages=user(
                {"type": "image_url", "image_url": {"url": "https://x.y/z", "detail": "low"}}
            )
        ),
        "extra_forbidden",
        ("body", "messages", 0, "content", 0, "image_url", "detail"),
    ),
    "a URL without its object": (
        request(messages=user({"type": "video_url", "video_url": "https://x.y/z"})),
        "dict_type",
        ("body", "messages", 0, "content", 0, "video_url"),
    ),
    "a part of another API": (
        request(messages=user({"type": "image", "source": {}})),
        "literal_error",
        ("body", "messages", 0, "content", 0, "type"),
    ),
    "an image in a system message": (
        request(messages=[{"role": "system", "content": [image("https://x.y/z")]}, USER]),
        "literal_error",
        ("body", "messages", 0, "content", 0, "type"),
    ),
    "an unknown role": (
        request(messages=[{"role": "human", "content": "hi"}]),
        "literal_error",
        ("body", "messages", 0, "role"),
    ),
    "fps too low": (
        request(
            messages=user({"type": "video_url", "video_url": {"url": "https://x.y/z"}, "fps": 0.05})
        ),
        "greater_than_equal",
        ("body", "messages", 0, "content", 0, "fps"),
    ),
    "an unknown resolution": (
        request(
            messages=user(
                {
                    "type": "video_url",
                    "video_url": {"url": "https://x.y/z"},
                    "media_resolution": "high",
                }
            )
        ),
        "literal_error",
        ("body", "messages", 0, "content", 0, "media_resolution"),
    ),
    "temperature": (request(temperature=1.6), "less_than_equal", ("body", "temperature")),
    "temperature as a string": (request(temperature="1"), "float_type", ("body", "temperature")),
    "top_p": (request(top_p=0.001), "greater_than_equal", ("body", "top_p")),
    "presence": (request(presence_penalty=-3), "greater_than_equal", ("body", "presence_penalty")),
    "frequency": (request(frequency_penalty=3), "less_than_equal", ("body", "frequency_penalty")),
    "no tokens": (
        request(max_completion_tokens=0),
        "greater_than_equal",
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
    "no model": ({"messages": [USER]}, "missing", ("body", "model")),
    "no messages key": ({"model": "mimo-v2.6-pro"}, "missing", ("body", "messages")),
    "not JSON": (b'{"model": ', "json_invalid", None),
    "a lone surrogate": (b'{"model": "\\ud800"}', "json_invalid", None),
}


@pytest.mark.parametrize("name", FIELD_REFUSALS)
async def test_field_refusals_have_the_form_of_the_validator(name):
    body, kind, location = FIELD_REFUSALS[name]
    response = await post(MiMoEmulator(), body)
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["code"], error["param"], error["type"]) == ("400", "", "Bad Request")
    assert f"'type': '{kind}'" in error["message"]
    if location is not None:
        assert f"'loc': {location!r}" in error["message"]


async def test_the_known_validator_error_to_the_byte():
    response = await post(MiMoEmulator(), request(reasoning_effort="max"))
    assert response.json()["error"]["message"] == (
        "[{'type': 'literal_error', 'loc': ('body', 'reasoning_effort'), "
        "'msg': \"Input should be 'low', 'medium' or 'high'\", 'input': 'max', "
        "'ctx': {'expected': \"'low', 'medium' or 'high'\"}}]"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"api-key": "sk-other"},
        {"authorization": "Bearer sk-other"},
        {"x-api-key": "sk-emulator"},
    ],
)
async def test_a_wrong_key_is_refused(headers):
    response = await post(MiMoEmulator(), request(), headers=headers)
    assert response.status_code == 401
    assert response.text == (
        '{"error":{"message":"Invalid API Key","param":"Please provide valid API Key",'
        '"code":"401","type":"invalid_key"}}'
    )


@pytest.mark.parametrize("headers", [{"api-key": "sk-7"}, {"authorization": "Bearer sk-7"}])
async def test_both_headers_accept_the_key(headers):
    response = await post(MiMoEmulator("sk-7"), request(), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (image("https://x.y/z.png"), "image"),
        ({"type": "video_url", "video_url": {"url": "https://x.y/z.mp4"}}, "video"),
        ({"type": "input_audio", "input_audio": {"data": "https://x.y/z.wav"}}, "audio"),
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
    for body in (orphan, open_call):
        assert (await post(MiMoEmulator(), body)).status_code == 200
        refused = await post(MiMoEmulator(strict_tool_turns=True), body)
        assert refused.status_code == 400
    complete = request(messages=[USER, assistant(reasoning_content="x"), RESULT, USER])
    assert (await post(MiMoEmulator(strict_tool_turns=True), complete)).status_code == 200


async def test_unknown_parameters_pass_without_strict_parameters():
    emulator = MiMoEmulator(strict_parameters=False)
    assert (await post(emulator, request(seed=7, n=1))).status_code == 200


@pytest.mark.parametrize(
    ("day", "model", "status"),
    [
        ("2026-04-22", "mimo-v2.5", 200),
        ("2026-04-22", "mimo-v2-omni", 200),
        ("2026-06-30", "mimo-v2-omni", 400),
        ("2026-10-21", "mimo-v2.5", 200),
        ("2026-10-21T10:00", "mimo-v2.5", 400),
        ("2026-09-21", "mimo-v2.6-pro", 400),
        ("2026-09-22", "mimo-v2.6-pro", 200),
    ],
)
async def test_as_of_decides_which_models_are_available(day, model, status):
    emulator = MiMoEmulator(as_of=day)
    assert (await post(emulator, request(model=model))).status_code == status


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


async def test_other_paths_and_methods():
    emulator = MiMoEmulator()
    assert (await post(emulator, request(), path="/v1/embeddings")).status_code == 404
    transport = httpx2.ASGITransport(app=emulator.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/v1/chat/completions")).status_code == 405
        preflight = await client.options("/v1/chat/completions")
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert preflight.headers["access-control-max-age"] == "1800"
