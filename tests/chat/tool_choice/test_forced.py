"""Forced tool calls: choices, decisions, and the same message from invoke and stream."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import pytest
from chat_requests import chat_request
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_mimo._chat.responses import StreamedResponse, WholeResponse
from langchain_mimo._chat.tool_choice.choice import (
    ForcedChoice,
    ToolPlan,
    parse_tool_choice,
    plan_tool_choice,
)
from langchain_mimo._wire.from_langchain.assistant import read_assistant
from langchain_mimo._wire.turns import AssistantTurn, SystemTurn, UserTurn
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {}}}
CUSTOM = {"type": "custom", "name": "weather", "input_schema": {}}
SEARCH = {"type": "web_search", "max_keyword": 3}
ANY = ForcedChoice("any", frozenset({"weather", "clock"}))
NAMED = ForcedChoice("weather", frozenset({"weather"}))


# ------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize(
    ("tool_choice", "expected"),
    [
        (None, "auto"),
        (False, "auto"),
        ("auto", "auto"),
        ({"type": "auto"}, "auto"),
        ("none", "none"),
        ({"type": "none"}, "none"),
        (True, ANY),
        ("any", ANY),
        ("required", ANY),
        ({"type": "any"}, ANY),
        ({"type": "required"}, ANY),
        ("weather", NAMED),
        ({"type": "function", "function": {"name": "weather"}}, NAMED),
        ({"type": "function", "name": "weather"}, NAMED),
        ({"type": "tool", "name": "weather"}, NAMED),
        ({"name": "weather"}, NAMED),
        ("web_search", "web_search"),
        ({"type": "web_search"}, "web_search"),
    ],
)
def test_every_shape_of_choice_is_read(tool_choice, expected):
    assert parse_tool_choice(tool_choice, [WEATHER, SEARCH, CLOCK]) == expected


def test_tools_of_another_type_are_known_by_their_name():
    assert parse_tool_choice("any", [CUSTOM]) == ForcedChoice("any", frozenset({"weather"}))


def test_any_tool_means_the_search_when_there_is_no_other():
    assert parse_tool_choice("any", [SEARCH]) == "web_search"


def test_a_function_named_like_the_search_is_the_function():
    function = {"type": "function", "function": {"name": "web_search"}}
    assert parse_tool_choice("web_search", [function, SEARCH]) == ForcedChoice(
        "web_search", frozenset({"web_search"})
    )


@pytest.mark.parametrize(
    ("tool_choice", "tools", "words"),
    [
        ("rain", [WEATHER, CLOCK, SEARCH], ["'rain'", "weather, clock, web_search"]),
        ("any", [], ["a tool call, but no tools are bound; call bind_tools first"]),
        ("web_search", [WEATHER], ["'web_search'", "weather"]),
        (7, [WEATHER], ["7", "not supported"]),
        ({"type": "allowed_tools"}, [WEATHER], ["allowed_tools", "not supported"]),
        ({"type": "function", "function": {}}, [WEATHER], ["not supported"]),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_says_why(tool_choice, tools, words):
    with pytest.raises(MiMoInputError) as refusal:
        parse_tool_choice(tool_choice, tools)
    assert all(word in str(refusal.value) for word in words)


@pytest.mark.parametrize(
    ("tool_choice", "native", "plan"),
    [
        ("auto", False, ToolPlan([WEATHER])),
        ("auto", True, ToolPlan([WEATHER])),
        ("none", True, ToolPlan([WEATHER], "none")),
        ("any", True, ToolPlan([WEATHER], "required")),
        (
            "weather",
            True,
            ToolPlan([WEATHER], {"type": "function", "function": {"name": "weather"}}),
        ),
        ("weather", False, ToolPlan([WEATHER], forced=NAMED)),
    ],
)
def test_choices_go_to_servers_that_enforce_them(tool_choice, native, plan):
    assert plan_tool_choice(tool_choice, [WEATHER], native=native) == plan


def test_none_removes_the_tools_for_a_server_that_would_ignore_it():
    assert plan_tool_choice("none", [WEATHER]) == ToolPlan()


def test_a_forced_search_sets_its_own_switch():
    plan = plan_tool_choice({"type": "web_search"}, [WEATHER, SEARCH])
    assert plan == ToolPlan([WEATHER, {**SEARCH, "force_search": True}])
    assert "force_search" not in SEARCH


# ------------------------------------------------------------------------------------- answers


@dataclass
class Answer:
    """One answer of the model, as a message and as chunks."""

    reasoning: list[str] | None = None
    text: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    broken_calls: list[str] = field(default_factory=list)
    reason: str = "stop"
    searches: int | None = None
    id: str | None = "answer"

    @property
    def usage(self):
        reasoning = len("".join(self.reasoning or []))
        spent = reasoning + len("".join(self.text))
        return {
            "input_tokens": 10,
            "output_tokens": spent,
            "total_tokens": 10 + spent,
            "input_token_details": {"cache_read": 4},
            "output_token_details": {"reasoning": reasoning},
        }

    @property
    def metadata(self):
        found = {"model_provider": "mimo", "model_name": "m", "finish_reason": self.reason}
        if self.id:
            found["id"] = self.id
        if self.searches is not None:
            found["web_search_usage"] = {"tool_usage": self.searches, "page_usage": self.searches}
        return found

    def message(self):
        calls = [
            {"name": name, "args": {"city": "Ulm"}, "id": f"call_{i}", "type": "tool_call"}
            for i, name in enumerate(self.calls)
        ]
        broken = [
            {"name": name, "args": '"{\\"ci"', "id": f"broken_{i}", "error": None}
            for i, name in enumerate(self.broken_calls)
        ]
        reasoning = {} if self.reasoning is None else {"reasoning_content": "".join(self.reasoning)}
        return AIMessage(
            content="".join(self.text),
            additional_kwargs=reasoning,
            tool_calls=calls,
            invalid_tool_calls=[{**call, "type": "invalid_tool_call"} for call in broken],
            usage_metadata=self.usage,
            response_metadata=self.metadata,
            id=self.id,
        )

    def chunks(self):
        for reasoning in self.reasoning or []:
            yield AIMessageChunk("", additional_kwargs={"reasoning_content": reasoning}, id=self.id)
        for text in self.text:
            yield AIMessageChunk(text, id=self.id)
        arguments = [(name, f"call_{i}", '{"city": "Ulm"}') for i, name in enumerate(self.calls)]
        arguments += [(name, f"broken_{i}", '"{\\"ci"') for i, name in enumerate(self.broken_calls)]
        for index, (name, call_id, args) in enumerate(arguments):
            yield AIMessageChunk(
                "",
                tool_call_chunks=[{"name": name, "args": args, "id": call_id, "index": index}],
                response_metadata={"model_provider": "mimo"},
                id=self.id,
            )
        yield AIMessageChunk(
            "",
            usage_metadata=self.usage,
            response_metadata=self.metadata,
            chunk_position="last",
            id=self.id,
        )


def request(choice=NAMED, attempts=2):
    return chat_request(forced=choice, attempts=attempts)


def invoked(answers, choice=NAMED, attempts=2):
    requests, response, left = [], WholeResponse(request(choice, attempts)), list(answers)
    while response.body is not None:
        requests.append(response.body["turns"])
        response.feed(left.pop(0).message())
    return requests, response.message


def streamed(answers, choice=NAMED, attempts=2):
    """The requests, and for each the chunks that each of the model's chunks let through."""
    requests, steps, left = [], [], list(answers)
    response = StreamedResponse(request(choice, attempts), lambda chunk: (chunk,))
    while response.body is not None:
        requests.append(response.body["turns"])
        steps += [list(response.feed(chunk)) for chunk in left.pop(0).chunks()]
        rest = response.end()
        if response.body is None:
            steps.append(list(rest))
        else:
            assert list(rest) == []
    return requests, steps


def facts(message):
    return {
        "content": message.content,
        "additional_kwargs": message.additional_kwargs,
        "tool_calls": message.tool_calls,
        "invalid_tool_calls": message.invalid_tool_calls,
        "usage_metadata": message.usage_metadata,
        "response_metadata": message.response_metadata,
        "id": message.id,
    }


TEXT = Answer(reasoning=["Hm", "m."], text=["It ", "rains."])
CALL = Answer(reasoning=["Ah."], calls=["weather"], reason="tool_calls", id="second")
OTHER = Answer(reasoning=["Oh."], calls=["clock"], reason="tool_calls")
BROKEN = Answer(broken_calls=["weather"], reason="tool_calls")


def report(message):
    return message.response_metadata["forced_tool_choice"]


# ------------------------------------------------------------------------------- the decision


def test_the_instruction_is_one_system_turn():
    [[instruction]], message = invoked([CALL])
    assert isinstance(instruction, SystemTurn)
    assert "weather" in instruction.text
    assert report(message) == {"asked": "weather", "attempts": 1, "honoured": True}


@pytest.mark.parametrize(
    ("first", "text", "words"),
    [
        (TEXT, "It rains.", "did not call a tool"),
        (OTHER, None, "You called clock"),
        (BROKEN, None, "not valid JSON"),
        (Answer(text=["  "]), None, "did not call a tool"),
        (Answer(text=["So:"], calls=["clock"]), "So:", "You called clock"),
    ],
)
def test_a_response_without_the_call_is_followed_by_another_attempt(first, text, words):
    [before, after], message = invoked([first, CALL])
    assert after[: len(before)] == before
    *response, correction = after[len(before) :]
    assert response == ([AssistantTurn(text)] if text else [])
    assert isinstance(correction, UserTurn)
    assert words in correction.content
    assert "weather" in correction.content
    assert report(message)["attempts"] == 2
    assert report(message)["honoured"] is True
    assert [call["name"] for call in message.tool_calls] == ["weather"]


@pytest.mark.parametrize("reason", ["length", "content_filter", "repetition_truncation"])
def test_a_response_that_was_cut_gets_no_further_attempt(reason):
    requests, message = invoked([Answer(text=["It"], reason=reason)], attempts=5)
    assert len(requests) == 1
    assert report(message) == {"asked": "weather", "attempts": 1, "honoured": False}


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_the_last_response_is_returned_unchanged(attempts):
    requests, message = invoked([TEXT] * attempts, attempts=attempts)
    assert len(requests) == attempts
    assert message.content == "It rains."
    assert message.tool_calls == []
    assert report(message)["attempts"] == attempts
    assert report(message)["honoured"] is False


def test_any_accepts_every_bound_tool_and_no_other_name():
    assert report(invoked([OTHER], ANY)[1])["honoured"] is True
    made_up = Answer(calls=["rain_dance"], reason="tool_calls")
    requests, message = invoked([made_up, OTHER], ANY)
    assert len(requests) == 2
    assert report(message)["asked"] == "any"


def test_a_call_among_others_satisfies_the_choice():
    both = Answer(calls=["clock", "weather"], reason="tool_calls")
    requests, message = invoked([both])
    assert len(requests) == 1
    assert len(message.tool_calls) == 2


def test_at_least_one_attempt_is_required():
    with pytest.raises(MiMoConfigurationError, match="attempts"):
        WholeResponse(request(NAMED, 0))


# ------------------------------------------------------------------------------- one message


def test_usage_and_searches_of_all_attempts_are_summed():
    first, second = copy.copy(TEXT), copy.copy(CALL)
    first.searches, second.searches = 2, 1
    _, message = invoked([first, second])
    assert message.usage_metadata["input_tokens"] == 20
    assert message.usage_metadata["output_tokens"] == 4 + 9 + 3
    assert message.usage_metadata["input_token_details"] == {"cache_read": 8}
    assert message.response_metadata["web_search_usage"] == {"tool_usage": 3, "page_usage": 3}


def test_three_tries_cost_three_times():
    _, message = invoked([TEXT, TEXT, CALL], attempts=3)
    assert message.usage_metadata["input_tokens"] == 30
    assert message.additional_kwargs["reasoning_content"] == "Hmm.\n\nHmm.\n\nAh."
    assert report(message)["reasoning_offset"] == 12


def test_the_reasoning_before_the_call_can_be_told_from_those_of_a_failed_attempt():
    _, message = invoked([TEXT, CALL])
    reasoning = message.additional_kwargs["reasoning_content"]
    assert reasoning == "Hmm.\n\nAh."
    assert reasoning[report(message)["reasoning_offset"] :] == "Ah."


def test_a_try_without_reasoning_leaves_none_to_pass_back():
    _, message = invoked([TEXT, Answer(calls=["weather"])])
    reasoning = message.additional_kwargs["reasoning_content"]
    assert reasoning == "Hmm."
    assert reasoning[report(message)["reasoning_offset"] :] == ""


@pytest.mark.parametrize(
    ("tries", "passed_back"),
    [([TEXT, CALL], "Ah."), ([CALL], "Ah."), ([TEXT, Answer(calls=["weather"])], None)],
)
@pytest.mark.parametrize("as_blocks", [False, True])
def test_only_the_reasoning_before_the_call_are_passed_back(tries, passed_back, as_blocks):
    _, message = invoked(tries)
    if as_blocks:
        reasoning = message.additional_kwargs.pop("reasoning_content")
        message.content = [{"type": "reasoning", "reasoning": reasoning}]
    assert read_assistant(message, 0).turn.reasoning == passed_back


def test_reasoning_that_were_shortened_since_are_passed_back_whole():
    _, message = invoked([TEXT, CALL])
    message.additional_kwargs["reasoning_content"] = "Hm."
    assert read_assistant(message, 0).turn.reasoning == "Hm."


def test_the_offset_is_left_out_where_nothing_stands_before():
    _, message = invoked([Answer(text=["It"]), CALL])
    assert "reasoning_offset" not in report(message)
    assert message.additional_kwargs["reasoning_content"] == "Ah."


def test_metadata_is_the_last_try_s_and_the_id_the_first_one_s():
    _, message = invoked([TEXT, CALL])
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.response_metadata["id"] == "second"
    assert message.id == "answer"


# ---------------------------------------------------------------------------------- streams


def test_reasoning_flow_while_text_is_held_back():
    _, steps = streamed([TEXT, CALL])
    heard = [[(c.additional_kwargs.get("reasoning_content"), c.content) for c in s] for s in steps]
    # Two thoughts, two texts and the end of the first try; thought, call and end of the second.
    assert heard == [
        [("Hm", "")],
        [("m.", "")],
        [],
        [],
        [],
        [("\n\nAh.", "")],
        [(None, "")],
        [],
        [(None, "")],
    ]


def test_text_before_the_call_goes_out_with_it_and_text_after_it_at_once():
    answer = Answer(text=["I ", "look."], calls=["weather", "clock"])
    _, steps = streamed([answer])
    assert [len(step) for step in steps] == [0, 0, 3, 1, 0, 1]


def test_text_goes_out_at_the_end_of_the_last_attempt():
    _, steps = streamed([TEXT], attempts=1)
    assert [len(step) for step in steps] == [1, 1, 0, 0, 0, 3]
    assert reduce(add, steps[-1]).content == "It rains."


def test_no_call_of_a_failed_try_is_ever_emitted():
    _, steps = streamed([OTHER, CALL])
    names = [call["name"] for step in steps for chunk in step for call in chunk.tool_call_chunks]
    assert names == ["weather"]


def test_a_stream_without_a_last_chunk_is_closed_all_the_same():
    response = StreamedResponse(request(), lambda chunk: (chunk,))
    call = [chunk for chunk in CALL.chunks() if chunk.tool_call_chunks]
    assert [len(response.feed(chunk)) for chunk in call] == [1]
    [last] = response.end()
    assert last.chunk_position == "last"
    assert report(last)["honoured"] is True


@pytest.mark.parametrize(
    "beside",
    [
        {"content": "Well"},
        {"usage_metadata": TEXT.usage},
        {"response_metadata": {"finish_reason": "stop"}},
        {"additional_kwargs": {"annotations": [{"url": "u"}]}},
        {"tool_call_chunks": [{"name": "clock", "args": "{}", "id": "1", "index": 0}]},
    ],
)
def test_reasoning_flows_alone_whatever_shares_its_chunk(beside):
    shared = {"content": "", "id": "x", **beside}
    reasoning = {"reasoning_content": "Hm"}
    shared["additional_kwargs"] = {**reasoning, **shared.get("additional_kwargs", {})}
    response = StreamedResponse(request(attempts=1), lambda chunk: (chunk,))
    [out] = response.feed(AIMessageChunk(**shared))
    assert out == AIMessageChunk(content="", additional_kwargs=reasoning, id="x")
    [rest] = response.end()
    rest.response_metadata.pop("forced_tool_choice")
    whole, merged = AIMessageChunk(**shared, chunk_position="last"), out + rest
    assert facts(merged) == facts(whole)


names = st.lists(st.sampled_from(["weather", "clock", "rain_dance"]), max_size=2)
answers = st.builds(
    Answer,
    reasoning=st.none() | st.lists(st.text(max_size=4), min_size=1, max_size=3),
    text=st.lists(st.text(min_size=1, max_size=4), max_size=3),
    calls=names,
    broken_calls=names,
    reason=st.sampled_from(["stop", "tool_calls", "length", "content_filter"]),
    searches=st.none() | st.integers(0, 5),
    id=st.sampled_from(["a", "b"]),
)


@given(st.lists(answers, min_size=3, max_size=3), st.sampled_from([ANY, NAMED]), st.integers(1, 3))
def test_stream_and_invoke_give_one_message(given_answers, choice, attempts):
    requests, message = invoked(given_answers, choice, attempts)
    sent, steps = streamed(given_answers, choice, attempts)
    assert sent == requests
    chunks = [chunk for step in steps for chunk in step]
    merged = reduce(add, chunks)
    assert facts(merged) == facts(message)
    assert [chunk.chunk_position for chunk in chunks].count("last") == 1
    json.dumps(message.response_metadata)
