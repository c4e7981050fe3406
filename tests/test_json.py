"""Repaired text can always be encoded as UTF-8."""

from hypothesis import given
from hypothesis import strategies as st

from langchain_mimo._json import SurrogateJoiner, join_surrogates

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
