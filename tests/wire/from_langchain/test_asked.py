"""Warnings about what is asked now: an empty message, or a block that a template made text."""

from __future__ import annotations

import warnings

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from media_files import make_image

from langchain_mimo import _checks
from langchain_mimo._wire.from_langchain.history import clean_history
from langchain_mimo._wire.from_langchain.options import HistoryOptions
from langchain_mimo.media import image_block

DATA_URL = "data:image/png;base64," + "iVBORw0KGgo" * 9


@pytest.fixture(autouse=True)
def nothing_warned_yet(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())


def warnings_of(messages):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clean_history(messages, HistoryOptions("m"))
    return [str(each.message) for each in caught]


def blocks(tmp_path):
    path = tmp_path / "cat's image.png"
    path.write_bytes(make_image("PNG"))
    return {"file": image_block(path), "bytes": image_block(path.read_bytes()), "data": DATA_URL}


@pytest.mark.parametrize("name", ["file", "bytes", "data"])
@pytest.mark.parametrize("template", ["{media}", "Describe {media}", "Describe:\n{media}\nNow."])
def test_a_block_in_a_text_is_noticed(name, template, tmp_path):
    prompt = ChatPromptTemplate([("human", template)])
    media = blocks(tmp_path)[name]
    messages = prompt.invoke({"media": media}).to_messages()
    [text] = warnings_of(messages)
    assert 'ChatPromptTemplate([("placeholder", "{messages}")])' in text
    assert warnings_of(messages) == []  # once


def test_a_block_in_a_text_part_or_a_list_is_noticed(tmp_path):
    block = blocks(tmp_path)["bytes"]
    assert warnings_of([HumanMessage([{"type": "text", "text": f"Describe {[block]}"}, "x"])])


def test_what_the_warning_advises_works(tmp_path):
    prompt = ChatPromptTemplate([("placeholder", "{messages}")])
    given = HumanMessage([blocks(tmp_path)["file"], {"type": "text", "text": "What is it?"}])
    messages = prompt.invoke({"messages": [given]}).to_messages()
    assert messages == [given]
    assert warnings_of(messages) == []


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "How do I write {'type': 'image', 'base64': '...'} for LangChain?",
        "{'type': 'image', 'url': 'file:///a.png'}",
        '{"type": "image", "base64": "' + "A" * 99 + '"}',
        f'Explain <img src="{DATA_URL}">.',
        f"Explain ![cat]({DATA_URL}) and url({DATA_URL}).",
        "data:image/png;base64,iVBORw0KGgo=",
        "data: image/png; base64",
        "'extras' and 'base64'",
    ],
)
def test_other_texts_are_not(text):
    assert warnings_of([HumanMessage(text)]) == []


def test_only_what_is_asked_now_is_searched():
    assert warnings_of([HumanMessage(DATA_URL), AIMessage("a"), HumanMessage("b")]) == []


@pytest.mark.parametrize("content", ["", [], [""], [{"type": "text", "text": ""}]])
def test_an_empty_message_is_noticed(content):
    [text] = warnings_of([HumanMessage("Hi."), AIMessage("Hello."), HumanMessage(content)])
    assert text.startswith(
        "messages[2]: this user message is empty. It is sent as it is and billed"
    )


def test_a_warning_is_given_once_for_each_line_of_the_program():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            clean_history([HumanMessage("")], HistoryOptions("m"))
            clean_history([AIMessage("a"), HumanMessage("")], HistoryOptions("m"))
    assert [str(each.message).partition(":")[0] for each in caught] == [
        "messages[0]",
        "messages[1]",
    ]
    assert caught[1].lineno == caught[0].lineno + 1


def test_an_empty_message_before_is_not(tmp_path):
    assert warnings_of([HumanMessage(""), AIMessage("Hello."), HumanMessage("Hi.")]) == []
    assert warnings_of([HumanMessage([blocks(tmp_path)["bytes"]])]) == []
