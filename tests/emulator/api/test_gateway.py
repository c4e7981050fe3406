"""Keys, models, paths and the order of the checks: what MiMo's gateway decides."""

import pytest
from emulator_requests import USER, get, image, post, request, user

from langchain_mimo.emulator import MiMoEmulator

WRONG_KEY = """{
    "error": {
        "message": "Invalid API Key",
        "param": "Please provide valid API Key",
        "code": "401",
        "type": "invalid_key"
    }
}
"""
INVALID_JSON = """{
    "error": {
        "code": "400",
        "message": "Invalid JSON in request body"
    }
}
"""
UNSUPPORTED = """{
    "error": {
        "code": "400",
        "message": "Unsupported model %s"
    }
}
"""
NO_RESOURCE = (
    '{"error":{"code":"400","message":"Invalid request","param":"404 NOT_FOUND","type":""}}'
)
FORMATS = ["/v1/chat/completions", "/anthropic/v1/messages"]


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"api-key": "sk-other"},
        {"api-key": ""},
        {"authorization": "Bearer sk-other"},
        {"authorization": "Basic sk-emulator"},
        {"api-key": "sk-other", "authorization": "Bearer sk-emulator"},
    ],
)
async def test_a_missing_key_and_a_wrong_key_have_the_same_body(headers, path):
    for stream in (False, True):
        response = await post(MiMoEmulator(), request(stream=stream), headers=headers, path=path)
        assert (response.status_code, response.text) == (401, WRONG_KEY)
        assert response.headers["content-type"] == "application/json"


async def test_x_api_key_is_a_header_of_the_anthropic_format_only():
    headers = {"x-api-key": "sk-emulator"}
    assert (await post(MiMoEmulator(), request(), headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "sk-7"},
        {"authorization": "Bearer sk-7"},
        {"authorization": "bearer sk-7"},
        {"api-key": "sk-7", "authorization": "Bearer sk-other"},
    ],
)
async def test_both_headers_accept_the_key(headers):
    response = await post(MiMoEmulator("sk-7"), request(), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"model": "gpt-4o"}, "gpt-4o"),
        ({"model": "MiMo-V2.6-Flash"}, "MiMo-V2.6-Flash"),
        ({"model": "mimo-v2.6-pro[1m]"}, "mimo-v2.6-pro[1m]"),
        ({"model": "mimo-v2.5"}, "mimo-v2.5"),
        ({"model": "mimo-v2-tts"}, "mimo-v2-tts"),
        ({"model": "小米"}, "小米"),
        ({"model": None}, "unknown-model"),
    ],
)
async def test_unsupported_models_have_a_body_with_two_keys(changes, name, path):
    for stream in (False, True):
        response = await post(MiMoEmulator(), request(stream=stream, **changes), path=path)
        assert (response.status_code, response.text) == (400, UNSUPPORTED % name)


async def test_a_request_without_a_model():
    response = await post(MiMoEmulator(), {"messages": [USER]})
    assert (response.status_code, response.text) == (400, UNSUPPORTED % "unknown-model")


@pytest.mark.parametrize("body", [b'{"model": ', b"", b'{"model": "\\ud800"}', b"\xff"])
@pytest.mark.parametrize("headers", [{}, {"api-key": "sk-other"}, {"api-key": "sk-emulator"}])
async def test_json_is_checked_before_the_key(body, headers):
    response = await post(MiMoEmulator(), body, headers=headers)
    assert (response.status_code, response.text) == (400, INVALID_JSON)


async def test_the_size_is_checked_before_json():
    response = await post(MiMoEmulator(max_body_bytes=1000), b"x" * 1001, headers={})
    assert response.status_code == 413


async def test_the_key_is_checked_before_the_model_and_the_model_before_the_rest():
    body = {"model": "gpt-4o", "messages": [], "n": 2, "temperature": 9}
    refused = await post(MiMoEmulator(), body, headers={})
    assert refused.status_code == 401
    refused = await post(MiMoEmulator(strict_parameters=True), body)
    assert refused.text == UNSUPPORTED % "gpt-4o"


async def test_a_body_that_is_refused_is_recorded():
    emulator = MiMoEmulator()
    await post(emulator, request(), headers={})
    assert emulator.requests[0].body == request()


@pytest.mark.parametrize(
    ("day", "model", "status"),
    [
        ("2026-04-24", "mimo-v2.5", 200),
        ("2026-04-24", "mimo-v2-omni", 200),
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


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_both_paths_have_the_list_of_models(path):
    emulator = MiMoEmulator(as_of="2026-10-10")
    for headers in ({"api-key": "sk-emulator"}, {"authorization": "Bearer sk-emulator"}):
        body = (await get(emulator, path, headers=headers)).json()
        assert body["object"] == "list"
        # The list that was recorded on 2026-09-29, and a model that was retired with v2.5.
        assert [model["id"] for model in body["data"]] == [
            "mimo-v2.5",
            "mimo-v2.5-asr",
            "mimo-v2.5-pro",
            "mimo-v2.5-pro-ultraspeed",
            "mimo-v2.5-tts",
            "mimo-v2.5-tts-voiceclone",
            "mimo-v2.5-tts-voicedesign",
            "mimo-v2.6-flash",
            "mimo-v2.6-pro",
            "mimo-v2.6-pro-ultraspeed",
        ]
        assert list(body["data"][0].items()) == [
            ("id", "mimo-v2.5"),
            ("object", "model"),
            ("owned_by", "xiaomi"),
        ]
    refused = await get(emulator, path, headers={"api-key": "sk-other"})
    assert (refused.status_code, refused.text) == (401, WRONG_KEY)


@pytest.mark.parametrize("path", ["/v1/models/mimo-v2.6-flash", "/models/gpt-4o"])
async def test_there_is_no_page_for_one_model(path):
    response = await get(MiMoEmulator(), path)
    assert (response.status_code, response.text) == (400, NO_RESOURCE)


async def test_other_paths_and_methods():
    emulator = MiMoEmulator()
    unknown = await post(emulator, request(), path="/v1/embeddings")
    assert unknown.status_code == 404
    assert "<title>404 Not Found</title>" in unknown.text
    assert (await get(emulator, "/v1/chat/completions")).status_code == 405
