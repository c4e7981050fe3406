"""Rejections that often pass: one more request per call, and never after something was given out."""

import base64
import json
from functools import reduce
from io import BytesIO
from operator import add

import httpx2
import pytest
from langchain_core.messages import HumanMessage
from PIL import Image

from langchain_mimo import ChatMiMo
from langchain_mimo._chat import second_chance
from langchain_mimo._wire.to_langchain.metadata import STOCK_REFUSAL
from langchain_mimo.errors import (
    MiMoBalanceError,
    MiMoIncompleteStreamError,
    MiMoMediaRejectedError,
)

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CORRUPTED = {
    "error": {
        "code": "400",
        "message": "Multimodal data is corrupted or cannot be processed.",
        "param": "",
        "type": "BadRequestError",
    }
}
NO_MONEY = {"error": {"code": "402", "message": "Insufficient account funds"}}


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    """The seconds that calls waited."""
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("langchain_mimo._chat.connection.time.sleep", waits.append)
    monkeypatch.setattr("langchain_mimo._chat.connection.asyncio.sleep", sleep)
    return waits


def image_message():
    out = BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return HumanMessage([{"type": "image", "base64": data, "mime_type": "image/png"}])


class Server:
    """Answers each request with the next: a text with its finish reason, or a status and a body."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.bodies = []

    def __call__(self, request):
        self.bodies.append(json.loads(request.read()))
        first, second = self.responses.pop(0)
        if isinstance(first, int):
            return httpx2.Response(first, json=second)
        if not self.bodies[-1].get("stream"):
            choice = {"message": {"content": first}, "finish_reason": second}
            return httpx2.Response(200, json={"id": "1", "choices": [choice], "usage": USAGE})
        deltas = [{"content": first[at : at + 5]} for at in range(0, len(first), 5)]
        events = [{"id": "1", "choices": [{"delta": delta}]} for delta in deltas]
        events.append({"id": "1", "choices": [{"delta": {}, "finish_reason": second}]})
        events.append({"id": "1", "choices": [], "usage": USAGE})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


def model(server, **fields):
    transport = httpx2.MockTransport(server)
    return ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
        **{"max_retries": 0, **fields},
    )


async def ask(way, llm, message="Hi."):
    """The message of a call."""
    messages = [message] if isinstance(message, HumanMessage) else message
    if way == "invoke":
        return llm.invoke(messages)
    if way == "ainvoke":
        return await llm.ainvoke(messages)
    if way == "stream":
        return reduce(add, llm.stream(messages))
    return reduce(add, [chunk async for chunk in llm.astream(messages)])


WAYS = ["invoke", "ainvoke", "stream", "astream"]
FILTERED = (STOCK_REFUSAL, "content_filter")
GOOD = ("It rains.", "stop")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rejection", "reason", "delay"),
    [
        ((400, CORRUPTED), "media_rejected", 0),
        (FILTERED, "content_filter", 0),
        ((402, NO_MONEY), "insufficient_funds", second_chance.BURST_DELAY),
    ],
)
async def test_a_transient_rejection_gets_one_more_request(way, rejection, reason, delay, waited):
    server = Server(rejection, GOOD)
    message = await ask(way, model(server), image_message())
    assert message.content == "It rains."
    assert message.response_metadata["second_chance"] == {"reason": reason}
    assert message.usage_metadata["total_tokens"] == (30 if reason == "content_filter" else 15)
    assert server.bodies[0] == server.bodies[1]
    assert waited == ([delay] if delay else [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rejection", "error"),
    [((400, CORRUPTED), MiMoMediaRejectedError), ((402, NO_MONEY), MiMoBalanceError)],
)
async def test_the_second_rejection_is_final(way, rejection, error):
    server = Server(rejection, rejection)
    with pytest.raises(error):
        await ask(way, model(server), image_message())
    assert len(server.bodies) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_one_call_has_one_second_chance_for_all_its_requests(way):
    server = Server((402, NO_MONEY), FILTERED)
    message = await ask(way, model(server))
    assert message.response_metadata["second_chance"] == {"reason": "insufficient_funds"}
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert message.content == ""
    assert len(server.bodies) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_one_field_switches_it_off(way):
    server = Server(FILTERED)
    message = await ask(way, model(server, second_chance=False))
    assert message.content == ""
    assert "second_chance" not in message.response_metadata
    server = Server((402, NO_MONEY))
    with pytest.raises(MiMoBalanceError):
        await ask(way, model(server, second_chance=False))


@pytest.mark.parametrize("way", WAYS)
async def test_no_call_sends_a_third_request(way):
    server = Server((402, NO_MONEY), (400, CORRUPTED))
    with pytest.raises(MiMoMediaRejectedError):
        await ask(way, model(server), image_message())
    assert len(server.bodies) == 2


async def test_media_by_url_were_not_checked_and_get_none():
    block = {"type": "image", "url": "https://example.org/a.png"}
    server = Server((400, CORRUPTED))
    with pytest.raises(MiMoMediaRejectedError):
        await ask("invoke", model(server), HumanMessage([block]))


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_has_begun_stands(way):
    server = Server(("It rains", "content_filter"))
    message = await ask(way, model(server))
    assert message.content == "It rains"
    assert len(server.bodies) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_the_stock_sentence_is_never_the_answer(way):
    server = Server(FILTERED, FILTERED)
    message = await ask(way, model(server))
    assert message.content == ""
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert message.content_blocks == [] or message.content_blocks[0]["type"] == "refusal"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "text",
    [
        STOCK_REFUSAL,
        STOCK_REFUSAL[:20],
        STOCK_REFUSAL[:1],
        STOCK_REFUSAL + " by MiMo.",
        "The request was fine.",
        "",
    ],
)
async def test_an_answer_that_begins_like_it_arrives_whole(way, text):
    message = await ask(way, model(Server((text, "stop"))))
    assert message.content == text


def test_a_stream_that_breaks_keeps_the_text_that_was_held_back():
    def respond(_):
        event = {"id": "1", "choices": [{"delta": {"content": "The request"}}]}
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, text=f"data: {json.dumps(event)}\n\n", headers=headers)

    with pytest.raises(MiMoIncompleteStreamError) as raised:
        list(model(respond).stream("Hi."))
    assert raised.value.partial_message.content == "The request"


async def test_events_hold_it_back_too():
    server = Server(FILTERED, GOOD)
    events = [event async for event in await model(server).astream_events("Hi.", version="v3")]
    assert STOCK_REFUSAL not in str(events)
    assert "It rains." in str(events) or "It ra" in str(events)
