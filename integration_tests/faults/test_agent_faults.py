"""Faults of the emulator in an agent: a tool runs only if its call is complete."""

import contextlib

import pytest
from chat_calls import WAYS, image_block, model_at, named, run_agent
from langchain.agents import create_agent
from langchain_core.tools import tool
from pydantic import BaseModel
from request_bodies import chat_body

from langchain_mimo.emulator import Reply
from langchain_mimo.errors import (
    MiMoBalanceError,
    MiMoContentFilterError,
    MiMoError,
    MiMoInvalidResponseError,
    MiMoMediaRejectedError,
    MiMoQuotaError,
    MiMoRiskControlError,
)

# The emulator would stall for an hour.
pytestmark = pytest.mark.timeout(60)

PROMPT = "Delete important.txt"
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


@pytest.mark.parametrize("way", WAYS)
def test_the_tool_runs_without_a_fault(emulator, api_format, agent_of, deleted, way):
    run_agent(agent_of(emulator, api_format=api_format), way, PROMPT)
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
        run_agent(agent, way, PROMPT)
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
        run_agent(agent_of(emulator, api_format=api_format), way, PROMPT)
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
            run_agent(agent, way, PROMPT)
        except MiMoError:
            broken += 1
            assert deleted == []
        else:
            break
    assert deleted == ["/a/b/c/important.txt"]
    assert broken > 10


# Errors, and calls that MiMo itself gets wrong


@pytest.fixture
def careful_agent(emulator, deleted, monkeypatch):
    """An agent whose tool has nested and nullable parameters, and which can search the web."""
    monkeypatch.setattr("langchain_mimo._chat.second_chance.BURST_DELAY", 0.05)

    class Options(BaseModel):
        force: bool

    @tool
    def delete(path: str, reason: str | None, options: Options) -> str:
        """Delete a file."""
        deleted.append((path, options.force))
        return "deleted"

    def make(*more, **fields):
        return create_agent(model_at(emulator, **fields), [delete, *more])

    return make


PERMANENT = [
    ("payment_burst", MiMoBalanceError),
    ("moderation", MiMoContentFilterError),
    ("risk_control", MiMoRiskControlError),
    ("media_corrupted", MiMoMediaRejectedError),
    ("xml_tool_call", MiMoInvalidResponseError),
]
TASK = "Delete the file a.txt."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "error"), PERMANENT)
def test_an_error_ends_the_agent(emulator, careful_agent, deleted, api_format, name, error, way):
    emulator.fault(name, times=None)
    task = [{"type": "text", "text": TASK}]
    if name == "media_corrupted":
        task.append(image_block())
    with pytest.raises(error):
        run_agent(careful_agent(api_format=api_format, max_retries=2), way, task)
    assert not deleted
    second_chance = name in ("payment_burst", "media_corrupted")
    assert len(emulator.requests) == (2 if second_chance else 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_quota_of_searches_ends_the_agent(emulator, careful_agent, deleted, way):
    emulator.fault("search_quota", times=None)
    with pytest.raises(MiMoQuotaError, match="409"):
        run_agent(careful_agent({"type": "web_search"}, max_retries=2), way, TASK)
    assert not deleted
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "runs"), [("cut_at_nullable", 0), ("stringified_arguments", 1)])
def test_arguments_that_do_not_fit_never_reach_the_tool(
    emulator, careful_agent, deleted, api_format, name, runs, way
):
    emulator.fault(name)
    run_agent(careful_agent(api_format=api_format), way, TASK)
    assert len(deleted) == runs  # a JSON text in place of an object is decoded
    assert all(isinstance(force, bool) for _, force in deleted)
    assert emulator.requests[0].fault == name


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("times", "runs"), [(0, 1), (1, 1), (2, 0)])
def test_a_filtered_answer_runs_the_tool_only_if_the_second_chance_passes(
    emulator, careful_agent, deleted, api_format, times, runs, way
):
    if times:
        emulator.fault("content_filter", times=times)
    run_agent(careful_agent(api_format=api_format), way, TASK)
    assert len(deleted) == runs


@pytest.mark.parametrize("way", WAYS)
def test_calls_written_as_xml_run_if_they_are_read(emulator, careful_agent, deleted, way):
    emulator.fault("xml_tool_call")
    run_agent(careful_agent(parse_tool_xml=True), way, TASK)
    assert len(deleted) == 1
