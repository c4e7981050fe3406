"""A call's keywords override the model's fields."""

import math
import re
import warnings
from types import SimpleNamespace

import pytest

from langchain_mimo._chat import settings as module
from langchain_mimo._chat.call_options import call_options
from langchain_mimo.errors import MiMoInputError


def fields(**changes):
    made = dict.fromkeys(module.PARAMETERS)
    made |= {"model": "mimo-v2.6-flash", "thinking": None, "reasoning_effort": None, "fps": None}
    made |= {"media_resolution": None, "stream_usage": True, "extra_body": None}
    made |= {"replay_reasoning": "tool_calls", "missing_reasoning": "pad", "repair_history": False}
    made |= {"tool_media": "user", "empty_content": "keep", "forced_tool_attempts": 2}
    made |= {"parse_tool_xml": False}
    made |= {"native_schemas": True, "second_chance": True}
    made |= {"max_tool_calls": None, "stop_repetition": None}
    made |= {"include_response_headers": False}
    made |= {"server": "mimo", "base_url": None, "api_format": "openai"}
    made |= {"_endpoints": SimpleNamespace(is_mimo=True)}
    return SimpleNamespace(**made | changes)


def setting(options, name):
    return getattr(options if hasattr(options, name) else options.history, name)


def sent(options):
    return {name: value for name, value in options.parameters.items() if value is not None}


@pytest.mark.parametrize(
    ("model", "stop", "keywords", "expected"),
    [
        ({}, None, {}, {}),
        ({"temperature": 0.5}, None, {}, {"temperature": 0.5}),
        ({"temperature": 0.5}, None, {"temperature": 0}, {"temperature": 0}),
        ({"temperature": 0.5}, None, {"temperature": None}, {}),
        ({"max_completion_tokens": 9}, None, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"stop": ["a"]}, None, {}, {"stop": ["a"]}),
        ({"stop": ["a"]}, ["b"], {}, {"stop": ["b"]}),
        ({"stop": []}, None, {}, {}),
        ({"stop": ["a"]}, [], {}, {}),
        ({}, None, {"stop_sequences": ["c"]}, {"stop": ["c"]}),
    ],
)
def test_parameters(model, stop, keywords, expected):
    assert sent(call_options(fields(**model), stop, keywords)) == expected


def test_extra_bodies_are_merged_and_the_call_wins():
    model = fields(extra_body={"a": 1, "b": 1})
    assert call_options(model, None, {"extra_body": {"b": 2}}).extra_body == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("given", "sent_id"),
    [
        ("MiMo-V2.6-Pro", "mimo-v2.6-pro"),
        ("mimo-v2.6-pro[1m]", "mimo-v2.6-pro"),
        ("XiaomiMiMo/MiMo-V2.5", "XiaomiMiMo/MiMo-V2.5"),
        ("mimo-v9", "mimo-v9"),
    ],
)
def test_model_ids(given, sent_id):
    assert call_options(fields(), None, {"model": given}).model == sent_id


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (False, False),
        ({"type": "enabled"}, True),
        ({"type": "disabled"}, False),
    ],
)
def test_thinking(given, expected):
    assert call_options(fields(), None, {"thinking": given}).thinking is expected


def test_a_call_can_reset_thinking_to_the_models_default():
    assert call_options(fields(thinking=True), None, {"thinking": None}).thinking is None


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("thinking", "high"),
        ("thinking", {"type": "enabled", "budget_tokens": 9}),
        ("fps", 0.05),
        ("fps", 10.5),
        ("fps", math.nan),
        ("fps", math.inf),
        ("fps", True),
        ("fps", "two"),
        ("media_resolution", "high"),
        ("media_resolution", 1),
    ],
)
def test_invalid_values_are_refused(keyword, value):
    with pytest.raises(MiMoInputError, match=f"{keyword} must be"):
        call_options(fields(), None, {keyword: value})


def test_an_unknown_keyword_is_not_sent_and_warns_once():
    with pytest.warns(UserWarning, match="'cache_control': MiMo caches .* by itself; remove it"):
        options = call_options(fields(), None, {"cache_control": {"type": "ephemeral"}})
    assert sent(options) == {}
    assert options.extra_body == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_options(fields(), None, {"cache_control": {"type": "ephemeral"}})


def test_another_providers_switch_names_ours():
    with pytest.warns(UserWarning, match="'enable_thinking'.*thinking=True"):
        call_options(fields(), None, {"enable_thinking": True})


# ----------------------------------------------------------------------------- reasoning_effort


@pytest.mark.filterwarnings("ignore:MiMo has one level")
@pytest.mark.parametrize(
    ("model", "keywords", "thinking"),
    [
        ({}, {"reasoning_effort": "none"}, False),
        ({}, {"reasoning_effort": "low"}, None),
        ({}, {"reasoning_effort": "medium"}, None),
        ({}, {"reasoning_effort": "high"}, None),
        ({}, {"reasoning_effort": None}, None),
        ({}, {"reasoning_effort": "high", "thinking": True}, True),
        ({}, {"reasoning_effort": "high", "thinking": None}, None),
        ({}, {"reasoning_effort": "none", "thinking": {"type": "disabled"}}, False),
        ({"thinking": True}, {"reasoning_effort": "none"}, False),
        ({"thinking": True}, {"reasoning_effort": "low"}, True),
        ({"thinking": False}, {"reasoning_effort": "low"}, True),
        ({"thinking": False}, {"reasoning_effort": None}, False),
        ({"reasoning_effort": "none"}, {}, False),
        ({"reasoning_effort": "none"}, {"thinking": True}, True),
        ({"reasoning_effort": "none"}, {"thinking": None}, None),
        ({"reasoning_effort": "none"}, {"reasoning_effort": None}, None),
        ({"reasoning_effort": "none"}, {"reasoning_effort": "high"}, True),
        ({"reasoning_effort": "high"}, {}, None),
        ({"reasoning_effort": "high"}, {"thinking": False}, False),
        ({"reasoning_effort": "high", "thinking": True}, {"reasoning_effort": "none"}, False),
    ],
)
def test_an_effort_is_a_form_of_thinking_and_the_call_wins(model, keywords, thinking):
    options = call_options(fields(**model), None, keywords)
    assert options.thinking is thinking
    assert options.history.thinking_on is (thinking is not False)


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_a_level_of_effort_warns_once_that_there_is_one(effort):
    with pytest.warns(UserWarning, match="one level of thinking.*'none' turns thinking off"):
        call_options(fields(), None, {"reasoning_effort": effort})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_options(fields(), None, {"reasoning_effort": "low"})
        call_options(fields(reasoning_effort="high"), None, {})


def test_turning_thinking_off_by_effort_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_options(fields(), None, {"reasoning_effort": "none"})


@pytest.mark.parametrize("effort", ["minimal", "xhigh", "max", "", "None", 1, True, {}])
def test_other_efforts_are_refused(effort):
    with pytest.raises(MiMoInputError) as caught:
        call_options(fields(), None, {"reasoning_effort": effort})
    accepted = "'none', 'low', 'medium' or 'high'"
    assert str(caught.value) == f"reasoning_effort must be {accepted}, got {effort!r}"


@pytest.mark.parametrize(
    ("thinking", "effort"), [(True, "none"), (False, "low"), (False, "medium"), (False, "high")]
)
def test_an_effort_that_contradicts_thinking_is_refused(thinking, effort):
    words = f"^thinking={thinking} contradicts reasoning_effort='{effort}'; remove one"
    with pytest.raises(MiMoInputError, match=words):
        call_options(fields(), None, {"thinking": thinking, "reasoning_effort": effort})


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [
        ("model", 5, "model must be a model id, got int"),
        ("extra_body", "x", "extra_body must be a dict, got str"),
        ("tools", "x", "tools must be a list, got str"),
        (
            "tools",
            [{"type": "function"}, 5],
            r"tools\[1\] must be a tool definition with a type, got int; bind_tools",
        ),
        ("tools", [{}], r"tools\[0\] must be a tool definition"),
        ("temperature", math.nan, r"temperature must be a number from 0 to 1\.5, got nan"),
        ("top_p", math.inf, r"top_p must be a number from 0\.01 to 1, got inf"),
        ("temperature", "hot", r"temperature must be a number from 0 to 1\.5, got 'hot'"),
        ("forced_tool_attempts", 0, "forced_tool_attempts must be an integer >= 1, got 0"),
    ],
)
def test_values_of_the_wrong_type_are_refused(keyword, value, words):
    with pytest.raises(MiMoInputError, match=words):
        call_options(fields(), None, {keyword: value})


@pytest.mark.parametrize(
    ("typo", "advice"),
    [
        ("fsp", "did you mean 'fps'"),
        ("api_key", "it is a field of the model"),
        ("zzz", "extra_body={'zzz': ...} sends it as it is"),
        ("seed", "MiMo documents no such parameter and ignores it; extra_body={'seed': ...} sends"),
        ("request_timeout", "use timeout, a field of the model"),
    ],
)
def test_misspelt_keywords_suggest_the_nearest(typo, advice):
    with pytest.warns(UserWarning, match=re.escape(advice)):
        call_options(fields(), None, {typo: 1})


def test_langchains_own_keywords_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call_options(fields(), None, {"stream": True, "ls_structured_output_format": {}})


BEHAVIOUR = {
    "replay_reasoning": "always",
    "missing_reasoning": "error",
    "repair_history": True,
    "tool_media": "inline",
    "empty_content": "reasoning",
    "forced_tool_attempts": 3,
    "parse_tool_xml": True,
}


@pytest.mark.parametrize(("name", "value"), BEHAVIOUR.items())
def test_behaviour_can_be_set_on_the_model_and_on_the_call(name, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert setting(call_options(fields(), None, {name: value}), name) == value
        assert setting(call_options(fields(**{name: value}), None, {}), name) == value
        other = getattr(fields(), name)
        assert setting(call_options(fields(**{name: value}), None, {name: other}), name) == other


@pytest.mark.parametrize("name", [name for name in BEHAVIOUR if name != "forced_tool_attempts"])
@pytest.mark.parametrize("value", [None, "nonsense"])
def test_other_values_are_refused(name, value):
    with pytest.raises(MiMoInputError, match=f"^{name} must be"):
        call_options(fields(), None, {name: value})


@pytest.mark.parametrize("name", ["native_schemas", "second_chance", "stream_usage"])
@pytest.mark.parametrize("value", ["no", "false", None, 2])
def test_switches_are_true_or_false(name, value):
    with pytest.raises(MiMoInputError, match=f"^{name} must be True or False"):
        call_options(fields(), None, {name: value})


@pytest.mark.parametrize("name", ["timeout", "allowed_media_dirs", "base_url", "retry_policy"])
def test_fields_that_a_call_cannot_override_say_so(name):
    with pytest.warns(UserWarning, match=f"{name}.*field of the model"):
        call_options(fields(), None, {name: 1})
