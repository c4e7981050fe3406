"""Media that an MCP server's tools return, up to the bytes that the emulator received."""

import base64
import warnings

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_mimo.chat_models import ChatMiMo


async def message(tool, kind):
    """The tool message that a call gives, as an agent's is."""
    call = {"type": "tool_call", "id": "call_1", "name": tool.name, "args": {"kind": kind}}
    result = await tool.ainvoke(call)
    assert isinstance(result, ToolMessage)
    assert (result.tool_call_id, result.name) == ("call_1", tool.name)
    return result


def types(result):
    return [(block["type"], block.get("mime_type"), "base64" in block) for block in result.content]


def decoded(block):
    return base64.b64decode(block["base64"], validate=True)


async def test_both_adapters_refuse_audio_without_this_package(connect):
    async with connect(media=False) as tools:
        with pytest.raises(NotImplementedError, match=r"(?i)audio"):
            await message(tools["fetch"], "audio")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("audio", "audio.wav", ("file", "audio/wav")),
        ("url-safe", "audio.wav", ("file", "audio/wav")),
        ("video", "video.mp4", ("file", "video/mp4")),
        ("image", "image.png", ("image", "image/png")),
    ],
)
async def test_one_medium(connect, folder, kind, name, expected):
    async with connect() as tools:
        result = await message(tools["fetch"], kind)
    (block,) = result.content
    assert (block["type"], block["mime_type"]) == expected
    assert decoded(block) == (folder / name).read_bytes()


async def test_text_and_media_keep_their_order(connect):
    async with connect() as tools:
        result = await message(tools["fetch"], "mixed")
    assert types(result) == [
        ("text", None, False),
        ("image", "image/png", True),
        ("text", None, False),
        ("file", "audio/wav", True),
        ("file", "text/plain", True),
        ("file", "video/mp4", True),
    ]
    assert [block["text"] for block in result.content if "text" in block] == [
        "First the image.",
        "Then the audio.",
    ]


async def test_what_needs_no_change_is_what_the_adapter_makes_of_it(connect):
    async with connect() as tools, connect(media=False) as plain:
        for kind in ("image", "video"):
            ours, its_own = [
                (await message(each["fetch"], kind)).content[0] for each in (tools, plain)
            ]
            assert ours | {"id": 0} == its_own | {"id": 0}


async def test_bytes_tell_what_a_file_is(connect, folder):
    async with connect() as tools:
        result = await message(tools["fetch"], "mislabelled")
    assert types(result) == [
        ("file", "video/mp4", True),
        ("file", "audio/wav", True),
        ("image", "image/png", True),
    ]
    names = ("video.mp4", "audio.wav", "image.png")
    assert [decoded(block) for block in result.content] == [
        (folder / name).read_bytes() for name in names
    ]


async def test_text_that_begins_like_media_stays(connect):
    async with connect() as tools:
        result = await message(tools["fetch"], "text like audio")
    (block,) = result.content
    assert decoded(block) == b"ID3 tags, explained"


async def test_damaged_media_become_sentences_and_one_warning_for_a_tool(connect):
    async with connect() as tools:
        with pytest.warns(UserWarning, match="MCP tool 'fetch' returned an audio file") as caught:
            result = await message(tools["fetch"], "damaged")
    assert len([each for each in caught if "MCP tool" in str(each.message)]) == 1
    assert {block["type"] for block in result.content} == {"text"}
    texts = [block["text"] for block in result.content]
    assert texts[0] == "Listen:"
    assert texts[1].startswith(
        "[The tool returned an audio file, which is left out: its base64 is damaged ("
    )
    assert texts[2].startswith("[The tool returned an audio file (0 bytes), which is left out: ")
    assert "an audio file (15 bytes)" in texts[3]
    assert "a video (300 bytes)" in texts[4]
    assert "an image (15 bytes)" in texts[5]
    assert "Matroska" in texts[6]
    assert not any(";" in text or "langchain" in text for text in texts)


# Over stdio, mcp's own reader needs minutes for it: it copies what it has with every piece.
@pytest.mark.parametrize("connect", ["in-process"], indirect=True)
async def test_more_than_mimo_takes_becomes_a_sentence(connect):
    async with connect() as tools:
        with pytest.warns(UserWarning, match="shrink it with langchain_mimo.prepare"):
            result = await message(tools["fetch"], "oversized")
    (block,) = result.content
    assert block["text"] == (
        "[The tool returned a video (50,000,001 bytes), which is left out: its base64 has "
        "66,666,668 characters, but MiMo accepts at most 52,428,800 (a file of 39,321,600 bytes)]"
    )


async def test_links(connect, folder):
    async with connect() as tools:
        result = await message(tools["fetch"], "links")
    linked = [(block["type"], block.get("url"), block.get("mime_type")) for block in result.content]
    assert linked[:4] == [
        ("file", "https://example.com/a.mp4", "video/mp4"),
        ("file", "https://example.com/b.MP3?token=1", "audio/mpeg"),
        ("image", "https://example.com/c.png", "image/png"),
        ("file", (folder / "video.mp4").as_uri(), "video/mp4"),
    ]
    assert [block["text"] for block in result.content[4:7]] == [
        "[Link: A page, link, https://example.com/page.html, text/html]",
        "[Link: link, Live, camera://gate/live.mp4, video/mp4]",
        "[Link: link, file://server/share/a.mp4, video/mp4]",
    ]
    assert decoded(result.content[7]) == (folder / "audio.wav").read_bytes()
    assert result.content[8]["text"] == f"[Link: link, data:,{'x' * 1_994}…, audio/wav]"


async def test_links_with_files_are_files(connect, emulator, folder):
    async with connect() as tools:
        result = await message(tools["fetch"], "links with files")
    call = {"type": "tool_call", "id": "call_1", "name": "fetch", "args": {}}
    await model(emulator, folder).ainvoke(
        [HumanMessage("?"), AIMessage("", tool_calls=[call]), result]
    )
    assert received(emulator) == [
        ("audio", (folder / "audio.wav").read_bytes()),
        ("image", (folder / "image.png").read_bytes()),
    ]
    assert "Some notes." in str(emulator.requests[-1].body["messages"])


async def test_links_to_formats_that_mimo_does_not_read_become_sentences(connect):
    async with connect() as tools:
        with pytest.warns(
            UserWarning, match="MCP tool 'fetch' returned a link to a video"
        ) as caught:
            result = await message(tools["fetch"], "unread links")
    (warned,) = [str(each.message) for each in caught if "MCP tool" in str(each.message)]
    assert "token" not in warned
    left_out = "which is left out: MiMo does not read"
    assert [block.get("text") for block in result.content] == [
        (
            f"[The tool returned a link to a video, {left_out} Matroska] "
            "[Link: Gate, link, https://example.com/a.mkv?token=1, video/x-matroska]"
        ),
        (
            f"[The tool returned a link to an audio file, {left_out} raw AAC (ADTS)] "
            "[Link: link, https://example.com/b, audio/aac]"
        ),
        (
            f"[The tool returned a link to an image, {left_out} HEIC] "
            "[Link: link, https://example.com/c.HEIC#top, image/heic]"
        ),
        (
            f"[The tool returned a link to a video, {left_out} WebM] "
            "[Link: link, https://example.com/d.webm, video/webm]"
        ),
        (
            f"[The tool returned a link to an image, {left_out} SVG] "
            "[Link: link, https://example.com/e, image/svg+xml]"
        ),
    ]


async def test_stated_types_go_before_suffixes_and_bytes_before_both(connect, folder):
    async with connect() as tools:
        result = await message(tools["fetch"], "doubtful links")
    linked = [(block["type"], block.get("url"), block.get("mime_type")) for block in result.content]
    assert linked[:3] == [
        ("file", "https://example.com/a.mkv", "video/mp4"),
        ("file", "https://example.com/b", "video/x-unheard-of"),
        ("file", (folder / "screen.mkv").as_uri(), "video/x-matroska"),
    ]
    assert [block["text"].rstrip("/]") for block in result.content[3:]] == [
        "[Link: link, https://example.com/d.ts",
        "[Link: link, https://example.mov",  # mcp 1 adds a slash
    ]


async def test_structured_content_stays(connect):
    async with connect() as tools:
        result = await message(tools["measure"], "audio")
    assert result.artifact == {"structured_content": {"loudness": -11.5}}
    assert types(result) == [("file", "audio/wav", True)]


async def test_an_error_stays_an_error(connect):
    async with connect() as tools:
        result = await message(tools["failing"], "error")
    assert result.status == "error"
    assert result.content[0]["text"] == "The microphone is muted."
    assert types(result)[1] == ("file", "audio/wav", True)


# ------------------------------------------------------------------------------- up to the model

SENT = {
    "audio": ["audio"],
    "video": ["video"],
    "image": ["image"],
    "mixed": ["image", "audio", "video"],
    "mislabelled": ["video", "audio", "image"],
    "damaged": [],
    "unread links": [],
}
FILES = {"image": "image.png", "video": "video.mp4", "audio": "audio.wav"}


def model(emulator, folder, **options):
    return ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=emulator.base_url,
        api_key=emulator.api_key,
        allowed_media_dirs=[folder],
        **options,
    )


def received(emulator):
    """The kinds and bytes of the last request's media; all requests were accepted."""
    assert [request.status for request in emulator.requests] == [200] * len(emulator.requests)
    return [(medium.kind, medium.data) for medium in emulator.requests[-1].media]


@pytest.mark.parametrize(
    ("kind", "tool_media"), [*((kind, "user") for kind in SENT), ("mixed", "inline")]
)
async def test_an_agent_sees_them(connect, emulator, folder, kind, tool_media):
    async with connect() as tools:
        llm = model(emulator, folder, tool_media=tool_media)
        agent = create_agent(llm, list(tools.values()))
        call = {"name": "fetch", "args": {"kind": kind}, "id": "call_1"}
        emulator.reply("", reasoning="Fetch it.", tool_calls=[call])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = await agent.ainvoke({"messages": [HumanMessage("What is there?")]})
    assert received(emulator) == [
        (name, (folder / FILES[name]).read_bytes()) for name in SENT[kind]
    ]
    assert len(emulator.requests) == 2
    assert isinstance(state["messages"][2].content, list)  # not JSON text
    assert state["messages"][-1].text


async def test_a_local_link_is_opened_only_where_the_model_may(connect, emulator, folder):
    async with connect() as tools:
        result = await message(tools["fetch"], "links")
        result.content = [result.content[3]]
        call = {"name": "fetch", "args": {"kind": "links"}, "id": "call_1"}
        emulator.reply("", reasoning="Fetch.", tool_calls=[call])
        llm = model(emulator, folder)
        asked = await llm.bind_tools([tools["fetch"]]).ainvoke("Fetch the links.")
        history = [HumanMessage("Fetch the links."), asked, result]
        await llm.ainvoke(history)
        assert received(emulator) == [("video", (folder / "video.mp4").read_bytes())]
        before = len(emulator.requests)
        closed = llm.model_copy(update={"allowed_media_dirs": []})
        with pytest.raises(ValueError, match="allowed_media_dirs"):
            await closed.ainvoke(history)
        assert len(emulator.requests) == before
        await closed.model_copy(update={"repair_history": True}).ainvoke(history)
        assert received(emulator) == []
        assert "'video.mp4' cannot be opened" in str(emulator.requests[-1].body["messages"])
