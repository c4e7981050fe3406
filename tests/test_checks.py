"""Checks of arguments, and warnings at the line of the program that caused them."""

import asyncio
import inspect
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import httpx2
import openai_wire
import pytest

from langchain_mimo import ChatMiMo, _checks
from langchain_mimo._checks import (
    alternatives,
    choice,
    integer,
    known_arguments,
    known_keywords,
    mask_keys,
    number,
    shown,
    warn_once,
)


@pytest.fixture(autouse=True)
def no_warnings_yet(monkeypatch):
    monkeypatch.setattr(_checks, "_warned", set())


@pytest.mark.parametrize("value", [2, 2.5, Fraction(5, 2), Decimal("2.5")])
def test_numbers_of_any_kind(value):
    checked = number("x", value, 0)
    assert checked == value
    assert type(checked) in (int, float)


@pytest.mark.parametrize(
    "value", [True, "2", b"2", None, math.nan, math.inf, -math.inf, 10**400, [2], object()]
)
def test_what_is_no_number(value):
    for limits, wanted in (((0,), " >= 0"), ((0, 3), " from 0 to 3"), ((-math.inf,), "")):
        with pytest.raises(ValueError, match=f"^x must be a number{wanted}, got "):
            number("x", value, *limits)


def test_choices_are_listed_as_a_sentence_lists_them():
    assert alternatives("a") == "'a'"
    assert alternatives("ab") == "'a' or 'b'"
    assert alternatives("abc") == "'a', 'b' or 'c'"
    with pytest.raises(ValueError, match=r"^x must be 'a', 'b' or 'c', got 1$"):
        choice("x", 1, "abc")


class Three:
    def __index__(self):
        return 3


def test_integers_in_a_range():
    assert [integer("x", value, 1, 3) for value in (1, Three())] == [1, 3]
    assert integer("x", -5, None) == -5
    for value in (0, 4, True, 1.0, "2", None):
        with pytest.raises(ValueError, match=r"^x must be an integer from 1 to 3, got "):
            integer("x", value, 1, 3)
    with pytest.raises(ValueError, match=r"^x must be an integer, got 1\.0$"):
        integer("x", 1.0, None)


@pytest.mark.parametrize("key", ["sk-canary-1", "tp-canary1", "ttp-canary_1"])
def test_keys_are_masked_wherever_they_are_passed(key):
    for text in (shown(key), shown({"a": [key]}), shown("x" * 79 + " " + key), mask_keys(key)):
        assert "canary" not in text
    assert shown("a mask-like word") == "'a mask-like word'"


def test_a_signature_stays_behind_the_check_of_names():
    class Settings:
        __match_args__ = ("first", "second")

        def __init__(self, first: int, second: int = 2) -> None:
            self.values = (first, second)

    plain = inspect.signature(Settings)
    checked = known_arguments(LookupError)(Settings)
    assert inspect.signature(checked) == plain
    assert checked(1).values == (1, 2)
    assert checked(1, second=3).values == (1, 3)
    with pytest.raises(
        LookupError, match="Settings has no argument 'secnd'; did you mean 'second'"
    ):
        checked(1, secnd=3)
    with pytest.raises(TypeError):
        checked()


def test_a_function_names_the_nearest_of_a_misspelt_argument():
    def cut(source, *, start: float = 0.0, end: float = 1.0) -> tuple[object, float, float]:
        return (source, start, end)

    plain = inspect.signature(cut)
    cut.__qualname__ = "cut"
    checked = known_keywords(LookupError, {"from_s": "it is start"}.get)(cut)
    assert inspect.signature(checked) == plain
    assert checked("a", end=2) == ("a", 0.0, 2)
    for name, hint in {
        "strat": "did you mean 'start'?",
        "from_s": "it is start",
        "x": "it takes start, end",
    }.items():
        with pytest.raises(LookupError) as caught:
            checked("a", **{name: 1})
        assert caught.value.args == (f"cut has no argument {name!r}; {hint}",)
    with pytest.raises(TypeError):
        checked()


def model():
    answer = httpx2.Response(200, json=openai_wire.response(content="Hello"))
    transport = httpx2.MockTransport(lambda _: answer)
    return ChatMiMo(
        "mimo-v2.6-flash",
        api_key="sk-x",
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
    )


async def gathered(llm):
    return await asyncio.gather(llm.ainvoke("x", seed=1))


WAYS = {
    "invoke": lambda llm: llm.invoke("x", seed=1),
    "stream": lambda llm: list(llm.stream("x", seed=1)),
    "bind": lambda llm: llm.bind(seed=1).invoke("x"),
    "chain": lambda llm: (llm.bind(seed=1) | str).invoke("x"),
    "ainvoke": lambda llm: asyncio.run(llm.ainvoke("x", seed=1)),
    "constructor": lambda _: ChatMiMo("mimo-v2.5-pro", api_key="sk-x"),
    "subclass": lambda _: type("Ours", (ChatMiMo,), {})("mimo-v2.5-pro", api_key="sk-x"),
    "direct": lambda _: warn_once("x"),
}


@pytest.mark.parametrize("way", WAYS)
def test_warnings_point_at_the_programs_own_line(way):
    llm = model()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WAYS[way](llm)
        WAYS[way](llm)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("ask", [lambda llm: llm.batch(["x", "y"], seed=1), None])
def test_warnings_in_threads_and_tasks_are_not_lost(ask):
    llm = model()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ask(llm) if ask else asyncio.run(gathered(llm))
    assert len(caught) == 1
    assert "'seed'" in str(caught[0].message)
