"""Arguments of other chat models, and what takes their place in ChatMiMo.

Programs bring the names of ChatOpenAI, ChatAnthropic, ChatGoogleGenerativeAI, ChatDeepSeek and
ChatOpenRouter, and of the APIs behind them. One table answers, in the constructor and for keywords
of a call. This module is imported only when a name is unknown.
"""

from __future__ import annotations

from langchain_mimo._checks import nearest

_PREFIXES = ("openai_", "anthropic_", "google_", "deepseek_", "openrouter_", "azure_", "mimo_")

_OURS = {
    "api_key": ("token", "api_token", "auth_token", "ad_token", "ad_token_provider"),
    "base_url": ("api_base", "api_url", "api_endpoint", "endpoint", "server_url", "host"),
    "default_headers": (
        *("additional_headers", "default_metadata", "default_metadata_input"),
        *("extra_headers", "headers"),
    ),
    "max_completion_tokens": (
        *("max_tokens_to_sample", "max_output_tokens", "max_new_tokens", "num_predict"),
        "max_length",
    ),
    "max_retries": ("retries", "num_retries"),
    "model": ("model_name", "model_id", "deployment", "deployment_name", "engine"),
    "reasoning_effort": ("effort", "thinking_level"),
    "stop": ("stop_words", "stop_tokens"),
    "timeout": ("request_timeout", "default_request_timeout", "timeout_s"),
    "verify": ("verify_ssl", "ssl_verify", "ca_bundle"),
}
"""Our arguments, and what others call them."""

_MORE_THAN_A_NAME = {
    "pass its entries as arguments of their own; what ChatMiMo does not know goes into "
    "extra_body={...}": ("model_kwargs", "generation_config", "generation_kwargs"),
    "set HTTPS_PROXY, or pass http_client=httpx2.Client(proxy=...) and "
    "http_async_client=httpx2.AsyncClient(proxy=...) to ChatMiMo": (
        *("proxy", "proxies", "http_proxy", "https_proxy"),
    ),
    "set parameters of the URL on clients of your own: "
    "http_client=httpx2.Client(params=...) and http_async_client=httpx2.AsyncClient(params=...)": (
        *("default_query", "extra_query"),
    ),
    "pass your own httpx2.Client as http_client and httpx2.AsyncClient as http_async_client to "
    "ChatMiMo": (
        *("client", "async_client", "root_client", "root_async_client", "http_options"),
        *("http_socket_options", "client_args", "client_options", "transport", "session"),
    ),
    "use timeout=MiMoTimeouts(idle=...), which limits the wait between events": (
        "stream_chunk_timeout",
    ),
    "use stream_usage=True or stream_usage=False": ("stream_options",),
    "use thinking=True or thinking=False; MiMo has one level of thinking": (
        *("reasoning", "enable_thinking", "thinking_budget", "budget_tokens", "thinking_config"),
        *("include_thoughts", "include_reasoning", "chat_template_kwargs"),
    ),
    "use with_structured_output(schema)": (
        *("response_schema", "response_mime_type", "response_json_schema", "output_config"),
        *("json_mode", "json_schema", "format", "output_format", "guided_json", "response_format"),
    ),
    "use bind_tools(tools, tool_choice=..., parallel_tool_calls=...)": (
        *("functions", "function_call", "function_calling_config", "tool_config"),
        *("tools", "tool_choice", "parallel_tool_calls", "strict"),
    ),
    'MiMo\'s web search is a tool: bind_tools([{"type": "web_search"}])': (
        *("web_search", "web_search_options", "search_parameters", "enable_search", "plugins"),
    ),
    "put a system message at the start of the messages": (
        *("system", "system_prompt", "system_message", "system_instruction", "instructions"),
        "prefix_messages",
    ),
    "pass custom_get_token_ids= to count with a tokenizer of your own; ChatMiMo needs none": (
        *("tiktoken_model_name", "tokenizer", "allowed_special", "disallowed_special"),
    ),
    "a reseller's own parameters go into extra_body={...}, and its headers into "
    "default_headers={...}": (
        *("provider", "route", "transforms", "trace", "session_id"),
        *("app_url", "app_title", "app_categories"),
    ),
}
"""What to do instead, for arguments without one of ours that means the same."""

_NOT_AT_MIMO = {
    "MiMo refuses it; use batch() for several responses": (*("n", "candidate_count", "best_of"),),
    "MiMo documents no such parameter and ignores it; extra_body={%r: ...} sends it all the same": (
        *("seed", "logprobs", "top_logprobs", "logit_bias", "user", "prediction"),
    ),
    "MiMo documents no such parameter; extra_body={%r: ...} sends it, for example to vLLM or "
    "SGLang": (
        *("top_k", "min_p", "top_a", "typical_p", "repetition_penalty", "length_penalty"),
        *("min_tokens", "ignore_eos", "best_of_n"),
    ),
    "MiMo caches the beginning of prompts by itself; remove it": (
        *("cached_content", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        "cache_control",
    ),
    "MiMo has no Responses API, and ChatMiMo keeps reasoning and usage without it; remove it": (
        *("use_responses_api", "use_previous_response_id", "previous_response_id", "include"),
        *("store", "truncation", "conversation", "background"),
    ),
    "MiMo cannot be told how long to answer; ask for it in the prompt, or set "
    "max_completion_tokens": ("verbosity",),
    "MiMo answers with text alone; remove it": (
        *("modalities", "response_modalities", "image_config", "audio"),
    ),
    "a MiMo API key is all that ChatMiMo needs; remove it": (
        *("organization", "project", "location", "credentials", "vertexai"),
        *("api_version", "api_type", "model_version", "model_provider", "validate_base_url"),
        *("ad_async_token_provider", "user_profile_id", "inference_geo"),
    ),
    "MiMo has no such setting; remove it": (
        *("service_tier", "safety_settings", "safety_identifier", "moderation", "labels", "betas"),
        *("mcp_servers", "container", "reuse_last_container", "context_management"),
    ),
    "ChatMiMo sends only what you set; remove it": (
        *("disabled_params", "convert_system_message_to_human"),
    ),
}
"""Why there is no equivalent, and what to do."""

_RENAMED = {theirs: ours for ours, names in _OURS.items() for theirs in names}

_REMEDIES = {
    name: remedy
    for table in (_MORE_THAN_A_NAME, _NOT_AT_MIMO)
    for remedy, names in table.items()
    for name in names
}


def remedy_for(
    name: str, known: frozenset[str], on_the_model: frozenset[str] = frozenset()
) -> str | None:
    """Return what to do instead of passing an argument of another chat model.

    Args:
        name: The argument's name.
        known: Our arguments.
        on_the_model: Those that a call cannot have, if it is a call that passes the argument.

    Returns:
        What to do, as a clause; None if no chat model is known to have the argument.
    """
    for theirs in (name, *(name.removeprefix(p) for p in _PREFIXES if name.startswith(p))):
        if theirs in _REMEDIES:
            remedy = _REMEDIES[theirs]
            return remedy % name if "%r" in remedy else remedy
        ours = _RENAMED.get(theirs) or (theirs if theirs in known and theirs != name else None)
        if ours is not None:
            return f"use {ours}, a field of the model" if ours in on_the_model else f"use {ours}"
    return None


def explain_argument(name: str, known: frozenset[str]) -> str:
    """Say what to do about an argument that the constructor does not have.

    Args:
        name: The argument's name.
        known: The constructor's arguments and aliases.
    """
    remedy = remedy_for(name, known)
    if remedy is None:
        near = nearest(name, known)
        remedy = (
            f"did you mean {near!r}?"
            if near
            else "pass parameters of the API that ChatMiMo does not know in extra_body={...}"
        )
    return f"ChatMiMo has no argument {name!r}; {remedy}"
