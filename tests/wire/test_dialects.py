"""Requests to MiMo's open weights on vLLM and SGLang."""

import warnings

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_mimo._chat.requests import build_request
from langchain_mimo._media.references import DeferredMedia
from langchain_mimo._wire.dialects import DIALECTS, dialect_of
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo._wire.openai.request import encode_request
from langchain_mimo._wire.request import RequestOptions
from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

MODEL = "XiaomiMiMo/MiMo-V2.6-Flash"
URL = "https://example.org/a"
SELF_HOSTED = ["vllm", "sglang"]


def request(*messages, dialect="mimo", **options):
    dialect = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    turns = clean_history(list(messages or [HumanMessage("Hi.")]), HistoryOptions(MODEL)).turns
    options = RequestOptions(MODEL, options.pop("parameters", {}), **options)
    return encode_request(turns, options, dialect)


def parts(*blocks, dialect):
    return request(HumanMessage(list(blocks)), dialect=dialect)["messages"][0]["content"]


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("server", SELF_HOSTED)
def test_thinking_is_switched_in_the_template(server, thinking):
    tree = request(dialect=server, thinking=thinking)
    assert tree["chat_template_kwargs"] == {"enable_thinking": thinking, "thinking": thinking}
    assert "thinking" not in tree
    assert "chat_template_kwargs" not in request(dialect=server)


@pytest.mark.parametrize(
    ("server", "name"),
    [("mimo", "reasoning_content"), ("vllm", "reasoning"), ("sglang", "reasoning_content")],
)
def test_reasoning_is_sent_back_under_the_servers_key(server, name):
    call = {"name": "look", "args": {}, "id": "call_1"}
    message = AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": "Hm."})
    result = ToolMessage("seen", tool_call_id="call_1")
    sent = request(HumanMessage("Go."), message, result, dialect=server)["messages"][1]
    assert sent.pop(name) == "Hm."
    assert sorted(sent) == ["content", "role", "tool_calls"]
    assert sent["content"] == ""


@pytest.mark.parametrize(
    ("dialect", "by_url", "by_base64", "data_url"),
    [
        (
            DIALECTS["mimo"],
            {"type": "input_audio", "input_audio": {"data": URL}},
            ("input_audio", "data"),
            True,
        ),
        (
            DIALECTS["vllm"],
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("audio_url", "url"),
            True,
        ),
        (
            DIALECTS["sglang"],
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("audio_url", "url"),
            True,
        ),
        (
            dialect_of("vllm", {"audio_part": "input_audio_base64"}),
            {"type": "audio_url", "audio_url": {"url": URL}},
            ("input_audio", "data"),
            False,
        ),
    ],
)
def test_audio(dialect, by_url, by_base64, data_url):
    assert parts({"type": "audio", "url": URL}, dialect=dialect) == [by_url]
    kind, key = by_base64
    block = {"type": "audio", "base64": "AAAA", "mime_type": "audio/flac"}
    (part,) = parts(block, dialect=dialect)
    assert part["type"] == kind
    assert isinstance(part[kind][key], DeferredMedia)
    assert part[kind][key].data_url is data_url
    assert len(part[kind]) == 1


@pytest.mark.parametrize(
    ("mime_type", "name"),
    [("audio/wav", "wav"), ("audio/x-wav", "wav"), ("audio/mpeg", "mp3"), ("audio/ogg", None)],
)
def test_the_format_key_of_bare_base64(mime_type, name):
    dialect = dialect_of("vllm", {"audio_part": "input_audio_base64"})
    (part,) = parts({"type": "audio", "base64": "AAAA", "mime_type": mime_type}, dialect=dialect)
    assert part["input_audio"].get("format") == name


VIDEO = {"type": "video", "url": URL, "fps": 1, "media_resolution": "max"}
BARE_VIDEO = {"type": "video_url", "video_url": {"url": URL}}


@pytest.mark.parametrize(
    ("server", "part"),
    [
        ("mimo", BARE_VIDEO | {"fps": 1, "media_resolution": "max"}),
        ("sglang", BARE_VIDEO | {"fps": 1, "media_resolution": "max"}),
    ],
)
def test_frame_rates_stand_beside_the_video(server, part):
    tree = request(HumanMessage([VIDEO]), dialect=server)
    assert tree["messages"][0]["content"] == [part]
    assert "media_io_kwargs" not in tree


def test_vllm_gets_frame_rates_only_if_it_trusts_requests():
    with (
        pytest.warns(UserWarning, match="--trust-request-mm-kwargs"),
        pytest.warns(UserWarning, match="media_resolution"),
    ):
        tree = request(HumanMessage([VIDEO]), dialect="vllm")
    assert tree["messages"][0]["content"] == [BARE_VIDEO]
    assert "media_io_kwargs" not in tree

    trusting = dialect_of("vllm", {"trusts_media_io": True})
    tree = request(HumanMessage([VIDEO, {"type": "video", "url": URL}]), dialect=trusting)
    assert tree["messages"][0]["content"] == [BARE_VIDEO, BARE_VIDEO]
    assert tree["media_io_kwargs"] == {"video": {"fps": 1, "num_frames": -1}}
    assert "media_io_kwargs" not in request(
        HumanMessage([{"type": "video", "url": URL}]), dialect=trusting
    )


def test_vllm_has_one_frame_rate_for_all_videos():
    trusting = dialect_of("vllm", {"trusts_media_io": True})
    with pytest.raises(MiMoInputError, match=r"messages\[0\], block 1.*1 and 2"):
        request(HumanMessage([VIDEO, VIDEO | {"fps": 2}]), dialect=trusting)


@pytest.mark.parametrize("server", SELF_HOSTED)
def test_web_search_runs_in_mimos_cloud_only(server):
    tools = wire_tools([{"type": "web_search"}])
    assert request(tools=tools)["tools"] == tools
    with pytest.raises(MiMoInputError, match="cloud"):
        request(tools=tools, dialect=server)


@pytest.mark.parametrize("value", [True, False])
def test_parallel_tool_calls_is_sent_to_servers_that_have_it(value):
    tools = wire_tools([{"name": "weather", "description": "d", "parameters": {}}])
    for server in SELF_HOSTED:
        tree = request(dialect=server, tools=tools, parallel_tool_calls=value)
        assert tree["parallel_tool_calls"] is value
    for server in DIALECTS:
        assert "parallel_tool_calls" not in request(dialect=server, tools=tools)
    reseller = dialect_of("mimo", {"parallel_tool_calls": True})
    assert request(dialect=reseller, parallel_tool_calls=value)["parallel_tool_calls"] is value


@pytest.mark.parametrize("value", [True, False])
def test_parallel_tool_calls_is_not_sent_to_mimo_and_warns_once(value):
    with pytest.warns(UserWarning, match="so it is not sent.*anthropic.*extra_body"):
        assert "parallel_tool_calls" not in request(parallel_tool_calls=value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "parallel_tool_calls" not in request(parallel_tool_calls=value)


@pytest.mark.parametrize("server", DIALECTS)
def test_a_tool_without_parameters_gets_an_empty_schema(server):
    bare = {"type": "function", "function": {"name": "now"}}
    (tool,) = request(dialect=server, tools=[bare])["tools"]
    assert tool["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}
    assert bare == {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize("server", DIALECTS)
def test_a_complete_body(server):
    tree = request(
        SystemMessage("S"),
        HumanMessage("Hi."),
        dialect=server,
        stream=True,
        parameters={"max_completion_tokens": 9, "temperature": None},
    )
    assert tree == {
        "model": MODEL,
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi."}],
        "max_completion_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
SCHEMA = {"title": "Weather", "type": "object", "properties": {"rain": {"type": "boolean"}}}
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "Weather", "schema": SCHEMA}}


def body_and_forced_choice(server, **keywords):
    """The complete body of a call as ChatMiMo sends it, and the tool choice left to check."""
    llm = ChatMiMo(model=MODEL, base_url="http://127.0.0.1:8000/v1", server=server)
    request = build_request(llm, [HumanMessage("Hi.")], None, keywords, stream=False)
    return request.encode(), request.forced


@pytest.mark.parametrize(
    ("choice", "native"),
    [
        ("auto", None),
        ("none", "none"),
        ("any", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
@pytest.mark.parametrize("server", DIALECTS)
def test_a_tool_choice_is_left_to_servers_that_enforce_it(server, choice, native):
    tree, forced = body_and_forced_choice(server, tools=[TOOL], tool_choice=choice)
    if server == "mimo":
        assert "tool_choice" not in tree
        assert ("tools" in tree) == (choice != "none")
        assert (forced is not None) == (choice in ("any", "weather"))
    else:
        assert tree.get("tool_choice") == native
        assert tree["tools"] == [TOOL]
        assert forced is None  # nothing is left to check


@pytest.mark.parametrize("server", DIALECTS)
def test_a_schema_is_left_to_servers_that_enforce_it(server):
    tree, _ = body_and_forced_choice(server, response_format=BY_SCHEMA)
    if server == "mimo":
        assert tree["response_format"] == {"type": "json_object"}
        assert '"rain"' in tree["messages"][-1]["content"]
    else:
        assert tree["response_format"] == BY_SCHEMA
        assert tree["messages"] == [{"role": "user", "content": "Hi."}]


@pytest.mark.parametrize("server", SELF_HOSTED)
def test_urls_are_objects_and_part_types_are_those_the_server_knows(server):
    blocks = [{"type": kind, "url": URL} for kind in ("image", "video", "audio")]
    kinds = ["image_url", "video_url", "audio_url"]
    assert parts(*blocks, dialect=server) == [{"type": kind, kind: {"url": URL}} for kind in kinds]
    call = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    result = ToolMessage([blocks[0]], tool_call_id="1")
    options = HistoryOptions(MODEL, tool_media="inline")
    turns = clean_history([HumanMessage("?"), call, result], options).turns
    sent = encode_request(turns, RequestOptions(MODEL, {}), DIALECTS[server])["messages"][2]
    assert sent["role"] == "tool"
    assert sent["content"][-1] == {"type": "image_url", "image_url": {"url": URL}}


@pytest.mark.parametrize(
    "changes",
    [
        {"trust_media_io": True},
        {"trusts_media_io": "yes"},
        {"audio_part": "audio_file"},
        {"reasoning_field": None},
    ],
)
def test_invalid_dialect_changes_are_refused(changes):
    with pytest.raises(MiMoConfigurationError, match=next(iter(changes))):
        dialect_of("vllm", changes)


def test_a_dialect_without_changes_is_the_servers_own():
    assert dialect_of("vllm") is DIALECTS["vllm"]
    assert dialect_of("sglang", {"reasoning_field": "reasoning"}).reasoning_field == "reasoning"
