"""The ledger that a callback fills; every test also holds it against the emulator's bill."""

import copy
import dataclasses
import pickle

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel

from langchain_mimo import (
    ChatMiMo,
    MiMoInputError,
    MiMoInvalidResponseError,
    MiMoServerError,
    audio_block,
    image_block,
    video_block,
)
from langchain_mimo.cost import CallBudget, Ledger, LedgerCallback, LedgerCounts, price_of

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


@pytest.fixture
def callback():
    return LedgerCallback()


@pytest.fixture
def make(emulator, api_format):
    """A function that makes a model of this emulator."""

    def make(**fields):
        fields = {"model": "mimo-v2.6-flash", "max_retries": 0} | fields
        return ChatMiMo(
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            api_format=api_format,
            **fields,
        )

    return make


def billed(emulator):
    """The tokens that the emulator billed, over all requests."""
    usages = [request.usage for request in emulator.requests if request.usage]
    return sum(usage["total_tokens"] for usage in usages)


async def test_every_way_of_calling_counts_once(make, emulator, callback):
    llm, config = make(), {"callbacks": [callback]}
    llm.invoke("one", config)
    list(llm.stream("two", config))
    llm.batch(["three", "four"], config)
    assert llm.stream_events("five", config, version="v3").output.text
    await llm.ainvoke("six", config)
    async for _ in llm.astream("seven", config):
        pass
    await llm.abatch(["eight", "nine"], config)
    stream = await llm.astream_events("ten", config, version="v3")
    assert await stream.output
    async for _ in llm.astream_events("eleven", config, version="v2"):
        pass
    assert callback.ledger.total.responses == len(emulator.requests) == 11
    assert callback.ledger.total.total == billed(emulator) > 0


def test_each_kind_of_token_is_the_bill(make, media, emulator, callback, api_format):
    if api_format == "anthropic":
        blocks = [image_block(media.image)]
    else:
        blocks = [image_block(media.image), video_block(media.video), audio_block(media.audio)]
    message = HumanMessage([*blocks, {"type": "text", "text": "What is this? " * 100}])
    llm = make(callbacks=[callback], allowed_media_dirs=[media.folder], thinking=True)
    for _ in range(2):
        llm.invoke([message])
    counts = callback.ledger.total
    assert counts.cached > 0
    if api_format == "openai":
        assert min(counts.image, counts.video, counts.audio, counts.reasoning, counts.text) > 0
    cost = callback.ledger.cost()
    assert cost.is_complete
    expected = [
        price_of(
            {
                "input_tokens": request.usage["prompt_tokens"],
                "output_tokens": request.usage["completion_tokens"],
                "input_token_details": {
                    "cache_read": request.usage["prompt_tokens_details"]["cached_tokens"]
                },
            },
            "mimo-v2.6-flash",
        )
        for request in emulator.requests
    ]
    assert cost.money.amount == pytest.approx(sum(expected))


def test_searches_are_counted(make, callback, api_format):
    if api_format == "anthropic":
        pytest.skip("the Anthropic format has no web search")
    search = {"type": "web_search", "max_keyword": 2, "limit": 1, "force_search": True}
    make(callbacks=[callback]).bind_tools([search]).invoke("What is the latest news of Ulm?")
    assert callback.ledger.total.web_searches == 2


def weather(city: str) -> str:
    """Return the weather."""
    return f"It rains in {city}."


async def test_agents_are_counted_to_the_last_call(make, emulator, callback):
    agent = create_agent(make(), [weather])
    state = {"messages": [HumanMessage("What is the weather in Ulm?")]}
    config = {"callbacks": [callback], "tags": ["agent"]}
    agent.invoke(state, config)
    list(agent.stream(state, config))
    await agent.ainvoke(state, config)
    assert callback.ledger.total.responses == len(emulator.requests) > 3
    assert set(callback.ledger.by("tag")) == {"agent"}


def test_tags_of_runs_and_metadata_are_the_programs_own(make, callback):
    callback = LedgerCallback(callback.ledger, tags=["job-7"], metadata=["chapter"])
    chain = RunnableLambda(lambda text: text) | RunnableParallel(
        a=make().with_config(tags=["one", "branch:main"]), b=make().with_retry()
    )
    chain.invoke("x", {"callbacks": [callback], "metadata": {"chapter": 3}})
    rows = {row.tags: row.counts.responses for row in callback.ledger.rows}
    assert rows == {
        ("branch:main", "chapter=3", "job-7", "one"): 1,
        ("chapter=3", "job-7"): 1,
    }


def test_one_ledger_counts_once_however_often_it_is_attached(make, callback, emulator):
    twin = LedgerCallback(callback.ledger)
    llm = make(callbacks=[callback])
    chain = RunnableLambda(lambda text: text) | llm.with_config(callbacks=[callback])
    chain.invoke("x", {"callbacks": [callback, twin, callback]})
    copy.deepcopy(llm).invoke("y", {"callbacks": [twin]})
    assert callback.ledger.total.responses == len(emulator.requests) == 2


def test_answers_of_the_cache_cost_nothing(make, callback, emulator):
    llm = make(cache=InMemoryCache(), callbacks=[callback])
    for _ in range(3):
        llm.invoke("Name a colour.")
    llm.batch(["Name a colour.", "Name a colour."])
    assert callback.ledger.total.responses == len(emulator.requests) == 1


def test_all_requests_of_a_forced_call_are_counted(make, callback, emulator):
    emulator.reply("It rains.")
    emulator.reply("It still rains.")
    make(callbacks=[callback]).bind_tools([weather], tool_choice="any").invoke("The weather?")
    assert len(emulator.requests) == 2
    assert callback.ledger.total.total == billed(emulator)


@pytest.mark.parametrize("method", ["invoke", "stream"])
def test_what_failed_after_it_was_paid_for_is_counted(make, callback, emulator, method):
    emulator.reply("It rains.")
    emulator.reply(status=500, body="")
    llm = make(callbacks=[callback]).bind_tools([weather], tool_choice="any")
    with pytest.raises(MiMoServerError) as caught:
        list(llm.stream("The weather?")) if method == "stream" else llm.invoke("The weather?")
    assert caught.value.usage_metadata["total_tokens"] == billed(emulator) > 0
    assert callback.ledger.total.total == billed(emulator)
    assert callback.ledger.total.responses == 1


def test_a_response_that_is_refused_was_paid_for(make, callback, emulator):
    emulator.fault("xml_tool_call", times=2)
    llm = make(callbacks=[callback]).bind_tools([weather])
    with pytest.raises(MiMoInvalidResponseError):
        llm.invoke("What is the weather in Ulm?")
    with pytest.raises(MiMoInvalidResponseError):
        list(llm.stream("What is the weather in Ulm?"))
    assert callback.ledger.total.total == billed(emulator) > 0


def test_what_the_server_refused_costs_nothing(make, callback, emulator, bill):
    emulator.reply(status=500, body="")
    with pytest.raises(MiMoServerError):
        make(callbacks=[callback]).invoke("x")
    with pytest.raises(MiMoInputError):
        make(callbacks=[callback]).invoke([])
    assert callback.ledger.rows == bill.ledger.rows == ()


def test_models_of_other_providers_count_with_an_unknown_price(callback, bill):
    message = AIMessage(
        "Hi.",
        usage_metadata={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
        response_metadata={"model_name": "gpt-9"},
    )
    model = FakeMessagesListChatModel(responses=[message, AIMessage("Hi.")])
    for _ in range(2):
        model.invoke("x", {"callbacks": [callback]})
    assert callback.ledger.by("model")["gpt-9"].total == LedgerCounts(1, 0, 5, output=2)
    assert callback.ledger.total.without_usage == 1
    cost = callback.ledger.cost()
    assert cost.unknown["gpt-9"] == 1
    assert sum(cost.unknown.values()) == 2
    assert cost.money.amount == 0
    bill.ledger = Ledger()


def test_a_server_of_ones_own_has_no_price(make, callback, emulator, bill, api_format):
    if api_format == "anthropic":
        pytest.skip("self-hosted servers have one format")
    make(callbacks=[callback], server="vllm").invoke("x")
    (row,) = callback.ledger.rows
    assert row.model == "mimo-v2.6-flash (self-hosted)"
    assert row.counts.total == billed(emulator) > 0
    assert callback.ledger.cost().unknown == {row.model: 1}
    bill.ledger = Ledger()
    emulator.requests.clear()


def test_what_a_program_did_not_read_to_its_end_is_said(make, callback, emulator, bill):
    stream = make(callbacks=[callback]).stream("Tell me a story.")
    next(stream)
    stream.close()
    assert callback.ledger.total == LedgerCounts(responses=1, without_usage=1)
    assert not callback.ledger.cost().is_complete
    assert "Responses whose tokens are unknown: 1." in str(callback.ledger)
    bill.ledger = Ledger()
    emulator.requests.clear()


def test_a_callback_and_a_budget_count_the_same_once_each(make, callback, emulator):
    budget = CallBudget()
    llm = make(callbacks=[callback], budget=budget)
    emulator.reply("It rains.")
    llm.bind_tools([weather], tool_choice="any").invoke("The weather?")
    list(llm.stream("Name a sea."))
    assert budget.ledger.total.responses == len(emulator.requests) == 3
    assert callback.ledger.total.responses == 2
    without = {"responses": 0}
    assert dataclasses.replace(budget.ledger.total, **without) == dataclasses.replace(
        callback.ledger.total, **without
    )
    assert budget.ledger.total.total == billed(emulator)


def test_a_call_of_another_model_is_counted_under_its_name(make, callback):
    llm = make(callbacks=[callback])
    llm.bind(model="mimo-v2.6-pro").invoke("x")
    llm.invoke("y")
    assert set(callback.ledger.by("model")) == {"mimo-v2.6-pro", "mimo-v2.6-flash"}


def test_a_pickled_callback_counts_on_its_own(make, callback):
    make(callbacks=[callback]).invoke("x")
    twin = pickle.loads(pickle.dumps(LedgerCallback(callback.ledger, tags=["twin"])))
    assert twin.ledger == callback.ledger
    make(callbacks=[twin]).invoke("y")
    assert callback.ledger.total.responses == 1
    assert twin.ledger.by("tag")["twin"].total.responses == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"ledger": {}}, r"ledger must be a Ledger, got \{\}"),
        ({"tags": "job"}, "tags must be a list of strings, got 'job'"),
        ({"metadata": "chapter"}, "metadata must be a list of strings, got 'chapter'"),
    ],
)
def test_bad_arguments_are_refused(arguments, complaint):
    with pytest.raises(MiMoInputError, match=complaint):
        LedgerCallback(**arguments)
