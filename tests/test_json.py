"""JSON is read only where it is certain; repaired text can always be encoded as UTF-8."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo import _json
from langchain_mimo._json import (
    SurrogateJoiner,
    clean_json,
    dump_json,
    join_surrogates,
    strict_json,
)

any_text = st.text(st.characters())  # surrogates included


def test_adjacent_surrogates_are_joined():
    assert join_surrogates("a\ud83d\ude00b") == "a😀b"


def test_lone_surrogates_are_replaced():
    assert join_surrogates("a\ud83d") == "a\ufffd"
    assert join_surrogates("\ude00a") == "\ufffda"


@given(any_text)
def test_joined_text_can_be_encoded(text):
    join_surrogates(text).encode()


@given(st.text(st.characters(codec="utf-8")))
def test_text_without_surrogates_is_unchanged(text):
    assert join_surrogates(text) == text


@given(st.lists(any_text))
def test_pieces_are_joined_as_the_whole_text_is(pieces):
    joiner = SurrogateJoiner()
    joined = "".join(joiner.feed(piece) for piece in pieces) + joiner.flush()
    assert joined == join_surrogates("".join(pieces))


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', '{"a": 1, "a": 1}', '[{"b": {"c": 0, "a": 1, "\\u0061": 2}}]']
)
def test_a_key_that_occurs_twice_is_refused(text):
    with pytest.raises(ValueError, match=r"the key 'a' occurs more than once"):
        strict_json(text)


def test_the_same_key_in_two_objects_is_read():
    assert strict_json('[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text.map(join_surrogates), inner),
    max_leaves=10,
)


@given(json_values, st.booleans())
def test_clean_json_has_no_lone_surrogates_and_is_otherwise_equal(value, escaped):
    text = json.dumps(value, ensure_ascii=escaped)
    assert clean_json(text) == json.loads(join_surrogates(json.dumps(value, ensure_ascii=False)))


def test_keys_that_become_the_same_are_refused():
    with pytest.raises(ValueError, match="more than once"):
        clean_json(r'{"\ud83d": 1, "\udbff": 2}')


any_key = st.one_of(any_text, st.integers(), st.floats(), st.booleans(), st.none())
any_json = st.recursive(
    st.one_of(any_key, st.just(10**400)),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.dictionaries(any_key, inner, max_size=4)
    ),
)


@given(any_json)
def test_json_is_written_as_by_the_standard_library(value):
    assert dump_json(value) == json.dumps(value, ensure_ascii=False)


@given(any_json)
def test_json_is_written_the_same_without_the_encoder_in_c(value):
    written = dump_json(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_write", None)
        assert dump_json(value) == written


@pytest.mark.parametrize("wrong", [{1, 2}, b"x", object(), {"a": [{1}]}, {("a",): 1}])
def test_what_json_lacks_is_refused_each_time(wrong):
    for _ in range(2):  # a failure leaves nothing behind
        with pytest.raises(TypeError):
            dump_json(wrong)
    assert dump_json({"a": [1]}) == '{"a": [1]}'


def test_a_value_that_contains_itself_is_refused():
    value = {}
    value["a"] = [value]
    with pytest.raises(ValueError, match="Circular"):
        dump_json(value)
