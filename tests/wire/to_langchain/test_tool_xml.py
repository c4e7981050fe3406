"""Calls that MiMo wrote as XML into the text: an error, or calls of bound tools on request."""

import pickle

import anthropic_wire
import openai_wire
import pytest
from langchain_core.messages import AIMessage, message_chunk_to_message

from langchain_mimo._wire.formats import API_FORMATS
from langchain_mimo._wire.to_langchain.tool_xml import ToolXMLHold
from langchain_mimo.errors import MiMoInvalidResponseError


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


NULL = {"type": "null"}
TOOLS = [
    tool("now"),
    {"type": "function", "function": {"name": "bare"}},
    {"type": "web_search"},
    tool(
        "typed",
        text={"type": "string"},
        count={"type": "integer"},
        ratio={"type": "number"},
        flag={"type": "boolean"},
        item={"type": "object"},
        items={"type": "array"},
        word={"enum": ["a", "b"]},
        maybe={"anyOf": [{"type": "string"}, NULL]},
        maybe_count={"type": ["integer", "null"]},
        either={"anyOf": [{"type": "string"}, {"type": "integer"}]},
        reference={"$ref": "#/$defs/place"},
        anything={},
    ),
]


def xml(name, **parameters):
    """Return a call as MiMo's models write it."""
    lines = [f"<parameter={key}>{value}</parameter>" for key, value in parameters.items()]
    return "\n".join(["<tool_call>", f"<function={name}>", *lines, "</function>", "</tool_call>"])


COMPACT = "<tool_call><function=typed><parameter=count>3</parameter></function></tool_call>"

# ------------------------------------------------------------------------------ both formats


def openai_body(text, finish_reason="tool_calls", **message):
    return openai_wire.response(finish_reason, content=text, **message)


def anthropic_body(text, finish_reason="tool_calls"):
    reason = {"tool_calls": "tool_use", "stop": "end_turn", "length": "max_tokens"}[finish_reason]
    return anthropic_wire.response(reason, {"type": "text", "text": text})


BODIES = {"openai": openai_body, "anthropic": anthropic_body}
STREAMS = {"openai": openai_wire.stream_of, "anthropic": anthropic_wire.stream_of}


def chunks_of(name, body, **options):
    decoder = API_FORMATS[name].stream_decoder(**options)
    chunks = [chunk for event in STREAMS[name](body) if (chunk := decoder.feed(event)) is not None]
    return chunks + decoder.finish()


def streamed(name, body, **options):
    first, *rest = chunks_of(name, body, **options)
    return message_chunk_to_message(first.__add__(rest))


def whole(name, body, **options):
    return API_FORMATS[name].decode_response(body, **options)


@pytest.fixture(params=BODIES)
def name(request):
    return request.param


@pytest.fixture(params=[whole, streamed], ids=["whole", "streamed"])
def decode(request):
    return request.param


@pytest.mark.parametrize(
    "text",
    [
        xml("now"),
        COMPACT,
        "Let me look.\n" + xml("typed", text="x"),
        xml("unknown", a="b"),
        "<tool_call><function=now",
        "<function=now></function>",
    ],
)
def test_calls_in_the_text_are_an_error(name, decode, text):
    with pytest.raises(MiMoInvalidResponseError) as caught:
        decode(name, BODIES[name](text))
    error = caught.value
    assert "tool calls as XML into the text" in str(error)
    assert "parse_tool_xml=True" in str(error)
    assert not error.is_retryable
    partial = error.partial_message
    assert isinstance(partial, AIMessage)
    assert partial.content == text
    assert partial.tool_calls == partial.invalid_tool_calls == []
    assert partial.usage_metadata["output_tokens"]
    assert pickle.loads(pickle.dumps(error)).partial_message == partial


def test_text_with_another_finish_reason_may_quote_the_notation(name, decode):
    text = f"MiMo writes calls as follows:\n\n{xml('now')}\n\nEnd."
    for finish_reason in ("stop", "length"):
        for tools in (None, TOOLS):
            message = decode(name, BODIES[name](text, finish_reason), xml_tools=tools)
            assert message.content == text
            assert message.tool_calls == []
            assert "tool_calls_from_text" not in message.response_metadata


def test_other_text_with_the_finish_reason_of_calls_is_no_error(name, decode):
    for tools in (None, TOOLS):
        assert decode(name, BODIES[name]("I call it.", "tool_calls"), xml_tools=tools).text


def test_a_response_with_calls_may_quote_the_notation(decode):
    call = openai_wire.tool_call("now", "{}")
    body = openai_body(xml("now"), tool_calls=[call])
    for tools in (None, TOOLS):
        message = decode("openai", body, xml_tools=tools)
        assert message.content == xml("now")
        assert [each["id"] for each in message.tool_calls] == [call["id"]]


def test_the_notation_in_the_reasoning_is_no_call(decode):
    body = openai_body("", reasoning_content=xml("now"))
    message = decode("openai", body, reasoning_as_content=True)
    assert message.content == xml("now")


@pytest.mark.parametrize("before", ["", "Let me look.\n\n", "a < b, <tool> and <tool_call> x\n"])
def test_calls_are_read_on_request(name, decode, before):
    text = before + xml("typed", text="a\nb", count=3) + "\n" + xml("now") + "\n"
    message = decode(name, BODIES[name](text), xml_tools=TOOLS)
    assert message.content == before
    first, second = message.tool_calls
    assert (first["name"], first["args"]) == ("typed", {"text": "a\nb", "count": 3})
    assert (second["name"], second["args"]) == ("now", {})
    assert first["id"].startswith("call_")
    assert first["id"] != second["id"]
    assert message.invalid_tool_calls == []
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.response_metadata["tool_calls_from_text"] is True


def test_both_ways_of_reading_give_the_same_message(name):
    body = BODIES[name]("Look: " + COMPACT)
    one, other = whole(name, body, xml_tools=TOOLS), streamed(name, body, xml_tools=TOOLS)
    assert one.tool_calls == other.tool_calls
    assert one.response_metadata == other.response_metadata
    assert (one.content, one.id) == (other.content, other.id) == ("Look: ", one.id)


def test_no_chunk_shows_the_xml_as_text(name):
    body = BODIES[name]("Look: " + xml("typed", text="x"))
    chunks = chunks_of(name, body, xml_tools=TOOLS)
    assert "".join(chunk.text for chunk in chunks) == "Look: "
    assert len([chunk for chunk in chunks if chunk.text]) > 1  # text passes as it arrives


def test_quoted_text_passes_as_it_arrives(name):
    body = BODIES[name]("Use <tool_call> tags, " * 5, "stop")
    chunks = chunks_of(name, body, xml_tools=TOOLS)
    assert len([chunk for chunk in chunks if chunk.text]) > 10


# --------------------------------------------------------------------------------- values

VALUES = [
    ("text", "plain", "plain"),
    ("text", "", ""),
    ("text", "3", "3"),
    ("text", "null", "null"),
    ("text", ' \n"<b>&amp;</b>"\n ', ' \n"<b>&amp;</b>"\n '),
    ("text", "if a < b: 天气 😀", "if a < b: 天气 😀"),
    ("count", "3", 3),
    ("count", "\n-12\n", -12),
    ("ratio", "0.5", 0.5),
    ("ratio", "2", 2),
    ("flag", "true", True),
    ("flag", "false", False),
    ("item", '{"a": [1, "ü"]}', {"a": [1, "ü"]}),
    ("items", "[1, 2]", [1, 2]),
    ("word", "a", "a"),
    ("maybe", "x", "x"),
    ("maybe", "null", None),
    ("maybe_count", "null", None),
    ("maybe_count", "4", 4),
]


@pytest.mark.parametrize(("key", "text", "value"), VALUES)
def test_values_have_the_type_of_the_schema(key, text, value):
    message = whole("openai", openai_body(xml("typed", **{key: text})), xml_tools=TOOLS)
    (call,) = message.tool_calls
    assert call["args"] == {key: value}
    assert type(call["args"][key]) is type(value)


PARAMETER = "<parameter=text>x</parameter>"
UNREADABLE = {
    "an unknown tool": (xml("rm", path="/"), "'rm' is not one of the bound tools"),
    "a tool of the server": (xml("web_search"), "'web_search' is not one of the bound tools"),
    "an unknown parameter": (xml("now", zone="x"), "'now' has no parameter 'zone'"),
    "a tool without a schema": (xml("bare", zone="x"), "'bare' has no parameter 'zone'"),
    "no end": (xml("typed", text="x")[:-1], "the call of 'typed' is not complete"),
    "no end of the function": (
        "<tool_call><function=now></tool_call>",
        "the call of 'now' is not complete",
    ),
    "a parameter without end": (
        "<tool_call><function=typed><parameter=text>x</function></tool_call>",
        "the call of 'typed' is not complete",
    ),
    "a parameter that swallows another": (
        f"<tool_call><function=typed><parameter=word>a{PARAMETER}</function></tool_call>",
        "parameter 'word' of 'typed' contains another tag",
    ),
    "a parameter that swallows a call": (
        f"<tool_call><function=typed><parameter=text>x</function></tool_call>{xml('typed', text=1)}",
        "parameter 'text' of 'typed' contains another tag",
    ),
    "a parameter twice": (
        f"<tool_call><function=typed>{PARAMETER}{PARAMETER}</function></tool_call>",
        "'text' of 'typed' occurs twice",
    ),
    "text after the calls": (xml("now") + "\nDone.", "other text follows"),
    "text between the calls": (xml("now") + "then" + xml("now"), "other text follows"),
    "a second call that is cut": (xml("now") + "<tool_call>", "not complete, or other text"),
    "no call around the function": ("<function=now></function>", "not complete, or other text"),
    "parameters first": (
        f"<tool_call>{PARAMETER}<function=typed></function></tool_call>",
        "not complete, or other text",
    ),
    "a word for a number": (xml("typed", count="three"), "'count' of 'typed' is not of type int"),
    "a fraction for an integer": (xml("typed", count="3.0"), "is not of type integer"),
    "a boolean for an integer": (xml("typed", count="true"), "is not of type integer"),
    "Python's boolean": (xml("typed", flag="True"), "'flag' of 'typed' is not of type boolean"),
    "an array for an object": (xml("typed", item="[1]"), "is not of type object"),
    "broken JSON": (xml("typed", item='{"a": '), "is not of type object"),
    "not a number": (xml("typed", ratio="NaN"), "is not of type number"),
    "too deep": (xml("typed", items="[" * 10**5), "is not of type array"),
    "null for an integer": (xml("typed", count="null"), "is not of type integer"),
    "one of two types": (xml("typed", either="3"), "'either' of 'typed' has no single type"),
    "a reference": (xml("typed", reference="x"), "has no single type in the tool's schema"),
    "any type": (xml("typed", anything="x"), "has no single type in the tool's schema"),
}


@pytest.mark.parametrize(("text", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_calls_that_cannot_be_read_are_an_error(name, decode, text, reason):
    with pytest.raises(MiMoInvalidResponseError) as caught:
        decode(name, BODIES[name](text), xml_tools=TOOLS)
    assert "They cannot be read: " in str(caught.value)
    assert reason in str(caught.value)
    assert caught.value.partial_message.content == text
    assert caught.value.partial_message.tool_calls == []


# ------------------------------------------------------------------------------- the hold


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a <b> <tool_cal> <", "a <b> <tool_cal> "),
        ("a <tool_call> b", "a <tool_call> b"),
        ("a <tool_call>\n <function", "a "),
        ("a <tool_call><function=b>c <tool_call>", "a "),
        ("<tool_call><tool_call><function=", "<tool_call>"),
    ],
)
def test_text_is_held_back_from_the_first_call_on(text, passed, size):
    hold, pieces = ToolXMLHold(), [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(map(hold.feed, pieces)) == passed
    assert passed + hold.end("", is_call=False) == text
    assert hold.end("", is_call=True) == ""
