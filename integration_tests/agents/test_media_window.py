"""`MediaWindowMiddleware` up to the bytes that the emulator receives, in both API formats."""

import pytest
from conversations import AUDIO_AND_VIDEO, accepted_bodies
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.media import message_blocks, video_block
from langchain_mimo.middleware import MediaWindowMiddleware

SIZE = 500_000
ROUNDS = 10


@pytest.fixture
def emulator():
    with MiMoEmulator(strict_tool_turns=True, **AUDIO_AND_VIDEO) as running:
        yield running


@pytest.fixture
def videos(media, tmp_path):
    """Ten different videos of `SIZE` bytes: behind each one's end is a box that is free."""
    whole = media.video.read_bytes()
    room = SIZE - len(whole)
    for number in range(ROUNDS):
        padding = room.to_bytes(4, "big") + b"free" + bytes([number]) * (room - 8)
        (tmp_path / f"gate{number}.mp4").write_bytes(whole + padding)
    return tmp_path


@pytest.fixture
def talk(model, emulator, videos):
    """A function that leads ten rounds with an agent; returns the state."""

    def run(middleware, *, videos_in):
        llm = model(emulator, allowed_media_dirs=[videos], dialect=AUDIO_AND_VIDEO)
        agent = create_agent(llm, middleware=middleware, checkpointer=InMemorySaver())
        config = {"configurable": {"thread_id": "1"}}
        for number in range(ROUNDS):
            content = [{"type": "text", "text": f"Round {number}?"}]
            if number in videos_in:
                content.append(video_block(videos / f"gate{number}.mp4"))
            emulator.reply(f"The sun crosses the sky in round {number}.")
            state = agent.invoke({"messages": [HumanMessage(content)]}, config)
        return state["messages"]

    return run


def sent_media(emulator):
    return [len(request.media) for request in emulator.requests]


def sent_bytes(emulator):
    return sum(request.raw_length for request in emulator.requests)


def videos_of(messages):
    return [
        block["url"].rpartition("/")[2]
        for message in messages
        for block in message_blocks(message)
        if isinstance(block, dict) and block["type"] == "video"
    ]


def test_ten_videos_are_sent_once_each(talk, emulator):
    messages = talk([], videos_in=range(ROUNDS))
    assert sent_media(emulator) == list(range(1, ROUNDS + 1))
    everything = sent_bytes(emulator)
    emulator.reset()
    windowed = talk([MediaWindowMiddleware()], videos_in=range(ROUNDS))
    assert sent_media(emulator) == [1] * ROUNDS
    one = SIZE * 4 / 3
    assert everything == pytest.approx(55 * one, rel=0.01)
    assert sent_bytes(emulator) == pytest.approx(10 * one, rel=0.01)
    names = [f"gate{number}.mp4" for number in range(ROUNDS)]
    assert videos_of(messages) == videos_of(windowed) == names


def test_one_video_is_sent_until_it_is_answered(talk, emulator):
    messages = talk([MediaWindowMiddleware(keep_last=0)], videos_in=[0])
    assert sent_media(emulator) == [1] + [0] * (ROUNDS - 1)
    assert videos_of(messages) == ["gate0.mp4"]


def test_the_beginning_of_a_thread_stays_the_same(talk, emulator):
    talk([MediaWindowMiddleware()], videos_in=range(ROUNDS))
    histories = [body["messages"] for body in accepted_bodies(emulator)]
    for number in range(2, ROUNDS):
        # All but the round that has just left the window, and those behind it.
        same = 2 * (number - 1)
        assert histories[number][:same] == histories[number - 1][:same]
        replaced = histories[number][same]["content"]
        assert [part["text"] for part in replaced] == [
            f"Round {number - 1}?",
            (
                f"[The video gate{number - 1}.mp4 is no longer attached. You said then: "
                f"The sun crosses the sky in round {number - 1}.]"
            ),
        ]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
@pytest.mark.parametrize("tool_media", ["user", "inline"])
async def test_videos_of_tools(model, emulator, videos, way, tool_media):
    @tool
    def fetch_video(number: int) -> list:
        """Fetch a video."""
        return [
            {"type": "text", "text": f"Gate {number}."},
            video_block(videos / f"gate{number}.mp4"),
        ]

    llm = model(
        emulator, allowed_media_dirs=[videos], dialect=AUDIO_AND_VIDEO, tool_media=tool_media
    )
    agent = create_agent(llm, [fetch_video], middleware=[MediaWindowMiddleware()])
    for step in range(3):
        calls = [
            {"name": "fetch_video", "args": {"number": number}, "id": f"call_{number}"}
            for number in (2 * step, 2 * step + 1)
        ]
        emulator.reply("", reasoning="Next.", tool_calls=calls)
    emulator.reply("The sun, six times.")
    given = {"messages": [HumanMessage("Watch all gates.")]}
    if way == "ainvoke":
        messages = (await agent.ainvoke(given))["messages"]
    else:
        states = [state async for state in agent.astream(given, stream_mode="values")]
        messages = states[-1]["messages"]
    accepted_bodies(emulator)
    assert sent_media(emulator) == [0, 2, 2, 2]
    assert videos_of(messages) == [f"gate{number}.mp4" for number in range(6)]
    assert messages[-1].text == "The sun, six times."
