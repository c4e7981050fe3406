"""Every fault of the emulator through ChatMiMo and through an agent whose tool must not run."""

import asyncio
import contextlib
import time

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import tool
from request_bodies import chat_body

from langchain_mimo._transport import MiMoTimeouts
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import FAULTS, MiMoEmulator, Reply
from langchain_mimo.errors import (
    MiMoBalanceError,
    MiMoConnectionError,
    MiMoContentFilterError,
    MiMoError,
    MiMoIncompleteStreamError,
    MiMoInvalidRequestError,
    MiMoInvalidResponseError,
    MiMoPermissionError,
    MiMoQuotaError,
    MiMoRateLimitError,
    MiMoRedirectError,
    MiMoServerError,
    MiMoTimeoutError,
)

TEXT = "Weather 天气 🌦: " + " ".join(f"word{n}" for n in range(120))
REASONING = "The user asks. " * 20
COMPLETE = "complete"
HANG = 60.0
"""Limit for one test, in seconds; the emulator would stall for an hour."""

LIMITS = MiMoTimeouts(connect=5, first_event=0.8, idle=0.8)

Connection, Incomplete, Timeout = MiMoConnectionError, MiMoIncompleteStreamError, MiMoTimeoutError


def named(row):
    return " ".join([row[0], *(f"{key}={value}" for key, value in row[1].items())])


# fault, its parameters, what a response becomes, what a stream becomes
ROWS = [
    ("cut_after", {"bytes": 10}, Connection, Connection),
    ("cut_after", {"bytes": 10, "reset": True}, Connection, Connection),
    ("cut_after", {"bytes": 10, "clean": True}, MiMoInvalidResponseError, Incomplete),
    ("cut_after", {"bytes": 900}, Connection, Incomplete),
    ("cut_after", {"bytes": 900, "reset": True}, Connection, (Incomplete, Connection)),
    ("cut_after", {"bytes": 900, "clean": True}, MiMoInvalidResponseError, Incomplete),
    ("cut_after", {"bytes": 9000, "clean": True}, COMPLETE, Incomplete),
    ("cut_before_headers", {}, Connection, Connection),
    ("cut_before_headers", {"reset": True}, Connection, Connection),
    ("close_idle", {}, COMPLETE, COMPLETE),
    ("reset_kept_alive", {}, COMPLETE, COMPLETE),
    ("stall", {}, Timeout, Timeout),
    ("stall", {"after_events": 0}, COMPLETE, Timeout),
    ("stall", {"after_events": 5}, COMPLETE, Timeout),
    ("pings_only", {}, COMPLETE, Timeout),
    ("pings_only", {"after_events": 5}, COMPLETE, Timeout),
    ("slow_loris", {}, Timeout, Timeout),
    ("slow_loris", {"part": "headers"}, Timeout, Timeout),
    ("split_writes", {"size": 7, "interval": 0.0}, COMPLETE, COMPLETE),
    ("keep_open_after_done", {}, COMPLETE, COMPLETE),
    ("rate_limit", {}, MiMoRateLimitError, MiMoRateLimitError),
    ("quota", {}, MiMoQuotaError, MiMoQuotaError),
    ("payment_required", {}, MiMoBalanceError, MiMoBalanceError),
    ("forbidden", {}, MiMoPermissionError, MiMoPermissionError),
    ("moderation", {}, MiMoContentFilterError, MiMoContentFilterError),
    ("server_error", {}, MiMoServerError, MiMoServerError),
    ("connection_refused_400", {}, MiMoServerError, MiMoServerError),
    ("string_error", {}, MiMoInvalidRequestError, MiMoInvalidRequestError),
    ("html_error_page", {}, MiMoServerError, MiMoServerError),
    ("empty_error", {}, MiMoServerError, MiMoServerError),
    ("redirect", {}, MiMoRedirectError, MiMoRedirectError),
    ("garbage", {"kind": "text"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "html"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "binary"}, MiMoInvalidResponseError, Incomplete),
    ("garbage", {"kind": "json"}, MiMoError, Incomplete),
    ("error_in_stream", {"after_events": 0}, COMPLETE, MiMoServerError),
    ("error_in_stream", {}, COMPLETE, Incomplete),
    ("error_in_stream", {"space": True, "done": True, "code": "421"}, COMPLETE, Incomplete),
    ("duplicated_finish", {}, COMPLETE, COMPLETE),
    ("usage_on_every_chunk", {}, COMPLETE, COMPLETE),
    ("no_done", {}, COMPLETE, COMPLETE),
    ("no_finish", {}, COMPLETE, Incomplete),
    ("no_finish", {"done": False}, COMPLETE, Incomplete),
    ("half_tool_call", {}, COMPLETE, COMPLETE),
    ("crlf", {}, COMPLETE, COMPLETE),
    ("comments", {}, COMPLETE, COMPLETE),
    ("line_separator", {}, COMPLETE, COMPLETE),
    ("multi_line_data", {}, COMPLETE, COMPLETE),
    ("byte_order_mark", {}, COMPLETE, COMPLETE),
]
WAYS = ["invoke", "stream", "ainvoke", "astream"]

# The transport is the same for both API formats. The Anthropic format has a decoder of its own, so
# that streams which are cut, unusual or without an end, and errors, are tested for both.
OF_BOTH_FORMATS = [
    row
    for row in ROWS
    if row[0]
    in {
        *("cut_after", "stall", "pings_only", "split_writes", "rate_limit", "moderation"),
        *("server_error", "html_error_page", "error_in_stream", "duplicated_finish"),
        *("usage_on_every_chunk", "no_done", "no_finish", "half_tool_call", "crlf", "comments"),
        *("multi_line_data", "byte_order_mark", "garbage"),
    }
]
FORMATS_AND_ROWS = [
    *(pytest.param("openai", row, way, id=f"{named(row)}-{way}") for row in ROWS for way in WAYS),
    *(
        pytest.param("anthropic", row, way, id=f"anthropic-{named(row)}-{way}")
        for row in OF_BOTH_FORMATS
        for way in ("invoke", "astream")
    ),
]


@pytest.fixture
def emulator():
    with MiMoEmulator() as running:
        running.respond_with(lambda request: Reply(TEXT, reasoning=REASONING))
        yield running


@pytest.fixture(autouse=True)
def nothing_hangs():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < HANG


def model_at(emulator, **fields):
    fields.setdefault("timeout", LIMITS)
    fields.setdefault("max_retries", 0)
    return ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        **fields,
    )


def call(model, way, prompt="What is the weather?"):
    """Call the model in one of the four ways, and return one message."""
    if way == "invoke":
        return model.invoke(prompt)
    if way == "ainvoke":
        return asyncio.run(model.ainvoke(prompt))
    if way == "stream":
        return sum_of(list(model.stream(prompt)))

    async def run():
        return [chunk async for chunk in model.astream(prompt)]

    return sum_of(asyncio.run(run()))


def sum_of(chunks):
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


def test_every_fault_of_the_emulator_is_listed():
    assert {row[0] for row in ROWS} == set(FAULTS)


@pytest.mark.parametrize(("api_format", "row", "way"), FORMATS_AND_ROWS)
def test_a_permanent_fault(emulator, api_format, row, way):
    name, parameters, response, stream = row
    emulator.fault(name, times=None, **parameters)
    expected = stream if "stream" in way else response
    model = model_at(emulator, api_format=api_format)
    if expected is COMPLETE:
        message = call(model, way)
        damage = str.maketrans("\u2028\u2029\x85", "   ")  # by the fault line_separator
        received = (message.text, message.additional_kwargs["reasoning_content"])
        assert [text.translate(damage).split() for text in received] == [
            TEXT.split(),
            REASONING.split(),
        ]
        assert name == "line_separator" or received == (TEXT, REASONING)
        reason = "length" if name == "half_tool_call" else "stop"
        assert message.response_metadata["finish_reason"] == reason
        assert message.usage_metadata["input_tokens"] < 200
        return
    with pytest.raises(expected) as caught:
        call(model, way)
    error = caught.value
    assert isinstance(error, MiMoError)
    assert emulator.api_key not in repr(error) + repr(error.__cause__)
    if isinstance(error, MiMoIncompleteStreamError) and error.partial_message is not None:
        assert isinstance(error.partial_message, AIMessage | AIMessageChunk)
        assert error.partial_message.text in TEXT


TRANSIENT = [
    ("cut_after", {"bytes": 10}),
    ("cut_after", {"bytes": 10, "reset": True}),
    ("cut_before_headers", {}),
    ("cut_before_headers", {"reset": True}),
    ("rate_limit", {"retry_after": "seconds", "seconds": 1}),
    ("rate_limit", {"retry_after": "milliseconds", "seconds": 0.3}),
    ("rate_limit", {"retry_after": "date", "seconds": 1}),
    ("rate_limit", {}),
    ("server_error", {"status": 500}),
    ("server_error", {"status": 502}),
    ("server_error", {"status": 503}),
    ("connection_refused_400", {}),
    ("html_error_page", {}),
    ("empty_error", {}),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", TRANSIENT, ids=named)
def test_a_transient_fault(emulator, row, way):
    name, parameters = row
    emulator.fault(name, times=1, **parameters)
    message = call(model_at(emulator, max_retries=1, timeout=5), way)
    assert message.text == TEXT
    assert len(emulator.requests) + (name == "cut_before_headers") in (2, 3)


# Agents


CALL = {"name": "delete", "args": {"path": "/a/b/c/important.txt"}}

CUTS = [
    ("half_tool_call", {"finish_reason": "length"}),
    ("half_tool_call", {"finish_reason": None}),
    ("cut_after", {"bytes": 2500}),
    ("cut_after", {"bytes": 2500, "clean": True}),
    ("cut_after", {"bytes": 3200, "clean": True}),
    ("error_in_stream", {"after_events": 6}),
    ("no_finish", {}),
    ("stall", {"after_events": 6}),
    ("pings_only", {"after_events": 6}),
]


@pytest.fixture
def deleted():
    return []


@pytest.fixture
def agent_of(deleted):
    def make(emulator, **fields):
        @tool
        def delete(path: str) -> str:
            """Delete a file."""
            deleted.append(path)
            return "deleted"

        def reply(request):
            has_result = any(m["role"] == "tool" for m in chat_body(request)["messages"])
            return Reply("Done.") if has_result else Reply(tool_calls=[CALL], argument_pieces=4)

        emulator.respond_with(reply)
        return create_agent(model_at(emulator, **fields), [delete])

    return make


def run_agent(agent, way):
    given = {"messages": [("user", "Delete important.txt")]}
    if way == "invoke":
        return agent.invoke(given)
    if way == "stream":
        return list(agent.stream(given, stream_mode="messages"))
    if way == "ainvoke":
        return asyncio.run(agent.ainvoke(given))

    async def run():
        return [part async for part in agent.astream(given, stream_mode="messages")]

    return asyncio.run(run())


@pytest.mark.parametrize("way", WAYS)
def test_the_tool_runs_without_a_fault(emulator, api_format, agent_of, deleted, way):
    run_agent(agent_of(emulator, api_format=api_format), way)
    assert deleted == ["/a/b/c/important.txt"]


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    ("api_format", "row"),
    [
        pytest.param(api_format, row, id=f"{api_format}-{named(row)}")
        for api_format in ("openai", "anthropic")
        for row in CUTS
        # A stream of the Anthropic format is complete by then.
        if api_format == "openai" or row[1].get("bytes", 0) < 3000
    ],
)
def test_an_incomplete_tool_call_is_never_run(emulator, api_format, agent_of, deleted, row, way):
    name, parameters = row
    emulator.fault(name, times=1, **parameters)
    agent = agent_of(emulator, api_format=api_format)
    try:
        run_agent(agent, way)
    except MiMoError as error:
        partial = getattr(error, "partial_message", None)
        assert partial is None or not partial.tool_calls
    else:
        assert (name, parameters["finish_reason"]) == ("half_tool_call", "length")
    assert deleted == []
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_incomplete_tool_call_in_a_response_is_never_run(
    emulator, api_format, agent_of, deleted, way
):
    emulator.fault("half_tool_call", finish_reason="length")
    with contextlib.suppress(MiMoError):
        run_agent(agent_of(emulator, api_format=api_format), way)
    assert deleted == []


@pytest.mark.parametrize(
    ("api_format", "way"), [("openai", "stream"), ("openai", "astream"), ("anthropic", "astream")]
)
@pytest.mark.parametrize("clean", [False, True])
def test_a_tool_call_cut_anywhere_runs_only_if_it_is_complete(
    emulator, api_format, agent_of, deleted, way, clean
):
    agent = agent_of(emulator, api_format=api_format)
    broken = 0
    for size in range(0, 20_000, 173):
        emulator.reset()
        agent_of(emulator)
        emulator.fault("cut_after", bytes=size, clean=clean)
        try:
            run_agent(agent, way)
        except MiMoError:
            broken += 1
            assert deleted == []
        else:
            break
    assert deleted == ["/a/b/c/important.txt"]
    assert broken > 10


# Many at once


def test_five_hundred_streams_with_faults_end_or_raise_a_typed_error(emulator):
    emulator.fault("cut_after", times=None, every=60, bytes=3000)
    emulator.fault("cut_before_headers", times=None, every=60, skip=20)
    emulator.fault("server_error", times=None, every=60, skip=40)
    model = model_at(emulator, max_retries=2, timeout=60)

    async def one(number):
        try:
            chunks = [chunk async for chunk in model.astream(f"number {number}")]
        except MiMoError as error:
            return type(error)
        return sum_of(chunks).text

    async def run():
        before = asyncio.all_tasks()
        results = await asyncio.gather(*(one(number) for number in range(500)))
        await asyncio.sleep(0.1)
        return results, asyncio.all_tasks() - before

    results, left = asyncio.run(run())
    assert set(results) == {TEXT, MiMoIncompleteStreamError}
    assert 1 <= results.count(MiMoIncompleteStreamError) <= 25
    assert not left
    for _ in range(200):
        if not emulator.open_connections:
            break
        time.sleep(0.02)
    assert emulator.open_connections == 0
