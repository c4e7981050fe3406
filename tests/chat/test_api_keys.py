"""Keys that a function returns, for keys that rotate."""

import pickle

import httpx2
import pytest
from pydantic import SecretStr

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MiMoConfigurationError

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
    ],
}
EVENT = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Keys:
    """A function that returns another key each time; also its async form."""

    def __init__(self):
        self.given = []

    def __call__(self):
        self.given.append(f"sk-key-number-{len(self.given)}")
        return self.given[-1]

    async def later(self):
        return self()


def model(api_key, **settings):
    """A model whose requests are answered here; `seen` collects their Authorization headers."""
    seen = []

    def answer(request):
        seen.append(request.headers.get("authorization"))
        if b'"stream":true' in request.read().replace(b" ", b""):
            return httpx2.Response(
                200, content=EVENT, headers={"content-type": "text/event-stream"}
            )
        return httpx2.Response(200, json=ANSWER)

    async def async_answer(request):
        await request.aread()
        return answer(request)

    llm = ChatMiMo(
        model="mimo-v2.6-flash",
        api_key=api_key,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
        http_async_client=httpx2.AsyncClient(transport=httpx2.MockTransport(async_answer)),
        **settings,
    )
    return llm, seen


def test_each_request_asks_for_the_current_key():
    keys = Keys()
    llm, seen = model(keys)
    assert keys.given == []  # not before the first request
    llm.invoke("hi")
    list(llm.stream("hi"))
    assert seen == ["Bearer sk-key-number-0", "Bearer sk-key-number-1"]


@pytest.mark.parametrize("is_async", [True, False])
async def test_async_calls_take_either_kind(is_async):
    keys = Keys()
    llm, seen = model(keys.later if is_async else keys)
    await llm.ainvoke("hi")
    [chunk async for chunk in llm.astream("hi")]
    assert seen == ["Bearer sk-key-number-0", "Bearer sk-key-number-1"]


def test_a_sync_call_refuses_an_async_function():
    keys = Keys()
    llm, seen = model(keys.later)
    with pytest.raises(MiMoConfigurationError, match="call ainvoke or astream"):
        llm.invoke("hi")
    assert seen == []


@pytest.mark.parametrize(
    ("returned", "shown"), [(None, "NoneType"), ("", "an empty string"), (7, "int")]
)
def test_what_is_no_key_is_refused_before_anything_is_sent(returned, shown):
    llm, seen = model(lambda: returned)
    with pytest.raises(MiMoConfigurationError, match=f"as a string, got {shown}"):
        llm.invoke("hi")
    assert seen == []


def test_a_function_may_return_a_secret():
    llm, seen = model(lambda: SecretStr("sk-kept-secret"))
    llm.invoke("hi")
    assert seen == ["Bearer sk-kept-secret"]


def test_an_error_of_the_function_reaches_the_caller():
    def broken():
        raise LookupError("the vault is closed")

    llm, _ = model(broken)
    with pytest.raises(LookupError, match="vault"):
        llm.invoke("hi")


def test_the_region_alone_decides_the_host_of_a_key_that_is_not_known_yet():
    def host(**settings):
        return ChatMiMo(model="m", api_key=lambda: "tp-x", **settings)._endpoints.host

    assert host() == "api.xiaomimimo.com"
    assert host(region="sgp") == "token-plan-sgp.xiaomimimo.com"
    assert host(base_url="http://127.0.0.1:8000/v1") == "127.0.0.1"


def module_key():
    return "sk-from-this-module"


def test_a_function_is_pickled_by_reference():
    llm = ChatMiMo(model="m", api_key=module_key)
    pickled = pickle.dumps(llm)
    assert b"sk-from" not in pickled
    assert pickle.loads(pickled).api_key() == "sk-from-this-module"


def test_no_form_of_the_model_calls_the_function():
    keys = Keys()
    llm, _ = model(keys)
    repr(llm), llm.model_copy(deep=True), llm._get_ls_params(), llm.lc_attributes
    assert keys.given == []
