"""Tests that the error for rejected media describes them and says how to convert them."""

import asyncio
import base64
import io

import httpx2
import pytest
from langchain_core.messages import HumanMessage
from PIL import Image

from langchain_mimo import ChatMiMo, MiMoError, MiMoMediaRejectedError, image_block

BODY = {
    "error": {
        "code": "400",
        "message": "Param Incorrect",
        "param": "Multimodal data is corrupted or cannot be processed.",
        "type": "",
    }
}


def model(*folders):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(400, json=BODY))
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        allowed_media_dirs=list(folders),
    )


async def consumed(stream):
    return [each async for each in stream]


METHODS = {
    "invoke": lambda llm, messages: llm.invoke(messages),
    "stream": lambda llm, messages: list(llm.stream(messages)),
    "ainvoke": lambda llm, messages: asyncio.run(llm.ainvoke(messages)),
    "astream": lambda llm, messages: asyncio.run(consumed(llm.astream(messages))),
}


@pytest.mark.parametrize("method", METHODS)
def test_the_error_names_block_format_and_remedy(method, tmp_path):
    path = tmp_path / "tiny.png"
    Image.new("RGB", (8, 8), "red").save(path)
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG")
    inline = {"type": "image", "base64": base64.b64encode(out.getvalue()).decode()}
    url = {"type": "video", "url": "https://example.com/a.mp4"}
    message = HumanMessage([{"type": "text", "text": "Look."}, image_block(path), inline, url])
    with pytest.raises(MiMoMediaRejectedError) as caught:
        METHODS[method](model(tmp_path), [message])
    text = str(caught.value)
    assert "corrupted" in text
    assert ".." not in text
    assert "messages[0], block 1: PNG" in text
    assert "8x8" in text.replace(" ", "").replace("×", "x")
    assert "messages[0], block 2: JPEG" in text
    assert "messages[0], block 3: video by URL" in text
    assert "prepare_image" in text
    assert base64.b64encode(out.getvalue()).decode()[:64] not in text


def test_a_missing_file_does_not_hide_the_error(tmp_path):
    path = tmp_path / "gone.png"
    Image.new("RGB", (64, 64), "red").save(path)
    block = image_block(path)

    def delete_file(_):
        path.unlink()
        return httpx2.Response(400, json=BODY)

    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        http_client=httpx2.Client(transport=httpx2.MockTransport(delete_file)),
        allowed_media_dirs=[tmp_path],
    )
    with pytest.raises(MiMoMediaRejectedError, match="can no longer be read"):
        llm.invoke([HumanMessage([block])])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [TypeError, OSError, RecursionError, MemoryError, MiMoError])
def test_a_description_that_fails_does_not_replace_the_error(monkeypatch, method, error):
    def fails(*_):
        raise error("from elsewhere")

    monkeypatch.setattr("langchain_mimo._chat.rejected_media.describe_rejected_media", fails)
    message = HumanMessage([{"type": "image", "url": "https://example.com/a.png"}])
    with pytest.raises(MiMoMediaRejectedError, match="corrupted") as caught:
        METHODS[method](model(), [message])
    assert "from elsewhere" not in str(caught.value)


@pytest.mark.parametrize("method", ["ainvoke", "astream"])
def test_no_thread_for_the_description_does_not_replace_the_error(monkeypatch, method):
    async def fails(function, *_):
        raise RuntimeError(f"can't start new thread for {function}")

    monkeypatch.setattr(asyncio, "to_thread", fails)
    message = HumanMessage([{"type": "image", "url": "https://example.com/a.png"}])
    with pytest.raises(MiMoMediaRejectedError, match="corrupted"):
        METHODS[method](model(), [message])
