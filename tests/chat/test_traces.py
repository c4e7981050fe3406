"""What traces and callbacks are told about a call."""

from __future__ import annotations

import openai_wire
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from ways_to_ask import llm_for

ANSWER = openai_wire.response(content="Hi.")


class _Recorder(BaseCallbackHandler):
    def __init__(self):
        self.invocation_params, self.metadata, self.llm_output = {}, {}, None

    def on_chat_model_start(self, serialized, messages, *, metadata=None, **kwargs):
        self.invocation_params, self.metadata = kwargs["invocation_params"], metadata

    def on_llm_end(self, response, **kwargs):
        self.llm_output = response.llm_output


@pytest.mark.parametrize(
    ("own", "called", "sent"),
    [
        (["Z"], None, ["Z"]),
        (["Z"], ["A"], ["A"]),
        (["Z"], [], []),
        (None, ["A"], ["A"]),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_traces_have_the_stop_sequences_that_are_sent(own, called, sent, streamed):
    recorder = _Recorder()
    llm = llm_for(ANSWER, stop=own)
    config = {"callbacks": [recorder]}
    if streamed:
        list(llm.stream("x", config, stop=called))
    else:
        llm.invoke("x", config, stop=called)
    assert recorder.invocation_params["stop"] == sent
    assert recorder.metadata.get("ls_stop") == (sent or None)


@pytest.mark.parametrize("streaming", [False, True])
def test_llm_output_names_the_model(streaming):
    messages = [[HumanMessage("a")], [HumanMessage("b")]]
    result = llm_for(ANSWER, streaming=streaming).generate(messages)
    assert result.llm_output == {"model_name": "mimo-v2.6-pro"}


def test_llm_output_names_no_model_when_there_are_two():
    outputs = [{"model_name": "a"}, None]
    assert llm_for(ANSWER)._combine_llm_outputs(outputs) == {}
    assert llm_for(ANSWER)._combine_llm_outputs([None]) == {"model_name": "mimo-v2.6-pro"}
    assert llm_for(ANSWER)._combine_llm_outputs([{}]) == {}
