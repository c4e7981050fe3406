"""Every kind of schema, by every method, on every server: what is sent, and what comes back."""

from __future__ import annotations

import json
import re

import jsonschema_rs
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from schema_kinds import KINDS, SAMPLES
from scripted_api import SERVERS, ScriptedAPI, messages_of

from langchain_mimo._chat.structured_output.schema import AnswerSchema

METHODS = ["json_schema", "json_mode", "function_calling"]
ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
WIRE_NAMES = {
    "Box[int]": "Box_int_",
    "Box[list[Address]]": "Box_list_Address__",
    "My nice title!": "My_nice_title_",
    "Größe": "Gr__e",
}
ENFORCING = ("vllm", "sglang")

pytestmark = pytest.mark.filterwarnings("ignore:The Anthropic format has no strict tools")


def stated_schema(body):
    """Return the schema that a prompt states."""
    texts = [
        message["content"]
        for message in body["messages"]
        if isinstance(message["content"], str) and "JSON schema:\n" in message["content"]
    ]
    return json.loads(texts[-1].partition("JSON schema:\n")[2])


def sent_schema(api, method, server):
    """Return the schema that a request has, wherever it stands, and its name or None."""
    if method == "function_calling":
        return api.function["parameters"], api.function["name"]
    response_format = api.body.get("response_format", {})
    if response_format.get("type") == "json_schema":
        assert server in ENFORCING or (server == "mimo" and method == "json_schema")
        return response_format["json_schema"]["schema"], response_format["json_schema"]["name"]
    return stated_schema(api.body), None


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_back_equal(name, method, server):
    kind, value = KINDS[name], SAMPLES[name]
    text = kind.dump(value)
    wire_name = WIRE_NAMES.get(kind.name, kind.name)
    api = ScriptedAPI([(wire_name, text)] if method == "function_calling" else text)
    chain = api.llm(server).with_structured_output(kind.schema, method=method)

    for result in (chain.invoke("x"), list(chain.stream("x"))[-1]):
        assert result == value
        assert type(result) is type(value)
    schema, sent_name = sent_schema(api, method, server)
    assert jsonschema_rs.validator_for(schema).is_valid(json.loads(text))
    if method == "function_calling":
        assert sent_name == wire_name
        assert schema["type"] == "object"
        assert "properties" in schema
    assert sent_name is None or ALLOWED.fullmatch(sent_name)
    assert len(api.bodies) == 2, "no answer was asked for twice"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", ["Box[int]", "My nice title!", "Größe", "天气", "a.b"])
def test_a_forced_choice_asks_by_the_name_on_the_wire(name, server):
    tool = {"name": name, "description": "d", "parameters": {"type": "object", "properties": {}}}
    sent = WIRE_NAMES.get(name) or {"天气": "__", "a.b": "a_b"}[name]
    api = ScriptedAPI("No.", [(sent, "{}")])
    llm = api.llm(server).bind_tools([tool], tool_choice=name)
    if server in ENFORCING:
        llm.invoke("x")
        assert api.body["tool_choice"] == {"type": "function", "function": {"name": sent}}
        return
    message = llm.invoke("x")
    assert [call["name"] for call in message.tool_calls] == [name]
    assert message.response_metadata["forced_tool_choice"] == {
        "asked": name,
        "attempts": 2,
        "honoured": True,
    }
    for body in api.bodies:
        assert name not in json.dumps(body, ensure_ascii=False)
        assert f"must call the tool {sent}." in json.dumps(body)


@pytest.mark.parametrize("server", ["mimo", "mimo, Anthropic format"])
def test_another_call_is_corrected_by_the_names_on_the_wire(server):
    tools = [{"name": name, "parameters": {}} for name in ("a.b", "c.d")]
    api = ScriptedAPI([("c_d", "{}")], [("a_b", "{}")])
    message = api.llm(server).bind_tools(tools, tool_choice="a.b").invoke("x")
    assert [call["name"] for call in message.tool_calls] == ["a.b"]
    assert "You called c_d. Call the tool a_b now." in json.dumps(api.body)


@pytest.mark.parametrize("server", SERVERS)
def test_names_are_the_users_in_every_message_and_the_wires_in_the_history(server):
    tools = [{"name": name, "parameters": {}} for name in ("Box[int]", "Box(int)", "plain")]
    api = ScriptedAPI([("plain", "{}")])
    api.llm(server).bind_tools(tools).invoke("x")
    functions = [tool.get("function", tool) for tool in api.body["tools"]]
    sent = [function["name"] for function in functions]
    assert len(set(sent)) == 3
    assert all(map(ALLOWED.fullmatch, sent))

    api = ScriptedAPI([(sent[1], "{}"), (sent[0], "{}")])
    llm = api.llm(server).bind_tools(tools)
    for way, message in messages_of(llm).items():
        assert [call["name"] for call in message.tool_calls] == ["Box(int)", "Box[int]"], way
    blocks = [b for b in message.content if b["type"] == "tool_call"]
    assert [block["name"] for block in blocks] == ["Box(int)", "Box[int]"]

    history = [
        HumanMessage("x"),
        message,
        ToolMessage("1", tool_call_id="call_0", name="Box(int)"),
        ToolMessage("2", tool_call_id="call_1", name="Box[int]"),
    ]
    llm.invoke(history)
    said = next(each for each in api.body["messages"] if each["role"] == "assistant")
    calls = said.get("tool_calls") or [b for b in said["content"] if b["type"] == "tool_use"]
    assert [call.get("function", call)["name"] for call in calls] == [sent[1], sent[0]]


def test_a_tool_that_is_no_longer_bound_keeps_an_allowed_name():
    call = {"name": "Box[int]", "args": {}, "id": "1"}
    api = ScriptedAPI("ok")
    api.llm().invoke(
        [HumanMessage("x"), AIMessage("", tool_calls=[call]), ToolMessage("1", tool_call_id="1")]
    )
    assert api.body["messages"][1]["tool_calls"][0]["function"]["name"] == "Box_int_"


# ------------------------------------------------------------------------- arguments as JSON texts

PLACE = {
    "name": "place",
    "parameters": {
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/point"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "note": {"type": "string"},
        },
        "$defs": {"point": {"type": "object", "properties": {"next": {"$ref": "#/$defs/point"}}}},
    },
}
AS_TEXTS = '{"at":"{\\"next\\": \\"{}\\"}","tags":"[\\"a\\"]","note":"{}"}'
READ = {"at": {"next": {}}, "tags": ["a"], "note": "{}"}


@pytest.mark.parametrize("server", SERVERS)
def test_nested_texts_are_decoded_in_every_message_and_replayed_as_written(server):
    api = ScriptedAPI([("place", AS_TEXTS), ("other", AS_TEXTS)])
    llm = api.llm(server).bind_tools([PLACE])
    for way, message in messages_of(llm).items():
        first, second = message.tool_calls
        assert first["args"] == READ, way
        assert second["args"] == json.loads(AS_TEXTS), "no schema is known"
        results = [ToolMessage("ok", tool_call_id=f"call_{at}") for at in (0, 1)]
        llm.invoke([HumanMessage("x"), message, *results])
        said = next(each for each in api.body["messages"] if each["role"] == "assistant")
        if "tool_calls" in said:
            assert said["tool_calls"][0]["function"]["arguments"] == AS_TEXTS, way
        else:
            calls = [block for block in said["content"] if block["type"] == "tool_use"]
            assert calls[0]["input"] == json.loads(AS_TEXTS), way


def test_arguments_that_the_user_edited_are_replayed_as_edited():
    api = ScriptedAPI([("place", AS_TEXTS)])
    llm = api.llm().bind_tools([PLACE])
    message = llm.invoke("x")
    message.tool_calls[0]["args"] = {**READ, "tags": ["b"]}
    llm.invoke([HumanMessage("x"), message, ToolMessage("ok", tool_call_id="call_0")])
    arguments = api.body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {**READ, "tags": ["b"]}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["many types", "recursive", "dataclass", "mixed keys"])
def test_objects_whose_parts_are_texts_are_read(name, method, server):
    kind, value = KINDS[name], SAMPLES[name]
    admits = jsonschema_rs.validator_for(AnswerSchema(kind.schema).json_schema).is_valid
    written = json.loads(kind.dump(value))
    as_texts = {
        key: json.dumps(part)
        for key, part in written.items()
        if isinstance(part, dict | list) and not admits({**written, key: "no such text"})
    }
    assert as_texts
    text = json.dumps({**written, **as_texts})
    wire_name = WIRE_NAMES.get(kind.name, kind.name)
    api = ScriptedAPI([(wire_name, text)] if method == "function_calling" else text)
    chain = api.llm(server).with_structured_output(kind.schema, method=method)
    assert chain.invoke("x") == value
    assert list(chain.stream("x"))[-1] == value
    assert len(api.bodies) == 2, "no answer was asked for twice"
