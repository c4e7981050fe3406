"""Wrong values of the constructor, of every field and every kind: one class, plain sentences."""

import copy
import pickle
import ssl
import traceback
import warnings

import cloudpickle
import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps, loads
from langchain_core.runnables import ConfigurableField
from pydantic import ValidationError

from langchain_mimo import ChatMiMo, MiMoTimeouts, RetryPolicy, _checks
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

CANARY = "sk-canary-0123456789"
RIGHT = {"model": "mimo-v2.6-flash", "api_key": CANARY}
FREE = {"model": "m", "server": "vllm", "base_url": "http://127.0.0.1:8000/v1"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())
    for name in ("MIMO_API_KEY", "XIAOMI_API_KEY", "MIMO_BASE_URL", "MIMO_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def refused(*positional, **fields):
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo(*positional, **fields)
    text = str(caught.value)
    assert "canary" not in text
    assert "pydantic" not in text
    return text


WRONG = [
    ("model", 5, "model must be a string, got 5"),
    ("model", "", "model must not be empty; MiMo serves mimo-v2.6-pro, mimo-v2.6-flash"),
    ("api_key", 5, "api_key must be a string, a SecretStr, or a function without arguments"),
    ("api_key", [CANARY], "api_key must be a string, .* the key, got list"),
    ("base_url", 5, "base_url must be a string, got 5"),
    ("base_url", "api.xiaomimimo.com", "base_url must start with https:// or http://"),
    ("region", "eu", "region must be 'cn', 'sgp' or 'ams', got 'eu'"),
    ("server", "ollama", "server must be 'mimo', 'vllm' or 'sglang', got 'ollama'"),
    ("api_format", "grpc", "api_format must be 'openai' or 'anthropic', got 'grpc'"),
    ("dialect", 5, "dialect must be a dict, got 5"),
    ("max_tokens", "x", "max_tokens must be an integer, got 'x'"),
    ("max_completion_tokens", 1.5, "max_completion_tokens must be an integer, got 1.5"),
    ("temperature", "hot", "temperature must be a number, got 'hot'"),
    ("top_p", [1], "top_p must be a number, got list"),
    ("stop", 5, "stop must be a string or a list of strings, got 5"),
    ("stop_sequences", ["a", 5], "stop_sequences.* must be .*string, got 5"),
    ("thinking", "high", "thinking must be True, False or None"),
    ("thinking", {"type": "on"}, "thinking must be True, False or None .* got {'type': 'on'}"),
    ("reasoning_effort", "max", "reasoning_effort must be 'none', 'low', 'medium' or 'high'"),
    ("fps", 30, "fps must be a number from 0.1 to 10, got 30"),
    ("media_resolution", "high", "media_resolution must be 'default' or 'max', got 'high'"),
    ("replay_reasoning", "x", "replay_reasoning must be 'tool_calls', 'always' or 'never'"),
    ("repair_history", "x", "repair_history must be True or False, got 'x'"),
    ("forced_tool_attempts", 0, "forced_tool_attempts must be at least 1, got 0"),
    ("stop_repetition", 1, "stop_repetition must be at least 2, got 1"),
    ("allowed_media_dirs", 5, "allowed_media_dirs must be a folder or a list of folders, got 5"),
    ("media_limits", {"photo": 1}, "each key of media_limits must be 'image', 'video' or 'audio'"),
    ("media_limits", {"image": 0}, r"media_limits\['image'\] must be greater than 0, got 0"),
    ("timeout", -1, "timeout must be a number of seconds > 0, MiMoTimeouts.*, got -1"),
    ("timeout", {"connect": 0}, "timeout: time limit 'connect' must be .* > 0.*, got 0"),
    ("max_retries", -1, "max_retries must be at least 0, got -1"),
    ("retry_policy", {"max_retry": 1}, "retry_policy: RetryPolicy has no argument 'max_retry'"),
    ("retry_policy", 5, "retry_policy must be .*RetryPolicy, got 5"),
    ("verify", "", "verify must be True, False, the path of a PEM file"),
    ("verify", None, "verify must be .*, got None"),
    ("default_headers", [CANARY], "default_headers must be a dict of names and values"),
    ("default_headers", {"X": 5}, "default_headers must be a dict of names and values"),
    ("http_client", 5, "http_client must be an httpx2.Client or httpx.Client, got int"),
    ("extra_body", "x", "extra_body must be a dict, got 'x'"),
    ("cache", 5, "cache must be True, False, None or a cache of LangChain's, got 5"),
    ("callbacks", 5, "callbacks must be a list of callback handlers"),
    ("disable_streaming", "x", 'disable_streaming must be True, False or "tool_calling"'),
    ("rate_limiter", 5, "rate_limiter must be an instance of BaseRateLimiter, got 5"),
    ("metadata", 5, "metadata must be a dict, got 5"),
    ("profile", 5, "profile must be a dict, got 5"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_every_kind_of_wrong_value(name, value, words):
    with pytest.raises(MiMoConfigurationError, match=f"^{words}") as caught:
        ChatMiMo(**{**RIGHT, name: value})
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    if name != "base_url" or value == 5:  # an address is checked when all values are right
        assert isinstance(caught.value.__cause__, ValidationError)
        assert "canary" not in "".join(traceback.format_exception(caught.value)).replace(
            "CANARY", ""
        )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.binary(max_size=9),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers()),
    st.builds(object),
    st.just(ChatMiMo),
    st.just(CANARY),
    st.just([CANARY]),
)


@given(st.sampled_from(sorted(ChatMiMo.model_fields)), VALUES)
def test_any_value_is_taken_or_refused_in_one_way(name, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            llm = ChatMiMo(**{**RIGHT, name: value})
        except MiMoConfigurationError as error:
            assert "canary" not in str(error)  # noqa: PT017 - or it is taken
            assert len(str(error)) < 500  # noqa: PT017
        else:
            assert isinstance(llm.model, str)


def test_all_wrong_arguments_are_named_at_once():
    text = refused(**RIGHT, region="eu", temperature="hot", fps=99, temprature=1, n=2)
    assert text.splitlines() == [
        "5 arguments of ChatMiMo are wrong:",
        "- region must be 'cn', 'sgp' or 'ams', got 'eu'",
        "- temperature must be a number, got 'hot'",
        "- fps must be a number from 0.1 to 10, got 99.0",
        "- ChatMiMo has no argument 'temprature'; did you mean 'temperature'?",
        "- ChatMiMo has no argument 'n'; MiMo refuses it; use batch() for several responses",
    ]


def test_many_wrong_arguments_are_counted():
    lines = refused(**RIGHT, **{f"zzz{number}": CANARY for number in range(20)}).splitlines()
    assert len(lines) == 10
    assert lines[0] == "20 arguments of ChatMiMo are wrong:"
    assert lines[-1] == "- and 12 more"


def test_two_names_of_one_argument():
    text = refused(**RIGHT, max_tokens=1, max_completion_tokens=2)
    assert text == "max_tokens and max_completion_tokens are one argument; pass only one of them"


def test_a_model_without_its_name():
    llm = ChatMiMo("MiMo-V2.6-Flash", api_key=CANARY)
    assert llm.model == "mimo-v2.6-flash"
    assert llm == ChatMiMo(**RIGHT)
    assert refused("mimo-v2.6-flash", CANARY).startswith("ChatMiMo takes the model alone")
    assert "model twice, 'a' without its name and model='b'" in refused("a", model="b")
    assert refused({"model": "m", "api_key": CANARY}) == "model must be a string, got dict"
    assert refused(CANARY, model="m").startswith("ChatMiMo got the model twice, 'sk-[key]'")


def test_a_subclass_names_itself_and_its_own_fields():
    class Ours(ChatMiMo):
        team: int

    assert Ours("m", api_key=CANARY, team=1).team == 1
    with pytest.raises(MiMoConfigurationError, match=r"^Ours needs team$"):
        Ours("m", api_key=CANARY)
    with pytest.raises(MiMoConfigurationError, match=r"^team must be an integer, got 'x'$"):
        Ours("m", api_key=CANARY, team="x")


@pytest.mark.parametrize(
    "construct",
    [
        ChatMiMo.model_validate,
        lambda fields: (
            ChatMiMo(**RIGHT)
            .configurable_fields(region=ConfigurableField(id="region"))
            .with_config(configurable={"region": fields["region"]})
            .invoke("x")
        ),
    ],
    ids=["model_validate", "configurable_fields"],
)
def test_other_ways_to_construct_raise_the_same(construct):
    with pytest.raises(MiMoConfigurationError, match=r"^region must be 'cn', 'sgp' or 'ams'"):
        construct({**RIGHT, "region": "eu"})


def test_a_serialized_model_with_a_wrong_value_raises_the_same():
    text = dumps(ChatMiMo(**RIGHT, temperature=0.5)).replace("0.5", "9")
    with pytest.raises(
        MiMoConfigurationError, match=r"temperature must be a number from 0 to 1\.5"
    ):
        loads(
            text,
            secrets_map={"MIMO_API_KEY": CANARY},
            valid_namespaces=["langchain_mimo"],
            allowed_objects=[ChatMiMo],
        )


@pytest.mark.parametrize(("name", "value"), [("temperature", 9), ("stop", 5), ("top_p", "x")])
def test_what_copies_and_assignments_do_not_check_is_checked_by_the_call(name, value):
    assigned = ChatMiMo(**RIGHT)
    setattr(assigned, name, value)
    for llm in (ChatMiMo(**RIGHT).model_copy(update={name: value}), assigned):
        with pytest.raises(MiMoInputError, match=f"^{name} must be"):
            llm.invoke("x")


# ------------------------------------------------------------------------------- ranges by host

OUT_OF_RANGE = [
    ("temperature", 1.6),
    ("temperature", -0.1),
    ("top_p", 0.0),
    ("top_p", 1.1),
    ("frequency_penalty", 2.1),
    ("presence_penalty", -2.1),
    ("max_completion_tokens", 131_073),
    ("max_completion_tokens", 0),
    ("stop", list("abcde")),
]
AT_THE_EDGE = [
    ("temperature", 0),
    ("temperature", 1.5),
    ("top_p", 0.01),
    ("top_p", 1),
    ("frequency_penalty", -2),
    ("presence_penalty", 2),
    ("max_completion_tokens", 131_072),
    ("max_completion_tokens", 1),
    ("stop", list("abcd")),
]
WITH_LIMITS = [
    RIGHT,
    {**RIGHT, "model": "mimo-v9"},
    {**RIGHT, "api_key": "tp-1", "region": "cn"},
    {**RIGHT, "base_url": "http://127.0.0.1:8123/v1"},
]
WITHOUT = [FREE, {**FREE, "server": "sglang"}, {**RIGHT, "base_url": "https://reseller.example/v1"}]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
@pytest.mark.parametrize("fields", WITH_LIMITS)
def test_mimos_ranges_hold_on_its_hosts_and_the_emulator(fields, name, value):
    with pytest.raises(MiMoConfigurationError, match=f"^{name} must"):
        ChatMiMo(**fields, **{name: value})


@pytest.mark.parametrize(("name", "value"), AT_THE_EDGE)
def test_the_edges_of_ranges_are_in_them(name, value):
    assert getattr(ChatMiMo(**RIGHT, **{name: value}), name) == value


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
@pytest.mark.parametrize("fields", WITHOUT)
def test_other_servers_have_ranges_of_their_own(fields, name, value):
    assert getattr(ChatMiMo(**fields, **{name: value}), name) == value


@pytest.mark.parametrize("fields", [RIGHT, FREE])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_does_not_have_is_refused_everywhere(fields, value):
    with pytest.raises(MiMoConfigurationError, match=r"^temperature must be a number"):
        ChatMiMo(**fields, temperature=value)


def test_the_anthropic_format_has_no_maximum_of_stop_sequences():
    assert ChatMiMo(**RIGHT, api_format="anthropic", stop=list("abcde")).stop == list("abcde")


def test_the_output_limit_is_the_models():
    fields = {**RIGHT, "model": "mimo-v2.5-asr", "base_url": "http://127.0.0.1:8123/v1"}
    with pytest.raises(MiMoConfigurationError, match=r"max_tokens must be .* from 1 to 2048"):
        ChatMiMo(**fields, max_tokens=2049)
    assert ChatMiMo(**fields, max_tokens=2048).max_completion_tokens == 2048


# ---------------------------------------------------------------- timeouts, certificates, clients


@pytest.mark.parametrize("http", [httpx, httpx2])
@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        ((5,), {}, MiMoTimeouts(5, 5, 5)),
        ((None,), {}, MiMoTimeouts(None, None, None)),
        ((30,), {"connect": 5}, MiMoTimeouts(5, 30, 30)),
        ((30,), {"connect": None}, MiMoTimeouts(None, 30, 30)),
    ],
)
def test_timeouts_of_clients(http, arguments, options, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limits = http.Timeout(*arguments, **options)
        assert ChatMiMo(**RIGHT, timeout=limits).timeout == expected
        assert MiMoTimeouts.of(limits) == expected


@pytest.mark.parametrize("options", [{"write": 5}, {"pool": 5}, {"write": None}])
def test_limits_of_clients_without_an_equal_warn(options):
    with pytest.warns(UserWarning, match="no limits 'write' and 'pool'"):
        llm = ChatMiMo(**RIGHT, timeout=httpx2.Timeout(30, **options))
    assert llm.timeout == MiMoTimeouts(30, 30, 30)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: MiMoTimeouts(conect=1), "MiMoTimeouts has no argument 'conect'; .*'connect'"),
        (lambda: MiMoTimeouts(zzz=1), "it has connect, first_event, idle, total"),
        (lambda: RetryPolicy(max_retry=1), "RetryPolicy has no argument 'max_retry'; did you mean"),
    ],
)
def test_misspelt_arguments_of_settings(wrong, words):
    with pytest.raises(MiMoConfigurationError, match=words):
        wrong()


def test_an_ssl_context_is_shared_by_copies_and_never_pickled():
    context = ssl.create_default_context()
    llm = ChatMiMo(**RIGHT, verify=context, allow_key_in_pickle=True)
    for made in (copy.copy(llm), copy.deepcopy(llm), llm.model_copy(deep=True)):
        assert made.verify is context
    for pickler in (pickle, cloudpickle):
        with pytest.raises(MiMoConfigurationError, match=r"verify=ssl\.SSLContext cannot be pick"):
            pickler.dumps(llm)


def test_the_repr_shows_what_the_program_set():
    llm = ChatMiMo("mimo-v2.6-flash", api_key=CANARY, temperature=0)
    assert repr(llm) == (
        "ChatMiMo(model='mimo-v2.6-flash', api_key=SecretStr('**********'), temperature=0.0, "
        "max_retries=2)"
    )
    own = ChatMiMo(**RIGHT, metadata={"team": "a"}, profile={"max_input_tokens": 5})
    assert "metadata={'team': 'a'}, profile={'max_input_tokens': 5}" in repr(own)
