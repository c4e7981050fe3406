"""Thinking: the switch on the model and on a call, efforts, and reasoning in place of an answer."""

import warnings
from functools import reduce
from operator import add

import pytest

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoInputError


def call(name, args, call_id):
    return {"name": name, "args": args, "id": call_id}


@pytest.fixture
def llm(emulator, api_format):
    with ChatMiMo(
        model="mimo-v2.6-pro",
        api_key=emulator.api_key,
        base_url=emulator.base_url,
        api_format=api_format,
        max_retries=0,
    ) as model:
        yield model


@pytest.mark.parametrize("on_call", [..., None, True, False])
@pytest.mark.parametrize("on_model", [None, True, False])
def test_thinking_on_the_model_and_on_the_call(llm, emulator, api_format, on_model, on_call):
    llm = llm.model_copy(update={"thinking": on_model})
    keywords = {} if on_call is ... else {"thinking": on_call}
    messages = [llm.invoke("Hello", **keywords), reduce(add, llm.stream("Hello", **keywords))]
    expected = on_model if on_call is ... else on_call
    wire = {True: {"type": "enabled"}, False: {"type": "disabled"}, None: None}[expected]
    for request in emulator.requests:
        assert request.body.get("thinking") == wire
    for message in messages:
        reasoning = message.additional_kwargs.get("reasoning_content")
        assert bool(reasoning) == (expected is not False)  # v2.6 thinks unless told not to
        if api_format == "openai":
            tokens = message.usage_metadata["output_token_details"]["reasoning"]
            assert bool(tokens) == bool(reasoning)


def test_a_thinking_switch_of_other_providers_causes_one_warning(llm, emulator):
    with pytest.warns(UserWarning, match="'enable_thinking'.*thinking=True or thinking=False"):
        llm.invoke("x", enable_thinking=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm.invoke("x", enable_thinking=True)
    assert all("enable_thinking" not in request.body for request in emulator.requests)


def effort_on_the_model(llm, effort):
    fields = {"api_key": llm.api_key, "base_url": llm.base_url, "api_format": llm.api_format}
    return ChatMiMo(model=llm.model, reasoning_effort=effort, **fields)


class OnTheCall:
    """A model whose every call gets an effort."""

    def __init__(self, llm, effort):
        self.llm, self.keywords = llm, {"reasoning_effort": effort}

    def invoke(self, messages):
        return self.llm.invoke(messages, **self.keywords)

    def stream(self, messages):
        return self.llm.stream(messages, **self.keywords)


EFFORT = {
    "on the model": effort_on_the_model,
    "bound": lambda llm, effort: llm.bind(reasoning_effort=effort),
    "bound with tools": lambda llm, effort: llm.bind_tools([], reasoning_effort=effort),
    "on the call": OnTheCall,
}


@pytest.mark.filterwarnings("default:MiMo has one level of thinking")
@pytest.mark.parametrize("place", EFFORT)
@pytest.mark.parametrize("effort", ["none", "low", "medium", "high"])
def test_a_reasoning_effort_is_sent_as_thinking(llm, emulator, place, effort):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = EFFORT[place](llm, effort)
        messages = [model.invoke("Hello"), reduce(add, model.stream("Hello"))]
    assert len(caught) == (effort != "none")
    for message in messages:
        assert bool(message.additional_kwargs.get("reasoning_content")) == (effort != "none")
    for request in emulator.requests:
        assert request.status == 200
        assert "reasoning_effort" not in request.body
        switch = {"type": "disabled"} if effort == "none" else None
        assert request.body.get("thinking") == switch


@pytest.mark.parametrize("effort", ["minimal", "xhigh", "max"])
def test_an_effort_that_mimo_refuses_is_refused_before_anything_is_sent(llm, emulator, effort):
    with pytest.raises(MiMoInputError, match="reasoning_effort must be 'none', 'low'"):
        llm.invoke("x", reasoning_effort=effort)
    assert emulator.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_becomes_the_content_only_on_request(llm, emulator, stream):
    """MiMo sometimes puts the entire answer into its reasoning (docs/api-facts.md)."""
    for empty_content, content in (("keep", ""), ("reasoning", "Good morning.")):
        model = llm.model_copy(update={"empty_content": empty_content})
        emulator.reply("", reasoning="Good morning.")
        message = reduce(add, model.stream("x")) if stream else model.invoke("x")
        assert message.content == content
        assert message.additional_kwargs["reasoning_content"] == "Good morning."


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_does_not_replace_text_or_calls(llm, emulator, stream):
    model = llm.model_copy(update={"empty_content": "reasoning"})
    emulator.reply("Hi.", reasoning="Greet.")
    emulator.reply("", reasoning="Call.", tool_calls=[call("one", "{}", "a")])
    send = (lambda: reduce(add, model.stream("x"))) if stream else (lambda: model.invoke("x"))
    assert send().content == "Hi."
    assert send().content == ""
