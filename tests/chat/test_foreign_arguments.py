"""Arguments of other chat models: one table answers, wherever they are passed."""

import warnings

import httpx2
import openai_wire
import pytest

from langchain_mimo import ChatMiMo, _checks
from langchain_mimo._chat.argument_errors import argument_names
from langchain_mimo._chat.foreign_arguments import remedy_for
from langchain_mimo.errors import MiMoConfigurationError, MiMoInputError

OURS = argument_names(ChatMiMo)

FIELDS = {
    "ChatOpenAI 1.7": """
        client async_client root_client root_async_client model_name model temperature model_kwargs
        openai_api_key api_key openai_api_base base_url openai_organization organization openai_proxy
        request_timeout timeout stream_usage max_retries presence_penalty frequency_penalty seed
        logprobs top_logprobs logit_bias streaming n top_p max_tokens max_completion_tokens
        reasoning_effort reasoning verbosity tiktoken_model_name default_headers default_query
        http_client http_async_client http_socket_options stream_chunk_timeout stop stop_sequences
        extra_body include_response_headers disabled_params context_management include
        prompt_cache_options service_tier store truncation use_previous_response_id
        use_responses_api output_version
    """,
    "AzureChatOpenAI 1.7": """
        azure_endpoint deployment_name azure_deployment openai_api_version api_version
        azure_ad_token azure_ad_token_provider azure_ad_async_token_provider model_version
        openai_api_type validate_base_url
    """,
    "ChatAnthropic 1.7": """
        max_tokens_to_sample top_k default_request_timeout anthropic_api_url anthropic_api_key
        anthropic_proxy betas thinking output_config effort mcp_servers container
        reuse_last_container inference_geo user_profile_id
    """,
    "ChatGoogleGenerativeAI 4.4": """
        default_metadata default_metadata_input convert_system_message_to_human response_mime_type
        response_schema thinking_level thinking_config cached_content google_api_key credentials
        vertexai project location client_options additional_headers client_args max_output_tokens
        candidate_count retries response_modalities media_resolution image_config thinking_budget
        include_thoughts safety_settings labels
    """,
    "ChatDeepSeek 1.1": "api_base",
    "ChatOpenRouter 0.2": """
        openrouter_api_key openrouter_api_base app_url app_title app_categories openrouter_provider
        route plugins session_id trace
    """,
    "parameters of APIs": """
        parallel_tool_calls tools tool_choice functions function_call response_format strict
        stream_options user metadata prediction modalities audio web_search_options system
        enable_thinking extra_headers extra_query proxies http_proxy min_p repetition_penalty
        num_predict max_new_tokens best_of cache_control safety_identifier
    """,
}
"""The constructors' arguments and aliases, as the packages of November 2026 have them."""


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in FIELDS for name in FIELDS[package].split()]
)
def test_every_argument_of_other_chat_models_is_ours_or_has_a_remedy(package, name):
    if name in OURS:
        return
    remedy = remedy_for(name, OURS)
    assert remedy, f"{name} of {package}"
    with pytest.raises(MiMoConfigurationError) as caught:
        ChatMiMo("mimo-v2.6-flash", api_key="sk-x", **{name: "canary"})
    assert str(caught.value) == f"ChatMiMo has no argument {name!r}; {remedy}"


def test_remedies_name_only_arguments_that_exist():
    for name in {name for names in FIELDS.values() for name in names.split()} - OURS:
        remedy = remedy_for(name, OURS)
        if remedy.startswith("use ") and "=" not in remedy and "(" not in remedy:
            assert remedy.removeprefix("use ") in OURS


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("openai_api_key", "use api_key"),
        ("anthropic_api_url", "use base_url"),
        ("azure_deployment", "use model"),
        ("max_output_tokens", "use max_completion_tokens"),
        ("openai_temperature", "use temperature"),
        ("thinking_level", "use reasoning_effort"),
        ("thinking_budget", "use thinking=True or thinking=False"),
        ("openai_proxy", "set HTTPS_PROXY"),
        ("response_schema", "use with_structured_output(schema)"),
        ("functions", "use bind_tools(tools"),
        ("seed", "extra_body={'seed': ...} sends it all the same"),
        ("top_k", "extra_body={'top_k': ...} sends it, for example to vLLM"),
        ("n", "use batch() for several responses"),
        ("openrouter_provider", "a reseller's own parameters go into extra_body"),
    ],
)
def test_remedies(name, remedy):
    assert remedy_for(name, OURS).startswith(remedy) or remedy in remedy_for(name, OURS)


@pytest.mark.parametrize("name", ["temprature", "zzz", "openai_zzz", ""])
def test_no_remedy_for_what_no_chat_model_has(name):
    assert remedy_for(name, OURS) is None


class Recorder:
    def __init__(self):
        self.bodies = []

    def llm(self):
        def respond(request):
            self.bodies.append(request.read())
            return httpx2.Response(200, json=openai_wire.response(content="Hello"))

        client = httpx2.Client(transport=httpx2.MockTransport(respond))
        return ChatMiMo("mimo-v2.6-flash", api_key="sk-x", http_client=client)


def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


WAYS = {
    "invoke": lambda llm, keywords: llm.invoke("x", **keywords),
    "stream": lambda llm, keywords: list(llm.stream("x", **keywords)),
    "bind": lambda llm, keywords: llm.bind(**keywords).invoke("x"),
    "bind_tools": lambda llm, keywords: llm.bind_tools([add], **keywords).invoke("x"),
}


@pytest.mark.parametrize("way", ["invoke", "bind", "bind_tools"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seed", "extra_body={'seed': ...} sends it all the same"),
        ("request_timeout", "use timeout, a field of the model"),
        ("openai_api_key", "use api_key, a field of the model"),
        ("max_output_tokens", "use max_completion_tokens."),
        ("verbosity", "ask for it in the prompt"),
    ],
)
def test_in_calls_they_warn_once_and_are_not_sent(monkeypatch, way, name, words):
    monkeypatch.setattr(_checks, "_warned", set())
    recorder = Recorder()
    llm = recorder.llm()
    with pytest.warns(UserWarning, match=f"ChatMiMo does not send {name!r}") as caught:
        WAYS[way](llm, {name: "canary"})
    assert [warning.filename for warning in caught] == [__file__]
    assert words in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WAYS[way](llm, {name: "canary"})
    assert len(recorder.bodies) == 2
    assert b"canary" not in b"".join(recorder.bodies)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["temprature", "thinkin", "max_token", "toolchoice"])
def test_misspelt_keywords_of_calls_are_refused_before_sending(way, name):
    recorder = Recorder()
    with pytest.raises(MiMoInputError, match=f"has no call argument {name!r}; did you mean '"):
        WAYS[way](recorder.llm(), {name: 1})
    assert recorder.bodies == []
