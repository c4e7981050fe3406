"""Which media of a thread leave a request, and what stands in their place."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from windowed_threads import AUDIO, IMAGE, NEWEST, VIDEO, contents, text, windowed

from langchain_mimo.errors import MiMoConfigurationError
from langchain_mimo.media import message_blocks
from langchain_mimo.middleware import MediaWindowMiddleware

UNDESCRIBED = " You said nothing about it before newer media arrived."


def call(name, call_id):
    return {"type": "tool_call", "name": name, "args": {}, "id": call_id}


def test_an_older_video_becomes_what_the_model_said_about_it():
    thread = [
        HumanMessage([text("What is it?"), VIDEO]),
        AIMessage("A red  car\n waits."),
        HumanMessage("Which colour?"),
        AIMessage("Red."),
        NEWEST,
    ]
    replaced = "[The video gate 1.mp4 is no longer attached. You said then: A red car waits.]"
    assert contents(thread) == [
        [text("What is it?"), text(replaced)],
        *(message.content for message in thread[1:]),
    ]


def test_the_only_media_stay():
    thread = [HumanMessage([VIDEO]), AIMessage("A car."), HumanMessage("And?")]
    assert windowed(thread) == thread


@pytest.mark.parametrize(("keep_last", "left"), [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_as_many_arrivals_stay_as_asked(keep_last, left):
    thread = []
    for number in range(3):
        thread += [HumanMessage([text(str(number)), VIDEO]), AIMessage(f"Car {number}.")]
    thread.pop()  # the last one is not answered yet
    seen = windowed(thread, keep_last=keep_last)
    assert [VIDEO in message.content for message in seen[::2]] == [False] * (3 - left) + [
        True
    ] * left


def test_without_a_window_media_stay_until_they_are_answered():
    asked = [HumanMessage([text("What is it?"), VIDEO])]
    looking = [
        AIMessage("I look closer.", tool_calls=[call("look", "1")]),
        ToolMessage("ok", tool_call_id="1"),
    ]
    assert windowed(asked, keep_last=0) == asked
    assert windowed(asked + looking, keep_last=0) == asked + looking
    answered = [*asked, *looking, AIMessage("A car."), HumanMessage("Sure?")]
    expected = "[The video gate 1.mp4 is no longer attached. You said then: A car.]"
    assert contents(answered, keep_last=0)[0] == [text("What is it?"), text(expected)]


def replaced_texts(messages, **options):
    return [
        block["text"]
        for content in contents(messages, **options)
        for block in content
        if isinstance(block, dict) and block.get("text", "").startswith("[The ")
    ]


def test_media_of_one_arrival_share_what_was_said():
    thread = [
        HumanMessage("Look at both gates."),
        AIMessage("", tool_calls=[call("look", "1"), call("look", "2")]),
        ToolMessage([VIDEO], tool_call_id="1"),
        ToolMessage([text("south"), IMAGE, AUDIO], tool_call_id="2"),
    ]
    assert windowed(thread) == thread
    seen = windowed([*thread, AIMessage("A car, and rain."), NEWEST])
    together = "You said then of the 3 media that arrived together: A car, and rain."
    shared = "is no longer attached. It is one of the 3 media described above.]"
    assert [message.content for message in seen[2:4]] == [
        [text(f"[The video gate 1.mp4 is no longer attached. {together}]")],
        [text("south"), text(f"[The image {shared}"), text(f"[The audio file {shared}")],
    ]
    assert [message.tool_call_id for message in seen[2:4]] == ["1", "2"]
    names_only = ["video gate 1.mp4", "image", "audio file"]
    assert replaced_texts([*thread, AIMessage("Rain."), NEWEST], replace="reference") == [
        f"[The {name} is no longer attached.]" for name in names_only
    ]
    assert replaced_texts([*thread, AIMessage(""), NEWEST]) == [
        f"[The {name} is no longer attached.{UNDESCRIBED}]" for name in names_only
    ]


@pytest.mark.parametrize("keep_last", [0, 1, 2, 3])
def test_what_was_said_of_newer_media_is_not_said_of_older_ones(keep_last):
    thread = [
        HumanMessage([text("Look."), {**IMAGE, "title": "user.png"}]),
        AIMessage("", tool_calls=[call("look", "1")]),
        ToolMessage([VIDEO], tool_call_id="1"),
        AIMessage("A car.", tool_calls=[call("look", "2")]),
        ToolMessage([AUDIO], tool_call_id="2"),
        AIMessage("Rain."),
        HumanMessage([IMAGE]),
        AIMessage("A tree."),
    ]
    assert (
        replaced_texts(thread, keep_last=keep_last)
        == [
            f"[The image user.png is no longer attached.{UNDESCRIBED}]",
            "[The video gate 1.mp4 is no longer attached. You said then: A car.]",
            "[The audio file is no longer attached. You said then: Rain.]",
            "[The image is no longer attached. You said then: A tree.]",
        ][: 4 - keep_last]
    )


def test_media_that_langchain_wrote_as_json():
    thread = [
        AIMessage("", tool_calls=[call("look", "1"), call("read", "2")]),
        ToolMessage(json.dumps([text("Here."), VIDEO]), tool_call_id="1"),
        ToolMessage(json.dumps([{"type": "video", "title": "A film"}]), tool_call_id="2"),
        AIMessage("A car."),
        NEWEST,
    ]
    seen = contents(thread)
    assert seen[1] == [
        text("Here."),
        text("[The video gate 1.mp4 is no longer attached. You said then: A car.]"),
    ]
    assert seen[2] == thread[2].content


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ([], ""),
        ([AIMessage("")], ""),
        ([AIMessage("", tool_calls=[call("look", "1")])], ""),
        ([AIMessage("I look.", tool_calls=[call("look", "1")])], "I look."),
        ([AIMessage("I look.", tool_calls=[call("look", "1")]), AIMessage("Rain.")], "Rain."),
        ([AIMessage([{"type": "reasoning", "reasoning": "Hm."}, text("Rain.")])], "Rain."),
        ([AIMessage("Rain."), HumanMessage("Sure?"), AIMessage("No.")], "Rain."),
    ],
)
def test_what_was_said(between, said):
    # A message of the model separates arrivals, so without one they are one arrival.
    separator = [] if between else [AIMessage(" ")]
    replaced = contents([HumanMessage([IMAGE]), *between, *separator, NEWEST])[0][0]["text"]
    about = f" You said then: {said}" if said else UNDESCRIBED
    assert replaced == f"[The image is no longer attached.{about}]"


def test_references_name_the_medium_only():
    thread = [HumanMessage([VIDEO]), AIMessage("A car."), NEWEST]
    assert contents(thread, replace="reference")[0] == [
        text("[The video gate 1.mp4 is no longer attached.]")
    ]


def test_long_descriptions_end_with_an_ellipsis():
    thread = [HumanMessage([IMAGE]), AIMessage("A car waits at the gate."), NEWEST]
    assert contents(thread, max_characters=6)[0][0]["text"].endswith("said then: A car…]")
    assert contents(thread, max_characters=24)[0][0]["text"].endswith("at the gate.]")


def test_system_messages_and_the_models_own_media_stay():
    thread = [SystemMessage([IMAGE]), AIMessage([IMAGE]), HumanMessage("?"), AIMessage("!"), NEWEST]
    assert windowed(thread) == thread


# ---------------------------------------------------------------------------- any thread

MEDIA = st.sampled_from([VIDEO, IMAGE, AUDIO])
WORDS = st.sampled_from(["", "A car.", "Rain, and a very long description of it."])


@st.composite
def threads(draw):
    """Threads in which every tool call has its result."""
    messages = []
    for number in range(draw(st.integers(1, 8))):
        blocks = draw(st.lists(MEDIA | st.just(text("look")), max_size=3))
        messages.append(HumanMessage(blocks))
        for step in range(draw(st.integers(0, 2))):
            ids = [f"{number}-{step}-{i}" for i in range(draw(st.integers(1, 2)))]
            messages.append(AIMessage(draw(WORDS), tool_calls=[call("look", i) for i in ids]))
            messages += [
                ToolMessage(draw(st.lists(MEDIA, max_size=2)), tool_call_id=i) for i in ids
            ]
        messages.append(AIMessage(draw(WORDS)))
    return messages


@given(threads(), st.integers(0, 3))
def test_what_is_replaced_stays_replaced_by_the_same_text(thread, keep_last):
    replaced = {}
    for end in range(1, len(thread) + 1):
        seen = windowed(thread[:end], keep_last=keep_last)
        for index, message in enumerate(seen):
            if message is not thread[index]:
                replaced.setdefault(index, message)
                assert message.content
            assert message == replaced.get(index, thread[index])
        last_answer = max((i for i in range(end) if isinstance(thread[i], AIMessage)), default=-1)
        # What the model has not seen yet is never taken away.
        assert seen[last_answer + 1 :] == thread[last_answer + 1 : end]


@given(threads(), st.integers(0, 3))
def test_descriptions_were_said_before_newer_media_arrived(thread, keep_last):
    numbered = [
        message.model_copy(update={"content": f"Answer {index}."})
        if isinstance(message, AIMessage) and message.content
        else message
        for index, message in enumerate(thread)
    ]
    seen = windowed(numbered, keep_last=keep_last)
    replaced = [index for index in range(len(thread)) if seen[index] is not numbered[index]]
    for index in replaced:
        for said in re.findall(r"You said then[^:]*: Answer (\d+)\.", str(seen[index].content)):
            between = thread[index + 1 : int(said)]
            answers = [i for i, each in enumerate(between) if isinstance(each, AIMessage)]
            newer = between[answers[0] :] if answers else []
            assert int(said) > index
            blocks = [block for message in newer for block in message_blocks(message)]
            assert all(block not in (VIDEO, IMAGE, AUDIO) for block in blocks)


# -------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_last": -1}, "keep_last must be an integer >= 0, got -1"),
        ({"keep_last": True}, "keep_last must be an integer >= 0, got True"),
        ({"keep_last": 1.5}, "keep_last must be an integer >= 0, got 1.5"),
        ({"replace": "text"}, "replace must be 'description' or 'reference', got 'text'"),
        ({"max_characters": 0}, "max_characters must be an integer >= 1, got 0"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(MiMoConfigurationError) as caught:
        MediaWindowMiddleware(**options)
    assert str(caught.value) == message


def test_a_missing_langchain_is_one_sentence():
    code = """
import sys
sys.modules["langchain"] = None
import langchain_mimo.middleware
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: langchain_mimo.middleware needs the package langchain (")
    assert '; install it with: pip install ".[langchain]"' in last


# ------------------------------------------------------------------- agents of any provider


class Recording(GenericFakeChatModel):
    """A model of another provider, which keeps what it was sent."""

    seen: list = []  # noqa: RUF012 - pydantic copies it

    def _generate(self, messages, *args, **kwargs):
        self.seen.append(messages)
        return super()._generate(messages, *args, **kwargs)

    def bind_tools(self, tools, **kwargs):
        return self


@tool
def look() -> list:
    """Look through the camera."""
    return [VIDEO]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_an_agent_of_another_provider(way):
    steps = [AIMessage("", tool_calls=[call("look", str(i))]) for i in range(3)]
    model = Recording(messages=iter([*steps, AIMessage("Cars.")]))
    agent = create_agent(model, [look], middleware=[MediaWindowMiddleware()])
    given = {"messages": [HumanMessage([text("Watch."), IMAGE])]}
    if way == "invoke":
        messages = agent.invoke(given)["messages"]
    elif way == "ainvoke":
        messages = (await agent.ainvoke(given))["messages"]
    elif way == "stream":
        messages = list(agent.stream(given, stream_mode="values"))[-1]["messages"]
    else:
        steps = [step async for step in agent.astream(given, stream_mode="values")]
        messages = steps[-1]["messages"]
    with_media = [
        sum(VIDEO in message_blocks(m) or IMAGE in message_blocks(m) for m in seen)
        for seen in model.seen
    ]
    assert with_media == [1, 1, 1, 1]
    kept = [m for m in messages if VIDEO in message_blocks(m) or IMAGE in message_blocks(m)]
    assert len(kept) == 4  # the state has all of them
