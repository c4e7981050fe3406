"""Pictures whose block states no MIME type: told by their bytes, or refused with their place."""

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

ANSWER = {
    "id": "x",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "hi"}}],
}


def encoded(kind):
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def llm(sent):
    def handler(request):
        sent.append(json.loads(request.content))
        return httpx2.Response(200, json=ANSWER)

    transport = httpx2.MockTransport(handler)
    return ChatMiMo(
        model="m",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("shape", ["v1", "v0"])
def test_the_bytes_tell(llm, sent, kind, shape):
    data = encoded(kind)
    block = {"v1": {"base64": data}, "v0": {"source_type": "base64", "data": data}}[shape]
    message = HumanMessage([{"type": "text", "text": "x"}, {"type": "image", **block}])
    before = message.model_copy(deep=True)
    llm.invoke([message])
    asyncio.run(llm.ainvoke(ChatPromptValue(messages=[message])))
    for body in sent:
        url = body["messages"][0]["content"][1]["image_url"]["url"]
        assert url == f"data:image/{kind.lower()};base64,{data}"
    assert message == before


@pytest.mark.parametrize("data", [base64.b64encode(b"hello, world").decode(), "!!!!"])
def test_bytes_that_tell_nothing_are_refused_with_their_place(llm, sent, data):
    messages = [HumanMessage("x"), HumanMessage([{"type": "image", "base64": data}])]
    with pytest.raises(MediaError, match=r"^messages\[1\], block 0: the image cannot be sent: "):
        llm.invoke(messages)
    assert sent == []
