"""What docs/caches.md says about LangChain's cache of answers."""

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from PIL import Image

from langchain_mimo import ChatMiMo, MiMoError, image_block


@pytest.fixture
def cached(emulator):
    """A function that makes models which share one cache."""
    cache = InMemoryCache()

    def make(**fields):
        fields = {"base_url": emulator.base_url, "api_key": emulator.api_key, **fields}
        return ChatMiMo(model="mimo-v2.6-flash", cache=cache, max_retries=0, **fields)

    return make


def test_an_equal_call_is_answered_without_a_request(emulator, cached):
    first = cached().invoke("Name a colour.")
    second = cached(api_key="sk-of-another-user").invoke("Name a colour.")
    assert len(emulator.requests) == 1
    assert second.id == first.id
    assert second.additional_kwargs == first.additional_kwargs
    assert second.usage_metadata == first.usage_metadata | {"total_cost": 0}
    assert second.response_metadata["cost_usd"] == first.response_metadata["cost_usd"]


def test_other_calls_are_sent(emulator, cached):
    cached().invoke("Name a colour.")
    cached().invoke("Name a colour.", temperature=0.5)
    cached(thinking=False).invoke("Name a colour.")
    cached(base_url=emulator.base_url.replace("127.0.0.1", "localhost")).invoke("Name a colour.")
    assert len(emulator.requests) == 4


def test_streams_neither_read_nor_fill_the_cache(emulator, cached):
    list(cached().stream("Hello"))
    cached(streaming=True).invoke("Hello")
    list(cached().stream_events("Hello", version="v3"))
    cached().invoke("Hello")
    list(cached().stream("Hello"))
    assert len(emulator.requests) == 5
    cached().invoke("Hello")
    assert len(emulator.requests) == 5


def test_a_changed_file_is_asked_again(emulator, cached, tmp_path):
    path = tmp_path / "image.png"
    for colour in ("red", "red", "blue"):
        Image.new("RGB", (64, 64), colour).save(path)
        message = HumanMessage([image_block(path), {"type": "text", "text": "What is this?"}])
        assert colour in cached(allowed_media_dirs=[tmp_path]).invoke([message]).text
    assert len(emulator.requests) == 2


def test_errors_are_not_cached(emulator, cached):
    emulator.reply(status=500, body="")
    with pytest.raises(MiMoError):
        cached().invoke("Hello")
    assert cached().invoke("Hello").text
    assert len(emulator.requests) == 2
