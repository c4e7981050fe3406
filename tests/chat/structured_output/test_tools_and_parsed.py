"""Tools beside a schema, and `additional_kwargs["parsed"]`."""

from __future__ import annotations

import json
import pickle
from functools import reduce
from operator import add

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.outputs import ChatGeneration
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel
from scripted_api import SERVERS, ScriptedAPI, messages_of
from typing_extensions import TypedDict

from langchain_mimo.errors import MiMoConfigurationError

METHODS = ["json_schema", "json_mode", "function_calling"]


class Joke(BaseModel):
    """A joke."""

    setup: str


class TypedJoke(TypedDict):
    """A joke."""

    setup: str


def weather(city: str) -> str:
    """Tell the weather."""
    return city


ANSWER = '{"setup": "Why?"}'


def results_of(chain):
    return [chain.invoke("x"), reduce(add, chain.stream("x"))]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("method", METHODS)
def test_the_answer_is_an_object_or_a_call(method, server):
    schema_call = [("Joke", ANSWER)] if method == "function_calling" else ANSWER
    api = ScriptedAPI(schema_call)
    fields = {"method": method, "include_raw": True, "tools": [weather]}
    for result in results_of(api.llm(server).with_structured_output(Joke, **fields)):
        assert result["parsed"] == Joke(setup="Why?")
        assert result["parsing_error"] is None
    names = [tool.get("function", tool)["name"] for tool in api.body["tools"]]
    assert names == (["Joke", "weather"] if method == "function_calling" else ["weather"])
    if method != "function_calling" and server in ("vllm", "sglang"):
        assert api.body["response_format"]["json_schema"]["name"] == "Joke"

    api = ScriptedAPI([("weather", '{"city": "Oslo"}')])
    for result in results_of(api.llm(server).with_structured_output(Joke, **fields)):
        assert result["parsed"] is None
        assert result["parsing_error"] is None
        assert [call["args"] for call in result["raw"].tool_calls] == [{"city": "Oslo"}]
    assert len(api.bodies) == 2


def test_a_call_that_the_model_did_not_finish_is_a_parsing_error():
    api = ScriptedAPI([("weather", '{"city": ')])
    chain = api.llm().with_structured_output(Joke, include_raw=True, tools=[weather])
    result = chain.invoke("x")
    assert result["parsed"] is None
    assert "calls with invalid JSON: weather" in str(result["parsing_error"])


@pytest.mark.parametrize("method", METHODS)
def test_tools_need_the_raw_message(method):
    with pytest.raises(MiMoConfigurationError, match="tools need include_raw=True"):
        ScriptedAPI("").llm().with_structured_output(Joke, method=method, tools=[weather])


def test_strict_applies_to_the_tools_too():
    api = ScriptedAPI(ANSWER)
    llm = api.llm("vllm")
    llm.with_structured_output(Joke, include_raw=True, tools=[weather], strict=True).invoke("x")
    assert api.function["strict"] is True
    assert api.body["response_format"]["json_schema"]["strict"] is True


# ----------------------------------------------------------------- additional_kwargs["parsed"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("bound", [False, True], ids=["call", "bind_tools"])
def test_parsed_is_an_instance_in_every_message(server, bound):
    api = ScriptedAPI(f"```json\n{ANSWER}\n```")
    llm = api.llm(server)
    llm = (
        llm.bind_tools([weather], response_format=Joke) if bound else llm.bind(response_format=Joke)
    )
    for way, message in messages_of(llm).items():
        assert message.additional_kwargs == {"parsed": Joke(setup="Why?")}, way
        assert type(message.additional_kwargs["parsed"]) is Joke
        assert str(message.text) == ANSWER


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "answer", [[("weather", '{"city": "Oslo"}')], "It rains.", '{"setup": 3}', ""]
)
def test_other_answers_have_no_such_key(server, answer):
    api = ScriptedAPI(answer)
    llm = api.llm(server).bind_tools([weather], response_format=Joke)
    for message in (llm.invoke("x"), reduce(add, llm.stream("x"))):
        assert "parsed" not in message.additional_kwargs


@pytest.mark.parametrize("response_format", [TypedJoke, Joke.model_json_schema()])
def test_other_formats_give_no_instance(response_format):
    message = ScriptedAPI(ANSWER).llm().invoke("x", response_format=response_format)
    assert message.additional_kwargs == {}


def test_an_answer_cut_by_the_token_limit_is_not_parsed():
    api = ScriptedAPI(ANSWER)
    body = api._respond

    def cut(request):
        response = body(request)
        return type(response)(
            200, text=response.text.replace('"stop"', '"length"'), headers=response.headers
        )

    api._respond = cut
    for native in (True, False):
        llm = api.llm(native_schemas=native)
        assert "parsed" not in llm.invoke("x", response_format=Joke).additional_kwargs


def test_parsed_survives_what_messages_go_through():
    api = ScriptedAPI(ANSWER)
    llm = api.llm()
    message = llm.invoke("x", response_format=Joke)
    as_dict = {"setup": "Why?"}
    assert pickle.loads(pickle.dumps(message)) == message
    assert message.model_dump()["additional_kwargs"]["parsed"] == as_dict
    assert json.loads(message.model_dump_json())["additional_kwargs"]["parsed"] == as_dict
    assert messages_from_dict(messages_to_dict([message]))[0].additional_kwargs["parsed"] == as_dict
    serde = JsonPlusSerializer()
    checkpointed = serde.loads_typed(serde.dumps_typed(message))
    assert checkpointed.additional_kwargs["parsed"] == as_dict
    cached = loads(dumps(ChatGeneration(message=message)), allowed_objects="core")
    assert cached.message.additional_kwargs["parsed"] == as_dict
    llm.invoke([HumanMessage("x"), message, HumanMessage("y")])
    assert api.body["messages"][1] == {"role": "assistant", "content": ANSWER}
