"""Estimated tokens and cost, before anything is sent; sockets are blocked in this folder."""

import base64
import io
import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, trim_messages
from PIL import Image

from langchain_mimo.catalogue import Price
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoInputError


@pytest.fixture
def llm():
    return ChatMiMo(model="mimo-v2.6-flash", api_key="sk-test")


def make_image(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    return {"type": "image", "base64": data, "mime_type": "image/png"}


def test_images_count_by_pixels_not_by_base64(llm):
    estimate = llm.estimate(
        [HumanMessage([make_image(1024, 1024), {"type": "text", "text": "hi"}])]
    )
    assert estimate.image == 1024
    assert estimate.total < 1100


def test_prices_come_from_the_catalogue_or_the_user(llm):
    estimate = llm.estimate("hello", output_tokens=1_000_000)
    assert estimate.cost_usd == pytest.approx(0.28, rel=1e-3)
    assert estimate.price_as_of is not None
    own = {"mimo-v2.6-flash": Price(0, 0, 1.0, estimate.price_as_of)}
    assert llm.estimate("hello", output_tokens=1_000_000, prices=own).cost_usd == pytest.approx(1)
    unknown = ChatMiMo(model="mimo-v9", api_key="sk-test")
    assert unknown.estimate("hello").cost_usd is None


def test_tool_definitions_count(llm):
    def search(query: str) -> str:
        """Search the library of everything for a query."""

    assert llm.estimate("x", [search]).total > llm.estimate("x").total + 10


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a.mp4", "http://169.254.169.254/latest/meta-data", "http://[::1]/a.mp4"],
)
def test_no_url_is_fetched(llm, url):
    estimate = llm.estimate([HumanMessage([{"type": "video", "url": url}])])
    assert estimate.low < estimate.total < estimate.high
    assert estimate.notes


def test_incomplete_conversations_are_counted(llm):
    assert llm.get_num_tokens_from_messages([]) == 0
    orphan = [ToolMessage("result", tool_call_id="gone")]
    assert llm.get_num_tokens_from_messages(orphan) > 0


def test_trim_messages_drops_what_is_large(llm):
    call = {"name": "f", "args": {}, "id": "a"}
    history = [
        HumanMessage([make_image(2000, 2000), {"type": "text", "text": "what is it?"}]),
        AIMessage("", tool_calls=[call]),
        ToolMessage("done", tool_call_id="a"),
        AIMessage("a red square"),
        HumanMessage("thanks"),
    ]
    kept = trim_messages(
        history, max_tokens=200, token_counter=llm, strategy="last", start_on="human"
    )
    assert kept == history[-1:]


def test_text_is_counted_without_a_tokenizer(llm):
    assert 1 <= llm.get_num_tokens("hello world") <= 11
    assert llm.get_num_tokens("你好世界") >= 2


@pytest.mark.parametrize(
    "count",
    [
        lambda llm: llm.get_num_tokens(None),
        lambda llm: llm.estimate("x", output_tokens="x"),
        lambda llm: llm.estimate("x", output_tokens=-1),
        lambda llm: llm.estimate("x", prices={"M": 1}),
        lambda llm: llm.estimate("x", fps=float("nan")),
    ],
)
def test_invalid_arguments_are_refused(llm, count):
    with pytest.raises(MiMoInputError):
        count(llm)


def test_a_custom_tokenizer_takes_precedence(llm):
    own = ChatMiMo(
        model="mimo-v2.6-flash",
        api_key="sk-test",
        custom_get_token_ids=lambda text: list(text.encode()),
    )
    assert own.get_token_ids("abc") == [97, 98, 99]
    assert own.get_num_tokens("你") == 3
    with pytest.raises(NotImplementedError, match="get_num_tokens"):
        llm.get_token_ids("abc")


def test_media_are_counted_even_for_a_text_model():
    """A history is trimmed before it is checked, so trimming can remove the media."""
    reader = ChatMiMo(model="mimo-v2.5-pro", base_url="http://127.0.0.1:1")
    history = [
        HumanMessage([make_image(640, 480), "Look."]),
        AIMessage("I see."),
        HumanMessage("?"),
    ]
    assert reader.get_num_tokens_from_messages(history) > 300
    kept = trim_messages(history, max_tokens=60, token_counter=reader, start_on="human")
    assert kept == history[-1:]


def test_videos_serialized_to_json_by_langchain_count_as_videos(llm):
    video = {"type": "video", "url": "https://a.example/video.mp4", "mime_type": "video/mp4"}
    history = [
        HumanMessage("?"),
        AIMessage("", tool_calls=[{"name": "video", "args": {}, "id": "1"}]),
        ToolMessage(json.dumps([video]), tool_call_id="1"),
    ]
    assert llm.estimate(history).video > 1000
