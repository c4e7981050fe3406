"""CallBudget: what an attempt needs and costs, what is refused, and both of LangChain's ways in."""

import asyncio
import contextlib
import copy
import gc
import json
import multiprocessing
import os
import pickle
import random
import sys
import threading
import time
from dataclasses import replace

import httpx2
import pytest
from api_requests import parts
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumpd
from media_files import make_image

from langchain_mimo import (
    ChatMiMo,
    MiMoBudgetError,
    MiMoConfigurationError,
    MiMoInputError,
    MiMoRateLimitError,
    MiMoTimeouts,
    RetryPolicy,
    image_block,
)
from langchain_mimo._transport.gates import Call
from langchain_mimo._wire.anthropic.response import to_openai_usage
from langchain_mimo._wire.json_values import count
from langchain_mimo._wire.to_langchain.usage import usage_metadata
from langchain_mimo.catalogue import PRICES, Price
from langchain_mimo.cost import CallBudget
from langchain_mimo.cost.call_needs import counted
from langchain_mimo.cost.ledger_rows import LedgerCounts
from langchain_mimo.cost.lines import Lines
from langchain_mimo.cost.prices import Money
from langchain_mimo.cost.windows import Ask, MemoryStore, Settlement, Spending
from langchain_mimo.errors import MiMoError, MiMoTimeoutError

FLASH = PRICES["mimo-v2.6-flash", "realtime", "USD"]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = (1000 * FLASH.input + 500 * FLASH.output) / 1e6


def answer(request=None, *, usage=USAGE):
    message = {"role": "assistant", "content": "Hello"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = {"id": "1", "model": "mimo-v2.6-flash", "choices": [choice], "usage": usage}
    return httpx2.Response(200, json=body)


def stream(*, usage=USAGE, whole=True):
    delta = {"choices": [{"index": 0, "delta": {"content": "Hello"}}], "id": "1"}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "id": "1"}
    events = [delta, end | ({"usage": usage} if usage else {})] if whole else [delta]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, text=text + ("data: [DONE]\n\n" if whole else ""))


def model(budget, handler=answer, **fields):
    client = httpx2.Client(transport=httpx2.MockTransport(handler))
    fields = {"model": "mimo-v2.6-flash", "max_retries": 0, **fields}
    return ChatMiMo(api_key="sk-canary", http_client=client, budget=budget, **fields)


def amounts(budget):
    return round(budget.spent.amount, 9), round(budget.reserved.amount, 9)


# ---------------------------------------------------------------------------------- what it costs


def test_a_call_is_settled_with_its_usage():
    budget = CallBudget(max_cost=1.0)
    model(budget).invoke("Hi")
    assert amounts(budget) == (round(COST, 9), 0.0)


def test_a_stream_is_settled_at_its_end():
    budget = CallBudget(max_cost=1.0)
    stream_of = model(budget, lambda request: stream()).stream("Hi")
    next(stream_of)
    assert budget.reserved.amount > 0
    list(stream_of)
    assert amounts(budget) == (round(COST, 9), 0.0)


def test_the_anthropic_format_is_settled_too():
    def handler(request):
        usage = {"input_tokens": 1000, "output_tokens": 500}
        content = [{"type": "text", "text": "Hello"}]
        body = {"id": "1", "type": "message", "role": "assistant", "content": content}
        return httpx2.Response(200, json=body | {"stop_reason": "end_turn", "usage": usage})

    budget = CallBudget(max_cost=1.0)
    model(budget, handler, api_format="anthropic").invoke("Hi")
    assert amounts(budget) == (round(COST, 9), 0.0)


UNKNOWN = {
    "no usage": lambda request: answer(usage=None),
    "a broken connection": lambda request: (_ for _ in ()).throw(httpx2.ReadError("reset")),
    "not an answer": lambda request: httpx2.Response(200, text="<html>"),
}


@pytest.mark.parametrize("handler", UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_knows_stays_reserved(handler):
    budget = CallBudget(max_cost=1.0)
    with contextlib.suppress(MiMoError):
        model(budget, handler, max_completion_tokens=1000).invoke("Hi")
    spent, reserved = amounts(budget)
    assert spent == 0
    assert 1000 * FLASH.output / 1e6 < reserved < 1100 * FLASH.output / 1e6


def test_a_stream_that_is_closed_early_stays_reserved():
    budget = CallBudget(max_cost=1.0)
    start, *rest = stream().content.partition(b"\n\n")

    def handler(request):
        return httpx2.Response(200, content=parts(start + rest[0], rest[1]))

    for _ in model(budget, handler).stream("Hi"):
        break
    assert amounts(budget)[0] == 0
    assert budget.reserved.amount > 0


FREE = {
    "an error response": lambda request: httpx2.Response(500),
    "a refusal": lambda request: httpx2.Response(400, json={"error": {"message": "no"}}),
    "no connection": lambda request: (_ for _ in ()).throw(httpx2.ConnectError("refused")),
}


@pytest.mark.parametrize("handler", FREE.values(), ids=FREE)
def test_what_is_not_billed_is_given_back(handler):
    budget = CallBudget(max_cost=1.0, max_concurrency=1)
    llm = model(budget, handler)
    for _ in range(3):
        with pytest.raises(MiMoError):
            llm.invoke("Hi")
    assert amounts(budget) == (0.0, 0.0)


def test_every_attempt_is_counted():
    answers = [httpx2.Response(503), httpx2.Response(503), answer()]
    budget = CallBudget(requests_per_minute=3)
    llm = model(budget, lambda request: answers.pop(0), max_retries=2)
    llm.invoke("Hi")
    with pytest.raises(MiMoTimeoutError, match="waiting for the call budget"):
        model(budget, timeout=MiMoTimeouts(total=0.05)).invoke("Hi")


# ---------------------------------------------------------------------------------- what is refused


def test_the_next_call_that_could_pass_the_ceiling_is_refused_before_anything_is_sent():
    sent = []

    def handler(request):
        sent.append(request)
        return answer()

    budget = CallBudget(max_cost=0.001)
    llm = model(budget, handler, max_completion_tokens=2000)
    for _ in range(2):
        llm.invoke("Hi")
    with pytest.raises(MiMoBudgetError) as caught:
        llm.invoke("Hi")
    assert len(sent) == 2
    assert not caught.value.is_retryable
    for part in ("max_cost=0.00100 USD", "0.000560 USD is spent", "0.00 USD reserved", "raise max"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("max_cost", "name", "prices", "said"),
    [
        (1.0, "mimo-unheard-of", None, "in USD, which is unknown; pass prices="),
        (Money(1.0, "CNY"), "m", {"m": FLASH}, "pass max_cost=Money(..., 'USD')"),
        (1.0, "m", {"m": FLASH._replace(currency="CNY")}, "pass max_cost=Money(..., 'CNY')"),
    ],
)
def test_a_ceiling_without_a_price_refuses_to_start(max_cost, name, prices, said):
    budget = CallBudget(max_cost=max_cost, prices=prices)
    with pytest.raises(MiMoBudgetError) as caught:
        model(budget, lambda request: pytest.fail("sent"), model=name).invoke("Hi")
    assert said in str(caught.value)


def test_a_ceiling_in_yuan_counts_prices_in_yuan():
    budget = CallBudget(max_cost=Money(1.0, "CNY"))
    model(budget).invoke("Hi")
    price = PRICES["mimo-v2.6-flash", "realtime", "CNY"]
    expected = (1000 * price.input + 500 * price.output) / 1e6
    assert budget.spent == Money(budget.spent.amount, "CNY")
    assert budget.spent.amount == pytest.approx(expected)


def test_own_prices_replace_those_of_the_catalogue():
    free = Price(0.0, 0.0, 0.0, FLASH.as_of)
    budget = CallBudget(max_cost=0.0, prices={"mimo-v2.6-flash": free})
    model(budget).invoke("Hi")
    assert amounts(budget) == (0.0, 0.0)


@pytest.mark.parametrize("text", ["x" * 40_000, "猫" * 13_000])
def test_a_call_larger_than_the_window_is_refused_at_once(text):
    budget = CallBudget(tokens_per_minute=10_000)
    with pytest.raises(MiMoBudgetError, match=r"needs about 13,\d+ tokens, more than the 10,000"):
        model(budget, lambda request: pytest.fail("sent")).invoke(text)
    with pytest.raises(MiMoBudgetError, match="lower max_completion_tokens"):
        model(budget, max_completion_tokens=10_000).invoke("Hi")
    with pytest.warns(UserWarning, match="one call a minute"):  # without a limit: the whole window
        assert model(budget).invoke("Hi").content == "Hello"


@pytest.mark.parametrize(
    "arguments",
    [
        {"requests_per_minute": 0},
        {"tokens_per_minute": 1.5},
        {"max_concurrency": -1},
        {"max_cost": -0.1},
        {"max_cost": "much"},
        {"requests_per_minute": True},
    ],
)
def test_a_wrong_limit_names_its_argument(arguments):
    with pytest.raises(MiMoConfigurationError, match=next(iter(arguments))):
        CallBudget(**arguments)


# ------------------------------------------------------------------------------- waiting in line


def test_the_total_limit_bounds_the_wait_in_line():
    budget = CallBudget(max_concurrency=1)
    held = model(budget, lambda request: stream()).stream("Hi")
    next(held)
    began = time.monotonic()
    with pytest.raises(MiMoTimeoutError, match="waiting for the call budget; nothing was sent"):
        model(budget, timeout=MiMoTimeouts(total=0.1)).invoke("Hi")
    assert 0.1 <= time.monotonic() - began < 5
    list(held)
    assert model(budget, timeout=MiMoTimeouts(total=30)).invoke("Hi").content == "Hello"


def test_a_task_that_is_cancelled_leaves_the_line():
    async def run():
        started, release = asyncio.Event(), asyncio.Event()
        sent = []

        async def handler(request):
            sent.append(request)
            started.set()
            await release.wait()
            return answer()

        client = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        budget = CallBudget(max_concurrency=1, max_cost=1.0)
        llm = ChatMiMo(
            model="mimo-v2.6-flash", api_key="sk-x", http_async_client=client, budget=budget
        )
        first = asyncio.create_task(llm.ainvoke("1"))
        await started.wait()
        second, third = (asyncio.create_task(llm.ainvoke(text)) for text in "23")
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        release.set()
        await asyncio.gather(first, third)
        assert second.cancelled()
        assert len(sent) == 2
        assert amounts(budget) == (round(2 * COST, 9), 0.0)
        assert not budget._lines._lines

    asyncio.run(run())


def test_waiting_blocks_no_event_loop():
    async def run():
        budget = CallBudget(max_concurrency=1)
        held = model(budget, lambda request: stream()).stream("Hi")  # in this thread
        next(held)
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        llm = ChatMiMo(
            model="mimo-v2.6-flash", api_key="sk-canary", http_async_client=client, budget=budget
        )
        waiting = asyncio.create_task(llm.ainvoke("Hi"))
        for _ in range(20):
            await asyncio.sleep(0.001)  # turns of the loop while the call waits
        assert not waiting.done()
        list(held)
        assert (await waiting).content == "Hello"

    asyncio.run(run())


def test_a_file_that_cannot_be_sent_is_refused_before_the_line_and_no_file_waits_open(tmp_path):
    budget = CallBudget(max_concurrency=1)
    llm = model(budget, lambda request: stream(), allowed_media_dirs=[tmp_path])
    held = llm.stream("Hi")
    next(held)
    path = tmp_path / "image.png"
    path.write_bytes(make_image("PNG"))
    block = image_block(path)
    path.unlink()
    with pytest.raises(MiMoError, match=r"image\.png"):
        llm.invoke([("user", [block])])
    held.close()


# -------------------------------------------------------------------------- LangChain's ways in


def test_a_budget_is_a_rate_limiter_of_any_model():
    budget = CallBudget(requests_per_minute=3)
    llm = FakeListChatModel(responses=["x"], rate_limiter=budget)
    for _ in range(3):
        llm.invoke("Hi")
    assert not budget.acquire(blocking=False)
    assert not asyncio.run(budget.aacquire(blocking=False))


def test_a_rate_limiter_waits_for_a_pause_and_has_no_limit_of_its_own():
    budget = CallBudget(max_concurrency=1, tokens_per_minute=1, max_cost=0)  # of no effect here
    began = time.monotonic()
    budget.pause(0.1)
    assert not budget.acquire(blocking=False)
    assert budget.acquire()
    assert asyncio.run(budget.aacquire())
    assert time.monotonic() - began >= 0.1
    assert [budget.acquire(blocking=False) for _ in range(200)].count(True) == 200


def test_the_same_budget_is_not_passed_twice():
    budget = CallBudget()
    with pytest.raises(MiMoConfigurationError, match="count each request twice"):
        ChatMiMo(model="m", api_key="sk-x", budget=budget, rate_limiter=budget)
    with pytest.raises(MiMoConfigurationError, match=r"must be a langchain_mimo\.cost\.CallBudget"):
        ChatMiMo(model="m", api_key="sk-x", budget=5.0)


# ------------------------------------------------------------------------- copies and processes


def test_copies_of_a_model_share_its_budget_and_a_serialized_model_has_none():
    budget = CallBudget()
    llm = ChatMiMo(model="m", api_key="sk-x", budget=budget)
    assert copy.deepcopy(llm).budget is budget
    assert llm.model_copy(update={"model": "n"}).budget is budget
    assert "budget" not in repr(llm)
    assert "budget" not in json.dumps(dumpd(llm))


def test_a_model_with_a_budget_of_this_process_cannot_be_pickled(monkeypatch):
    monkeypatch.setenv("MIMO_API_KEY", "sk-x")
    llm = ChatMiMo(model="m", budget=CallBudget())
    with pytest.raises(MiMoConfigurationError, match="without share= cannot be pickled"):
        pickle.dumps(llm)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_does_not_wait_for_the_attempts_of_its_parent():
    budget = CallBudget(max_concurrency=1)
    held = model(budget, lambda request: stream()).stream("Hi")
    next(held)
    call = model(budget).invoke
    child = multiprocessing.get_context("fork").Process(target=call, args=("Hi",))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    held.close()


def test_no_key_is_kept():
    budget = CallBudget(max_cost=1.0)
    model(budget).invoke("Hi")
    kept = repr([vars(budget), vars(budget._store), budget._terms, budget._store._windows])
    assert "sk-canary" not in kept


def test_threads_and_tasks_share_a_budget():
    running, most, lock = [0], [0], threading.Lock()

    def enter(change):
        with lock:
            running[0] += change
            most[0] = max(most[0], running[0])

    def handler(request):
        enter(1)
        time.sleep(0.002)
        enter(-1)
        return answer()

    async def ahandler(request):
        enter(1)
        await asyncio.sleep(0.002)
        enter(-1)
        return answer()

    budget = CallBudget(max_concurrency=3, max_cost=1.0)
    llm = model(budget, handler)

    async def tasks():
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(ahandler))
        allm = ChatMiMo(
            model="mimo-v2.6-flash", api_key="sk-canary", http_async_client=client, budget=budget
        )
        await asyncio.gather(*(allm.ainvoke("Hi") for _ in range(30)))

    threads = [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    threads += [
        threading.Thread(target=lambda: [llm.invoke("Hi") for _ in range(8)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most[0] <= 3
    assert amounts(budget) == (round(92 * COST, 9), 0.0)


# ------------------------------------------------------------------------------ reading the usage

COUNTS = st.one_of(st.none(), st.integers(-1, 10**6), st.just("x"))
OPENAI = st.fixed_dictionaries(
    {"prompt_tokens": COUNTS, "completion_tokens": COUNTS},
    optional={
        "prompt_tokens_details": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "cached_tokens": COUNTS,
                    **dict.fromkeys(("image_tokens", "video_tokens", "audio_tokens"), COUNTS),
                    "multimodal_tokens": st.dictionaries(
                        st.sampled_from(["image", "audio"]), COUNTS
                    ),
                },
            ),
        ),
        "completion_tokens_details": st.one_of(
            st.none(), st.just("x"), st.fixed_dictionaries({"reasoning_tokens": COUNTS})
        ),
        "web_search_usage": st.fixed_dictionaries({"tool_usage": COUNTS}),
    },
)
ANTHROPIC = st.fixed_dictionaries(
    {"input_tokens": COUNTS, "output_tokens": COUNTS},
    optional={"cache_read_input_tokens": COUNTS},
)


@given(st.one_of(st.none(), OPENAI, ANTHROPIC))
def test_what_is_settled_is_what_the_ledger_counts(usage):
    searches, stated = 0, usage
    if usage is not None:
        searches = usage.get("web_search_usage", {}).get("tool_usage")
        stated = to_openai_usage(usage) if "input_tokens" in usage else usage
    message = LedgerCounts.of(usage_metadata(stated), count(searches) or 0)
    assert LedgerCounts(*counted(usage)) == message


# -------------------------------------------------------------------------------------- the price


def calls_of_invoke(budget, number):
    """Count the calls of Python functions in an invoke with this number of messages."""
    llm = model(budget)
    messages = [
        ("user" if index % 2 == 0 else "assistant", "word " * 60) for index in range(number)
    ]
    llm.invoke(messages)
    gc.collect()  # else the callbacks of models that are collected meanwhile count
    calls = 0

    def note(frame, event, _):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(note)
    try:
        llm.invoke(messages)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("number", [1, 199])
def test_a_budget_adds_few_calls_however_long_the_conversation(number):
    budget = CallBudget(max_concurrency=10, max_cost=1.0)
    budget._store = budget._lines._store = MemoryStore(lambda: 0.0)  # no entry begins meanwhile
    assert calls_of_invoke(budget, number) - calls_of_invoke(None, number) <= 16


# --------------------------------------------------------------------------------- the first day


def test_a_call_waits_for_what_running_calls_have_reserved():
    ask = Ask("a", "a m", cost=0.75, max_cost=1.0)
    lines = Lines(MemoryStore())
    (first,) = entered(lines.enter(ask))
    entering = lines.enter(replace(ask, window="a n"))
    seconds, woken = next(entering)
    assert seconds is None
    assert not woken.is_set
    lines.settle(first, Settlement(10, 0.25))
    assert woken.is_set  # though it waits in another line
    assert not isinstance(entered(entering)[0], tuple)


def entered(entering):
    with pytest.raises(StopIteration) as end:
        next(entering)
    return (end.value.value,)


@given(
    st.integers(1, 60),
    st.floats(0.1, 10),
    st.integers(0, 2**32),
)
@settings(max_examples=60)
def test_the_ceiling_is_never_passed_and_nobody_waits_for_ever(number, max_cost, seed):
    pick = random.Random(seed)
    lines = Lines(store := MemoryStore())
    waiting, running, refused = [], [], []
    for _ in range(number):
        ask = Ask("a", f"w{pick.randrange(3)}", None, None, pick.choice((None, 2)))
        ask = replace(ask, cost=pick.uniform(0.0, 3.0), max_cost=max_cost)
        waiting.append([ask, lines.enter(ask), None])
    while waiting or running:
        is_moved = False
        for waiter in list(waiting):
            ask, entering, woken = waiter
            if woken is not None and not woken.is_set:
                continue
            is_moved = True
            try:
                _, waiter[2] = next(entering)
            except StopIteration as end:
                waiting.remove(waiter)
                said = end.value
                if isinstance(said, Spending):
                    refused.append(said.spent + said.lost + ask.cost)
                else:
                    running.append((ask, said))
            spending = store.spending()
            assert sum(spending) <= max_cost
            assert spending.running == pytest.approx(sum(ask.cost for ask, _ in running))
        if running:
            is_moved = True
            ask, reservation = running.pop(pick.randrange(len(running)))
            cost = pick.choice((None, 0.0, ask.cost, ask.cost * pick.random()))
            lines.settle(reservation, Settlement(1, cost))
        assert is_moved  # else all wait, and nobody runs
    assert store.spending().running == 0
    assert all(cost > max_cost for cost in refused)
    assert len(refused) < number or max_cost < 3


def test_a_batch_waits_below_a_ceiling_that_only_holds_one_call():
    most = [0, 0]
    lock = threading.Lock()

    def handler(request):
        with lock:
            most[0] += 1
            most[1] = max(most)
        time.sleep(0.002)
        with lock:
            most[0] -= 1
        return answer()

    budget = CallBudget(max_cost=0.05)  # a call may cost 0.037 dollars
    results = model(budget, handler).batch(["Hi"] * 20)
    assert [result.content for result in results] == ["Hello"] * 20
    assert most[1] == 1
    assert amounts(budget) == (round(20 * COST, 9), 0.0)


def test_the_total_limit_bounds_the_wait_for_a_reservation():
    budget = CallBudget(max_cost=0.05)
    held = model(budget, lambda request: stream()).stream("Hi")
    next(held)
    with pytest.raises(MiMoTimeoutError, match="waiting for the call budget; nothing was sent"):
        model(budget, timeout=MiMoTimeouts(total=0.05)).invoke("Hi")
    list(held)


def test_a_refusal_below_a_ceiling_of_nothing_advises_what_helps():
    with pytest.raises(MiMoBudgetError) as caught:
        model(CallBudget(max_cost=0)).invoke("Hi")
    assert "running" not in str(caught.value)
    assert str(caught.value).endswith("; lower max_completion_tokens, or raise max_cost")


def test_a_small_window_without_an_output_limit_warns():
    budget = CallBudget(tokens_per_minute=100_000)
    said = r"reserves 131,072 tokens of output, and tokens_per_minute .* is 100,000: so one call a "
    with pytest.warns(UserWarning, match=said) as caught:
        model(budget).invoke("Hi")
    assert len(caught) == 1
    # With one, the window has room at once.
    model(budget, timeout=MiMoTimeouts(total=30), max_completion_tokens=9).invoke("Hi")


def test_what_was_spent_is_known_without_a_ceiling():
    budget = CallBudget()
    model(budget).invoke("Hi")
    model(budget, model="mimo-unheard-of").invoke("Hi")
    assert amounts(budget) == (round(COST, 9), 0.0)
    assert budget.ledger.cost().money.amount == pytest.approx(COST)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -5, "60", None, True])
def test_a_pause_needs_a_number(seconds):
    with pytest.raises(MiMoInputError, match="seconds must be a number >= 0, got"):
        CallBudget().pause(seconds)


def test_a_pause_of_no_seconds_lets_those_who_wait_go_on():
    budget = CallBudget()
    budget.pause(1e12)
    waiting = threading.Thread(
        target=model(budget, timeout=MiMoTimeouts(total=60)).invoke, args=["Hi"]
    )
    waiting.start()
    while not budget._lines._lines:
        time.sleep(0.001)
    budget.pause(0)
    waiting.join(30)
    assert not waiting.is_alive()
    assert budget.spent.amount > 0


@pytest.mark.parametrize(("cap", "expected"), [(60.0, 60.0), (2.0, 2.0)])
def test_a_long_retry_after_pauses_for_no_longer_than_the_cap(cap, expected):
    budget = CallBudget()
    refusal = httpx2.Response(
        429, headers={"retry-after": "3600"}, json={"error": {"message": "no"}}
    )
    policy = RetryPolicy(max_retries=0, retry_after_cap=cap)
    with pytest.raises(MiMoRateLimitError, match=r"budget=CallBudget"):
        model(budget, lambda request: refusal, retry_policy=policy).invoke("Hi")
    left = budget._store.reserve(Ask("", "")).seconds
    assert expected - 1 < left <= expected


def test_a_429_that_asks_for_no_wait_ends_no_pause():
    budget = CallBudget()
    call = Call("api.xiaomimimo.com", "sk-x", {})
    budget.pause(50, call)
    budget.pause(0, call)
    assert budget._store.reserve(Ask("", "")).seconds > 49


def test_a_long_wait_is_logged_when_it_begins(caplog):
    caplog.set_level("INFO", logger="langchain_mimo")
    budget = CallBudget(requests_per_minute=1)
    llm = model(budget, timeout=MiMoTimeouts(total=0.05))
    llm.invoke("Hi")
    for reason in ("requests_per_minute", "pause"):
        caplog.clear()
        with pytest.raises(MiMoTimeoutError):
            llm.invoke("Hi")
        (line,) = [text for text in caplog.messages if "call budget" in text]
        assert line.startswith("waiting up to 6")
        assert line.endswith(f" s for the call budget ({reason})")
        budget.pause(65)


def test_a_server_of_ones_own_has_none_of_mimos_limits_and_prices():
    def own(budget):
        return model(budget, server="vllm", base_url="http://127.0.0.1:1/v1")

    budget = CallBudget()
    own(budget).invoke("Hi")
    (terms,) = budget._terms.values()
    assert (terms.requests, terms.tokens) == (None, None)
    assert budget.spent.amount == 0
    assert budget.ledger.cost().unknown == {"mimo-v2.6-flash (self-hosted)": 1}
    with pytest.raises(MiMoBudgetError, match=r"of 'mimo-v2\.6-flash \(self-hosted\)' in USD"):
        own(CallBudget(max_cost=1)).invoke("Hi")
    priced = CallBudget(max_cost=1, prices={"mimo-v2.6-flash": FLASH})
    own(priced).invoke("Hi")
    assert amounts(priced) == (round(COST, 9), 0.0)
    assert priced.ledger.cost().money.amount == pytest.approx(COST)


def test_the_class_is_no_budget_and_copies_are_the_same():
    with pytest.raises(
        MiMoConfigurationError, match=r"got the class CallBudget; pass CallBudget\("
    ):
        ChatMiMo(model="m", api_key="sk-x", budget=CallBudget)
    budget = CallBudget()
    assert copy.copy(budget) is copy.deepcopy(budget) is budget
