"""Tests of image blocks without a MIME type: it is detected, or the block is refused."""

import asyncio
import base64
import io
import json

import httpx2
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import ChatPromptValue
from PIL import Image

from langchain_mimo import ChatMiMo, MediaError

RESPONSE = {
    "id": "x",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}],
}


def encoded(image_format):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, image_format)
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def llm(sent):
    def handler(request):
        sent.append(json.loads(request.content))
        return httpx2.Response(200, json=RESPONSE)

    transport = httpx2.MockTransport(handler)
    return ChatMiMo(
        model="m",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
    )


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("version", ["v1", "v0"])
def test_the_mime_type_is_detected(llm, sent, image_format, version):
    data = encoded(image_format)
    block = {"v1": {"base64": data}, "v0": {"source_type": "base64", "data": data}}[version]
    message = HumanMessage([{"type": "text", "text": "x"}, {"type": "image", **block}])
    before = message.model_copy(deep=True)
    llm.invoke([message])
    asyncio.run(llm.ainvoke(ChatPromptValue(messages=[message])))
    for body in sent:
        url = body["messages"][0]["content"][1]["image_url"]["url"]
        assert url == f"data:image/{image_format.lower()};base64,{data}"
    assert message == before


@pytest.mark.parametrize("data", [base64.b64encode(b"hello, world").decode(), "!!!!"])
def test_unknown_bytes_are_refused_with_their_position(llm, sent, data):
    messages = [HumanMessage("x"), HumanMessage([{"type": "image", "base64": data}])]
    with pytest.raises(MediaError, match=r"^messages\[1\], block 0: the image cannot be sent: "):
        llm.invoke(messages)
    assert sent == []
