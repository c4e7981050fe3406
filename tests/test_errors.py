"""The exception hierarchy: LangChain's classes, redaction, pickling, texts."""

import pickle
import re

import pytest
from langchain_core import exceptions as core

from langchain_mimo import errors
from langchain_mimo._redaction import redact
from langchain_mimo._transport.error_hints import ErrorContext
from langchain_mimo._transport.error_responses import error_from_response

HOST = "api.xiaomimimo.com"
CONTEXT = ErrorContext(HOST, "sk-", "mimo-v2.6-pro", ("sk-canary-canary",))
BODY = b'{"error": {"code": "x", "message": "Too many"}}'


def test_each_class_inherits_from_langchains_own():
    pairs = {
        errors.MiMoAuthenticationError: core.ModelAuthenticationError,
        errors.MiMoPermissionError: core.ModelPermissionDeniedError,
        errors.MiMoNotFoundError: core.ModelNotFoundError,
        errors.MiMoInvalidRequestError: core.ModelInvalidRequestError,
        errors.MiMoContextOverflowError: core.ContextOverflowError,
        errors.MiMoRateLimitError: core.ModelRateLimitError,
        errors.MiMoQuotaError: core.ModelRateLimitError,
        errors.MiMoRiskControlError: core.ModelPermissionDeniedError,
        errors.MiMoRunawayResponseError: core.ModelConnectionError,
        errors.MiMoServerError: core.ModelAPIError,
        errors.MiMoConnectionError: core.ModelConnectionError,
        errors.MiMoTimeoutError: core.ModelTimeoutError,
        errors.MiMoBalanceError: core.ModelError,
        errors.MiMoContentFilterError: getattr(
            core, "ModelRefusalError", core.ModelInvalidRequestError
        ),
    }
    for ours, theirs in pairs.items():
        assert issubclass(ours, theirs)
        assert issubclass(ours, errors.MiMoError)


# The classes whose errors another call may not meet, unless the error itself says so.
LATER = {
    "MiMoConnectionError",
    "MiMoTimeoutError",
    "MiMoIncompleteStreamError",
    "MiMoRateLimitError",
    "MiMoServerError",
}


def all_classes(base=errors.MiMoError):
    return [base, *(each for child in base.__subclasses__() for each in all_classes(child))]


@pytest.mark.parametrize("cls", all_classes(), ids=lambda cls: cls.__name__)
def test_every_class_says_whether_a_later_call_may_succeed(cls):
    error = cls.__new__(cls)
    if issubclass(cls, errors.MiMoConnectionError | errors.MiMoIncompleteStreamError):
        error = cls("why")
    assert error.is_retryable is (cls.__name__ in LATER)
    assert (error.attempts, error.waited) == (0, 0.0)


def test_the_text_names_the_attempts_where_a_later_call_may_succeed():
    error = errors.MiMoConnectionError("it broke")
    assert str(error) == "it broke"
    error.attempts, error.waited = 3, 2.46
    assert str(error) == "it broke. 3 attempts were made, with 2.5 s of waiting."
    error.is_retryable = False
    assert str(error) == "it broke"


def test_redaction_keeps_ordinary_ids():
    text = "id 0f8fad5b-d9cd-469f-a165-70867728950e_0123456789abcdef0123456789abcdef"
    assert redact(text) == text
    assert redact("x" * 63) == "x" * 63
    assert redact("x" * 64) == "[64 characters]"
    assert redact("\\/" * 64) == "[128 characters]"
    assert len(redact("é" * 5000).encode()) <= 2000


@pytest.mark.parametrize(
    "error",
    [
        errors.MiMoConfigurationError("x"),
        errors.MediaError("why", 1, 2),
        errors.MiMoConnectionError("gone", is_retryable=False),
        errors.MiMoTimeoutError("idle", 3.0, host="h", events=2, received=9),
        errors.MiMoIncompleteStreamError("cut", None, is_retryable=False),
        errors.MiMoRunawayResponseError("too many calls", limit="max_tool_calls"),
        error_from_response(429, {"retry-after": "1"}, BODY, CONTEXT),
        error_from_response(441, {}, BODY, CONTEXT),
        error_from_response(421, {}, BODY, CONTEXT),
    ],
)
def test_errors_can_be_pickled(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    state = {k: v for k, v in error.__dict__.items() if k != "response"}
    assert {k: v for k, v in again.__dict__.items() if k != "response"} == state


@pytest.mark.parametrize("end", ["", ".", "!", "?", "…", "。"])
@pytest.mark.parametrize("request_id", [None, "r1"])
def test_each_sentence_of_an_error_ends_in_one_mark(end, request_id):
    text = str(
        errors.MiMoMediaRejectedError(
            f"Param Incorrect{end}",
            status_code=400,
            param=f"Multimodal data is corrupted{end}",
            request_id=request_id,
            hint="Convert it.",
        )
    )
    assert not re.search(r"[.!?…。]{2}|\.;", text)
    assert text.endswith(" Convert it.")
    assert re.search(r"[.!?…。] Convert it\.$", text)


def test_a_timeout_error_names_the_limit_and_what_was_received():
    text = str(errors.MiMoTimeoutError("idle", 300.0, host=HOST, events=7, received=1234))
    for piece in ("idle", "300 s", HOST, "7 events", "1234 bytes"):
        assert piece in text


def test_the_class_tree_lists_every_error():
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.MiMoError)
    }
    tree = errors.__doc__.partition("From MiMoConnectionError on")[0]
    listed = re.findall(r"^[│├└─ ]*(\w+Error)\b", tree, re.MULTILINE)
    assert sorted(listed) == sorted(classes)
