"""The cost in a message against what the emulator counted: tokens, cache hits and web searches."""

import pytest
from scripted_api import messages_of

from langchain_mimo import ChatMiMo

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

# US dollars per million tokens of mimo-v2.6-flash: input, cache hit, output; and per search.
INPUT, CACHED, OUTPUT, SEARCH = 0.14, 0.0028, 0.28, 0.005


def by_hand(message, searches=0):
    usage = message.usage_metadata
    cached = usage["input_token_details"].get("cache_read", 0)
    tokens = (usage["input_tokens"] - cached) * INPUT + cached * CACHED
    return (tokens + usage["output_tokens"] * OUTPUT) / 1e6 + searches * SEARCH


def llm_of(emulator, api_format="openai"):
    return ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        api_format=api_format,
    )


def test_cache_hits_cost_less(emulator, api_format):
    prompt = "What did the harbour master of Ulm write about the tide? " * 60
    found = messages_of(llm_of(emulator, api_format), prompt)
    assert len(emulator.requests) == len(found) == 6
    for way, message in found.items():
        assert message.response_metadata["cost_usd"] == pytest.approx(by_hand(message)), way
    hits = {m.usage_metadata["input_token_details"].get("cache_read", 0) for m in found.values()}
    assert max(hits) > 500
    costs = [message.response_metadata["cost_usd"] for message in found.values()]
    assert costs[1] < costs[0]


def test_searches_cost_more(emulator):
    search = {"type": "web_search", "max_keyword": 2, "limit": 1, "force_search": True}
    llm = llm_of(emulator).bind_tools([search])
    for way, message in messages_of(llm, "What is the latest news of Ulm?").items():
        used = message.response_metadata["web_search_usage"]["tool_usage"]
        assert used == 2, way
        assert message.response_metadata["cost_usd"] == pytest.approx(by_hand(message, used)), way
