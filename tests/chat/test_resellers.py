"""Resellers, gateways and routers: other limits, other headers, other keys for reasoning.

The responses follow what is known of their formats; no such service was called.
"""

import asyncio
import base64
import io
import json
import random
import warnings
from functools import reduce
from operator import add

import httpx2
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from PIL import Image

from langchain_mimo import ChatMiMo, MediaError, MiMoConfigurationError, image_block
from langchain_mimo._media import opening
from langchain_mimo._media.references import DeferredMedia, InlineBase64, MediaReference

TEN_MEGABYTES = 10_000_000


def noise(side):
    """Return an image that does not compress."""
    pixels = random.Random(1).randbytes(side * side * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(file, "BMP")
    return file.getvalue()


SMALL, LARGE = noise(300), noise(1700)
"""0.4 and 11.6 million characters of base64."""


class Gateway:
    """Returns the given responses in order, and records the requests."""

    def __init__(self, *responses):
        self.responses, self.requests, self.bodies = list(responses), [], []
        self.client = httpx2.Client(transport=httpx2.MockTransport(self))
        self.async_client = httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle_async))

    def __call__(self, request):
        self.requests.append(request)
        self.bodies.append(json.loads(request.read()))
        return self.next_response()

    async def handle_async(self, request):
        self.requests.append(request)
        self.bodies.append(json.loads(await request.aread()))
        return self.next_response()

    def next_response(self):
        response = self.responses.pop(0) if self.responses else completion("Hi.")
        if isinstance(response, dict):
            return httpx2.Response(200, json=response)
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in response)
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, text=text + "data: [DONE]\n\n", headers=headers)


def model(gateway, **fields):
    fields = {"model": "xiaomi/mimo-v2.6-flash", "max_retries": 0} | fields
    return ChatMiMo(
        base_url="https://gateway.example/api/v1",
        api_key="sk-gateway",
        http_client=gateway.client,
        http_async_client=gateway.async_client,
        **fields,
    )


def completion(content, **message):
    message = {"role": "assistant", "content": content, "refusal": None} | message
    choice = {"index": 0, "finish_reason": "stop", "native_finish_reason": "stop"}
    return {
        "id": "gen-1",
        "provider": "Xiaomi",
        "model": "xiaomi/mimo-v2.6-flash",
        "choices": [choice | {"message": message}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "cost": 0.0001},
    }


# ------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_lower_limit_for_images(tmp_path, way, from_file):
    """As one reseller documents it for base64 (reseller-image-input, 2026-03)."""
    gateway = Gateway()
    fields = {"allowed_media_dirs": [tmp_path], "media_limits": {"image": TEN_MEGABYTES}}
    llm = model(gateway, **fields)
    path = tmp_path / "image.bmp"
    path.write_bytes(LARGE)
    message = HumanMessage(["?", image_block(path if from_file else LARGE)])
    send = {
        "invoke": lambda: llm.invoke([message]),
        "ainvoke": lambda: asyncio.run(llm.ainvoke([message])),
        "stream": lambda: list(llm.stream([message])),
    }
    with pytest.raises(MediaError, match=r"messages\[0\], block 1.*media_limits allows 10,000,000"):
        send[way]()
    assert gateway.requests == []
    llm.invoke([HumanMessage([image_block(SMALL)])])
    model(gateway, **(fields | {"media_limits": {"video": 9}})).invoke([message])
    url = gateway.bodies[-1]["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == LARGE


def test_the_limit_is_exact_to_the_character():
    encoded = base64.b64encode(SMALL).decode()
    leaf = DeferredMedia(MediaReference("image", InlineBase64(encoded), None, 0, 0))
    for limit, fits in ((len(encoded), True), (len(encoded) - 1, False)):
        policy = opening.MediaPolicy(limits={"image": limit})
        if fits:
            opening.open_media(leaf, policy).close()
            assert opening.inspect_media(leaf.reference, policy).mime_type == "image/bmp"
            continue
        with pytest.raises(MediaError, match="media_limits"):
            opening.open_media(leaf, policy)
        with pytest.raises(MediaError, match="media_limits"):
            opening.inspect_media(leaf.reference, policy)


def test_a_server_may_have_a_higher_limit_than_mimo(monkeypatch):
    monkeypatch.setattr(opening.limits, "MAX_BASE64_CHARACTERS", 1000)
    message = HumanMessage(
        [{"type": "image", "base64": base64.b64encode(SMALL).decode(), "mime_type": "image/bmp"}]
    )
    gateway = Gateway()
    with pytest.raises(MediaError, match="MiMo accepts at most 1,000"):
        model(gateway).invoke([message])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(gateway, media_limits={"image": 10**9}).invoke([message])
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("limits", [{"photo": 1}, {"image": 0}, {"image": "much"}, 10])
def test_invalid_limits_are_refused(limits):
    with pytest.raises(MiMoConfigurationError, match="media_limits"):
        model(Gateway(), media_limits=limits)


# -------------------------------------------------------------------------- URLs and headers


def test_headers_key_and_url():
    gateway = Gateway()
    headers = {"x-title": "my app", "http-referer": "https://me.example"}
    body = {"provider": {"order": ["xiaomi"]}}
    model(gateway, default_headers=headers, extra_body=body).invoke("Hi")
    [request] = gateway.requests
    assert str(request.url) == "https://gateway.example/api/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-gateway"
    assert {name: request.headers[name] for name in headers} == headers
    assert gateway.bodies[0]["provider"] == body["provider"]
    assert gateway.bodies[0]["model"] == "xiaomi/mimo-v2.6-flash"


@pytest.mark.parametrize("stream_usage", [True, False])
def test_stream_options_can_be_left_out(stream_usage):
    choice = {"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}
    events = [{"id": "1", "model": "m", "choices": [choice]}]
    gateway = Gateway(events)
    message = reduce(add, model(gateway, stream_usage=stream_usage).stream("Hi"))
    assert message.text == "Hi."
    assert message.usage_metadata is None
    assert ("stream_options" in gateway.bodies[0]) == stream_usage


# ------------------------------------------------------------------------ OpenRouter's shapes

REASONING = "Hm, let me see."
DETAILS = [
    {"type": "reasoning.text", "text": REASONING, "format": "unknown", "index": 0},
    {"type": "reasoning.encrypted", "data": "c2VjcmV0", "index": 1},
]
FUNCTION = {"name": "look", "arguments": "{}"}
CALL = {"id": "call_1", "index": 0, "type": "function", "function": FUNCTION}


def stream_events():
    def event(reason=None, **delta):
        delta = {"role": "assistant", "content": ""} | delta
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "native_finish_reason": None}
        return {"id": "gen-1", "provider": "Xiaomi", "model": "m", "choices": [choice]}

    for piece in (REASONING[:6], REASONING[6:]):
        detail = {"type": "reasoning.text", "text": piece, "index": 0}
        yield event(reasoning=piece, reasoning_details=[detail])
    yield event(content=None, reasoning_details=DETAILS[1:])
    yield event(content="Hi.", reasoning=None, reasoning_details=[])
    yield event(tool_calls=[CALL], reason="tool_calls")


@pytest.mark.parametrize("stream", [False, True])
def test_openrouters_reasoning_is_read_once_and_sent_back(stream):
    fields = {"reasoning": REASONING, "reasoning_details": DETAILS, "tool_calls": [CALL]}
    gateway = Gateway(list(stream_events()) if stream else completion("Hi.", **fields))
    llm = model(gateway)
    prompt = HumanMessage("?")
    answer = reduce(add, llm.stream([prompt])) if stream else llm.invoke([prompt])
    assert answer.content == "Hi."
    assert answer.additional_kwargs["reasoning_content"] == REASONING
    assert [call["name"] for call in answer.tool_calls] == ["look"]
    assert "c2VjcmV0" not in repr(answer)  # the details are dropped, so nothing is repeated
    assert repr(answer.content_blocks).count(REASONING) == 1
    llm.invoke([prompt, answer, ToolMessage("seen", tool_call_id="call_1")])
    turn = gateway.bodies[-1]["messages"][1]
    assert turn["reasoning_content"] == REASONING
    assert not {"reasoning", "reasoning_details"} & turn.keys()


def test_reasoning_can_be_sent_back_under_openrouters_key():
    gateway = Gateway()
    llm = model(gateway, dialect={"reasoning_field": "reasoning"})
    call = {"name": "look", "args": {}, "id": "call_1"}
    turn = AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": REASONING})
    llm.invoke([HumanMessage("?"), turn, ToolMessage("seen", tool_call_id="call_1")])
    sent = gateway.bodies[0]["messages"][1]
    assert sent["reasoning"] == REASONING
    assert "reasoning_content" not in sent


def test_reasoning_found_only_in_the_details_is_not_read():
    """A known limit: OpenRouter sends `reasoning` whenever the details contain text."""
    answer = model(Gateway(completion("Hi.", reasoning_details=DETAILS))).invoke("?")
    assert "reasoning_content" not in answer.additional_kwargs
