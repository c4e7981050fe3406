"""Mistakes of a first day: what calls of the emulator warn of and log.

Each test is one mistake, by its number in the list of 68 that was provoked in the first place.
"""

import asyncio
import logging
import sys
import warnings

import pytest
from error_words import is_found_by_its_words
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel

from langchain_mimo import ChatMiMo, _checks
from langchain_mimo.emulator import MiMoEmulator


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture
def emulator(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    with MiMoEmulator() as running:
        yield running


def model(emulator, **fields):
    return ChatMiMo(
        "mimo-v2.6-flash", base_url=emulator.base_url, api_key=emulator.api_key, **fields
    )


def structured(llm):
    with pytest.raises(Exception, match="content filter stopped") as caught:
        llm.with_structured_output(City).invoke("Name a city.")
    return caught.value


CALLS = {
    "invoke": lambda llm: llm.invoke("Hello").text,
    "stream": lambda llm: "".join(chunk.text for chunk in llm.stream("Hello")),
    "v3": lambda llm: str(llm.stream_events("Hello", version="v3").text),
    "structured": structured,
}


@pytest.mark.parametrize("way", CALLS)
def test_67_an_answer_that_the_content_filter_stopped(emulator, way):
    emulator.fault("content_filter", times=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = CALLS[way](model(emulator))
    assert len(emulator.requests) == 2  # with the second chance
    assert answer == "" or way == "structured"
    assert ["content filter stopped the response" in str(each.message) for each in caught] == [True]
    assert CALLS["invoke"](model(emulator)) != ""


def test_66_an_answer_that_is_no_object(emulator):
    for _ in range(3):
        emulator.reply("no JSON")
    with pytest.raises(OutputParserException, match=r"no JSON'\. Call again, describe the fields"):
        model(emulator).with_structured_output(City).invoke("Name a city.")


def test_45_a_sync_call_in_an_event_loop(emulator, caplog, monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    llm = model(emulator)

    async def handler():
        return [llm.invoke("Hello").text for _ in range(2)] + [(await llm.ainvoke("Hello")).text]

    assert all(asyncio.run(handler()))
    ours = [each for each in caplog.records if each.name == "langchain_mimo"]
    [record] = [each for each in ours if each.levelno >= logging.INFO]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{__file__}:")
    assert is_found_by_its_words(record.getMessage())
