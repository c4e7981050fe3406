"""Requests whose responses are messages and chunks, so that decisions are tested without JSON."""

from langchain_mimo._chat.requests import ChatRequest
from langchain_mimo._chat.structured_output.request import FormatPlan
from langchain_mimo._wire.dialects import DIALECTS
from langchain_mimo._wire.formats import ApiFormat
from langchain_mimo._wire.request import RequestOptions


class ChunkDecoder:
    """A stream decoder whose events are chunks."""

    started = True
    has_output = True
    reasoning_used_the_budget = False
    call_count = 0

    def __init__(self, **_):
        pass

    def feed(self, chunk):
        return chunk

    def finish(self):
        return []


MESSAGES = ApiFormat(
    "openai",
    encode_request=lambda turns, options, _: {"turns": list(turns), "options": options},
    decode_response=lambda message, **_: message,
    stream_decoder=ChunkDecoder,
    address=lambda _: "",
)


def chat_request(**settings):
    """A request without a conversation; `body["turns"]` is what attempts append."""
    settings = {"second_chance": False, "format": FormatPlan(), **settings}
    return ChatRequest(
        turns=[],
        options=RequestOptions("mimo-v2.6-pro", {}),
        endpoint="https://example.org",
        api_format=MESSAGES,
        dialect=DIALECTS["mimo"],
        **settings,
    )
