"""Requests to the emulator without sockets, and what they are made of."""

import base64
import io
import json

import httpx2
from PIL import Image

USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "7"}
KEY = {"api-key": "sk-emulator"}
CHAT = "/v1/chat/completions"


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


def video(url, **fields):
    return {"type": "video_url", "video_url": {"url": url}, **fields}


def audio(data, **fields):
    return {"type": "input_audio", "input_audio": {"data": data, **fields}}


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def request(**changes):
    return {"model": "mimo-v2.6-flash", "messages": [USER], **changes}


async def post(emulator, body, *, headers=None, path=CHAT):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with _client(emulator) as client:
        return await client.post(path, content=content, headers=KEY if headers is None else headers)


async def get(emulator, path, *, headers=None):
    async with _client(emulator) as client:
        return await client.get(path, headers=KEY if headers is None else headers)


async def message(emulator, **changes):
    """The message of the response to a request."""
    response = await post(emulator, request(**changes))
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]


def _client(emulator):
    transport = httpx2.ASGITransport(app=emulator.application)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")
