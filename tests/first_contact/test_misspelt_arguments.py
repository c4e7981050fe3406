"""Mistakes of a first day: arguments of functions and classes that these do not have."""

import inspect
import pickle

import pytest

from langchain_mimo._wire.tool_definitions import wire_tools
from langchain_mimo.cost import CallBudget, estimate_file, plan_corpus, plan_segments, plan_video
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

MISSPELT = {
    "budget": (plan_video, {"budget": 9}, "plan_video has no argument 'budget'; did you mean 'budget_tokens'?"),
    "other budget": (plan_segments, {"token_budget": 9}, "did you mean 'budget_tokens'?"),
    "budget of prepare": (prepare_video, {"budget_tokens": 9}, "did you mean 'token_budget'?"),
    "start": (prepare_video, {"start": 1}, "prepare_video has no argument 'start'; did you mean 'start_s'?"),
    "end": (prepare_audio, {"end": 1}, "prepare_audio has no argument 'end'; did you mean 'end_s'?"),
    "size": (prepare_image, {"max_byte": 1}, "prepare_image has no argument 'max_byte'; did you mean 'max_bytes'?"),
    "unknown": (prepare_image, {"quality": 1}, "prepare_image has no argument 'quality'; it takes output, max_bytes,"),
    "file": (estimate_file, {"resolution": "max"}, "did you mean 'media_resolution'?"),
    "corpus": (plan_corpus, {"currancy": "CNY"}, "plan_corpus has no argument 'currancy'; did you mean 'currency'?"),
}  # fmt: skip


@pytest.mark.parametrize("row", MISSPELT)
def test_a_misspelt_argument_of_a_function_for_media(row):
    function, options, start = MISSPELT[row]
    model = {"model": "mimo-v2.6-flash"} if function in (estimate_file, plan_corpus) else {}
    with pytest.raises(MiMoInputError) as raised:
        function("a.mp4", **model, **options)
    assert start in str(raised.value)
    [tool] = wire_tools([function])  # its signature is its own
    names = list(inspect.signature(function).parameters)
    assert list(tool["function"]["parameters"]["properties"]) == [
        name for name in names if name != "progress"
    ]
    assert pickle.loads(pickle.dumps(function)) is function


def test_a_misspelt_argument_of_a_budget():
    with pytest.raises(MiMoConfigurationError) as raised:
        CallBudget(max_costs=1)
    assert str(raised.value) == "CallBudget has no argument 'max_costs'; did you mean 'max_cost'?"
