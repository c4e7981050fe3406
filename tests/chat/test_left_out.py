"""`repair_history=True`: a note takes the place of what cannot be sent, in the request alone."""

from __future__ import annotations

import asyncio
import base64
import copy
import functools
import io
import zipfile

import httpx2
import pytest
from block_samples import PDF, PNG, WAV
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from media_files import make_image
from scripted_api import ScriptedAPI

from langchain_mimo._media.opening import open_media
from langchain_mimo._transport import request_body
from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.errors import MediaError, MiMoInputError, UnsupportedModalityError
from langchain_mimo.media import image_block

SERVERS = ["mimo", "mimo, Anthropic format"]


def b64(data):
    return base64.b64encode(data).decode()


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return out.getvalue()


HEIC = b64(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
WEBM = b64(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(40))
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

LATER = [AIMessage("Hm."), HumanMessage("Never mind. Hello.")]
"""What follows an old message: only the newest user message is what is asked now."""

UNUSABLE = {
    "PDF by URL": (
        {"type": "file", "url": "https://e.com/a.pdf", "mime_type": "application/pdf"},
        "[file left out: MiMo does not read PDFs or other documents]",
    ),
    "PDF": (
        {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
        "[file left out: it is PDF (document), which MiMo does not read]",
    ),
    "text by URL": (
        {"type": "file", "url": "https://e.com/a.txt", "mime_type": "text/plain"},
        "[file left out: a text file must contain its text ('text' or 'base64')]",
    ),
    "file without MIME type by URL": (
        {"type": "file", "url": "https://e.com/a"},
        (
            "[file left out: a file block must contain an image, a video, audio or text, but it has no "
            "MIME type]"
        ),
    ),
    "HEIC": (
        {"type": "image", "base64": HEIC, "mime_type": "image/heic"},
        "[image left out: it is HEIC (image), and MiMo accepts only ",
    ),
    "HEIC without MIME type": ({"type": "image", "base64": HEIC}, "[image left out: it is HEIC"),
    "HEIC as a file": (
        {"type": "file", "base64": HEIC, "mime_type": "application/octet-stream"},
        "[file left out: it is HEIC (image), and MiMo accepts only ",
    ),
    "DOCX": (
        {"type": "file", "base64": b64(zipped()), "mime_type": DOCX},
        "[file left out: it is ZIP (archive), which MiMo does not read]",
    ),
    "WebM": (
        {"type": "video", "base64": WEBM, "mime_type": "video/webm"},
        "[video left out: it is WebM (video or audio), and MiMo accepts only ",
    ),
    "cut image": (
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        "[image left out: it is ",
    ),
    "bad base64": (
        {"type": "image", "base64": "ab!!", "mime_type": "image/png"},
        "[image left out: its base64 ",
    ),
    "file that is not allowed": (
        {"type": "image", "url": "file:///etc/secret/passwd.png"},
        "[image left out: the file 'passwd.png' cannot be opened because no folder is allowed]",
    ),
    "path": (
        {"type": "image_url", "image_url": {"url": "/srv/private/cat.png"}},
        "[image left out: 'cat.png' is not a location that MiMo can read]",
    ),
    "too many frames per second": (
        {"type": "video", "url": "https://e.com/a.mp4", "fps": 30},
        "[video left out: fps must be ",
    ),
    "unknown type": (
        {"type": "hologram", "data": "x"},
        "[hologram left out: a block of type 'hologram' cannot be sent]",
    ),
    "deep JSON": (
        {"type": "json", "json": functools.reduce(lambda v, _: [v], range(400), 1)},
        "[json left out: a json block is nested more than 100 levels deep]",
    ),
}


def call(id_="c1"):
    return AIMessage("", tool_calls=[{"name": "read", "args": {}, "id": id_}])


def in_user(block):
    return [HumanMessage([{"type": "text", "text": "Look."}, block]), AIMessage("Yes.")]


def in_result(block):
    return [HumanMessage("Read it."), call(), ToolMessage([block], tool_call_id="c1")]


def in_result_block(block):
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [block]}
    return [HumanMessage("Read it."), call(), HumanMessage([result])]


def in_system(block):
    return [SystemMessage(["Be kind.", block]), HumanMessage("Hi."), AIMessage("Hi.")]


PLACES = {"user": in_user, "tool": in_result, "tool_result": in_result_block, "system": in_system}


def texts_in(value):
    """All strings in a request."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_in(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts_in(each)]
    return []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("block", "note"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_note_takes_its_place(block, note, place, server):
    is_link = block["type"] == "file" and "url" in block
    if place.startswith("tool") and is_link:
        pytest.skip("a link is sent as text")
    messages = [*PLACES[place](block), HumanMessage("Never mind. Hello.")]
    before = copy.deepcopy(messages)
    api = ScriptedAPI("Hi.")
    for ask in (api.llm(server).invoke, lambda asked: list(api.llm(server).stream(asked))):
        with pytest.raises(MiMoInputError, match=r"^messages\[.* or set repair_history=True"):
            ask(messages)
    assert api.bodies == []
    assert api.llm(server, repair_history=True).invoke(messages).content == "Hi."
    [body] = api.bodies
    if place == "system" and block["type"] in ("image", "video", "image_url"):
        note = note.split(" ", 1)[0]  # the place is refused before the file is looked at
    elif "Anthropic" in server and block["type"] == "video" and "base64" in block:
        note = "[video left out: MiMo drops video in the Anthropic format"  # likewise
    assert note in "\n".join(texts_in(body))
    assert not [text for text in texts_in(body) if "/etc" in text or "private" in text]
    assert messages == before


@pytest.mark.parametrize("server", SERVERS)
def test_every_way_to_ask_leaves_it_out(server):
    messages = [*in_result({"type": "image", "base64": HEIC, "mime_type": "image/heic"})]
    api = ScriptedAPI("Hi.")
    llm = api.llm(server)
    options = {"repair_history": True}

    async def ask():
        await llm.ainvoke(messages, **options)
        _ = [chunk async for chunk in llm.astream(messages, **options)]
        await (await llm.astream_events(messages, version="v3", **options))

    llm.invoke(messages, **options)
    list(llm.stream(messages, **options))
    _ = llm.stream_events(messages, version="v3", **options).output
    asyncio.run(ask())
    assert len(api.bodies) == 6
    for body in api.bodies:
        assert "[image left out: it is HEIC (image)" in "\n".join(texts_in(body))


def test_files_that_are_gone_or_changed(tmp_path):
    good, gone, grown, changed = (tmp_path / f"{name}.png" for name in "abcd")
    for path in (good, gone, grown, changed):
        path.write_bytes(make_image("PNG"))
    blocks = [image_block(path) for path in (gone, good, grown, changed)]
    gone.unlink()
    grown.write_bytes(make_image("PNG") + b"x")
    data = bytearray(make_image("PNG"))
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    api = ScriptedAPI("Hi.")
    fields = {"allowed_media_dirs": [tmp_path]}
    with pytest.raises(MediaError, match=r"messages\[0\], block 0: .*No such file"):
        api.llm(**fields).invoke([HumanMessage(blocks)])
    assert api.bodies == []
    llm = api.llm(**fields, repair_history=True)
    llm.invoke([HumanMessage(blocks), *LATER])
    [body] = api.bodies
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "text"]
    assert parts[1]["image_url"]["url"].endswith(b64(make_image("PNG")))
    notes = [part["text"] for part in parts if part["type"] == "text"]
    assert (
        notes[0] == "[image left out: the file 'b.png' cannot be opened: No such file or directory]"
    )
    assert notes[1] == "[image left out: the file 'c.png' has changed since the block was created]"
    assert notes[2] == "[image left out: the file 'd.png' has changed since the block was created]"
    assert str(tmp_path) not in "\n".join(texts_in(body))
    assert llm.get_num_tokens_from_messages([HumanMessage(blocks), *LATER]) > 0
    with pytest.raises(MediaError):
        api.llm(**fields).get_num_tokens_from_messages([HumanMessage(blocks), *LATER])


def test_all_files_that_are_gone_are_left_out_at_once(tmp_path, monkeypatch):
    paths = [tmp_path / f"{at}.png" for at in range(12)]
    for path in paths:
        path.write_bytes(make_image("PNG"))
    blocks = [image_block(path) for path in paths]
    for path in paths[::2]:
        path.unlink()
    opened = []
    monkeypatch.setattr(request_body, "open_media", lambda *a: opened.append(a) or open_media(*a))
    api = ScriptedAPI("Hi.")
    llm = api.llm(repair_history=True, allowed_media_dirs=[tmp_path])
    history = [message for block in blocks for message in (HumanMessage([block]), AIMessage("Hm."))]
    llm.invoke([*history, HumanMessage("Hello.")])
    assert len(api.bodies) == 1
    sent = [part["content"] for part in api.bodies[0]["messages"] if part["role"] == "user"][:-1]
    assert ["left out" in str(each) for each in sent] == [True, False] * 6
    assert len(opened) == 12 + 6
    opened.clear()
    with pytest.raises(MediaError) as caught:
        llm.invoke([*history[:-1], AIMessage("Hm."), HumanMessage([blocks[0]])])
    assert caught.value.message_index == 24
    assert len(opened) <= 2 * 13


def test_only_the_bad_item_of_a_result_block_is_left_out():
    good = {"type": "image", "base64": b64(make_image("PNG")), "mime_type": "image/png"}
    bad = {"type": "image", "base64": HEIC, "mime_type": "image/heic"}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [good, bad, good, bad]}
    api = ScriptedAPI("Hi.")
    api.llm(repair_history=True).invoke([call(), HumanMessage([result])])
    parts = api.body["messages"][2]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url", "text"]


@pytest.mark.parametrize("tool_media", ["user", "inline"])
def test_media_for_a_text_only_model(tool_media):
    png = {"type": "image", "base64": b64(make_image("PNG")), "mime_type": "image/png"}
    wav = {"type": "audio", "base64": WAV, "mime_type": "audio/wav"}
    messages = [
        HumanMessage([png, "What is it?"]),
        call(),
        ToolMessage([wav, "x"], tool_call_id="c1"),
    ]
    api = ScriptedAPI("Hi.")
    llm = api.llm(model="mimo-v2.5-pro", tool_media=tool_media)
    with pytest.raises(UnsupportedModalityError):
        llm.invoke(messages)
    llm.invoke(messages, repair_history=True)
    text = "\n".join(texts_in(api.body))
    assert "[image left out: mimo-v2.5-pro does not accept image input]" in text
    assert "[audio left out: mimo-v2.5-pro does not accept audio input]" in text


def test_video_in_the_anthropic_format():
    video = {"type": "video", "url": "https://e.com/a.mp4"}
    api = ScriptedAPI("Hi.")
    llm = api.llm("mimo, Anthropic format", repair_history=True)
    llm.invoke([HumanMessage([video, "x", video]), *LATER])
    notes = [text for text in texts_in(api.body) if text.startswith("[video left out: MiMo drops")]
    assert len(notes) == 2


@pytest.mark.parametrize("tool_media", ["user", "inline"])
def test_results_with_bad_media_alone(tool_media):
    bad = {"type": "image", "base64": HEIC, "mime_type": "image/heic"}
    api = ScriptedAPI("Hi.")
    llm = api.llm(tool_media=tool_media, repair_history=True)
    llm.invoke(in_result(bad))
    assert "image_url" not in str(api.body)
    assert "[image left out: it is HEIC" in str(api.body)


MEDIA = {
    "png": {"type": "image", "base64": b64(make_image("PNG")), "mime_type": "image/png"},
    "heic": {"type": "image", "base64": HEIC, "mime_type": "image/heic"},
    "webm": {"type": "video", "base64": WEBM, "mime_type": "video/webm"},
}


@pytest.mark.parametrize("tool_media", ["user", "inline"])
@pytest.mark.parametrize(
    ("names", "summary"),
    [
        (["png", "png"], "(2 images follow)"),
        (["png", "heic"], "(1 image follows)"),
        (["heic", "png", "webm", "heic", "png"], "(2 images follow)"),
        (["heic", "webm"], "(its media are left out)"),
    ],
)
def test_what_follows_is_recounted(names, summary, tool_media):
    api = ScriptedAPI("Hi.")
    llm = api.llm(tool_media=tool_media, repair_history=True)
    results = [
        ToolMessage("text", tool_call_id="c1"),
        ToolMessage([MEDIA[name] for name in names], tool_call_id="c2"),
        ToolMessage([MEDIA["png"]], tool_call_id="c3"),
    ]
    calls = [{"name": "read", "args": {}, "id": f"c{number}"} for number in (1, 2, 3)]
    llm.invoke([HumanMessage("q"), AIMessage("", tool_calls=calls), *results])
    texts = [
        "\n".join(texts_in(message["content"]))
        if not isinstance(message["content"], str)
        else message["content"]
        for message in api.body["messages"][2:5]
    ]
    assert texts[0] == "text"
    assert summary in texts[1]
    assert "(1 image follows)" in texts[2]
    assert str(api.body).count("left out: it is") == names.count("heic") + names.count("webm")
    assert str(api.body).count("data:image/png") == names.count("png") + 1


def test_media_that_a_model_does_not_take_are_not_counted():
    api = ScriptedAPI("Hi.")
    llm = api.llm(model="mimo-v2.5-pro", repair_history=True)
    llm.invoke([HumanMessage("q"), call(), ToolMessage([MEDIA["png"]], tool_call_id="c1")])
    assert api.body["messages"][2]["content"].startswith("(its media are left out)\n[image left")


def test_the_remedy_is_named_only_where_it_helps():
    """It leaves nothing out of what is asked now, and no unknown block of an assistant."""
    llm = ScriptedAPI("Hi.").llm()
    unknown = {"type": "odd", "x": 1}
    with pytest.raises(MiMoInputError, match="unknown block of type 'odd'") as raised:
        llm.invoke([AIMessage([unknown]), HumanMessage("Hi.")])
    assert "repair_history" not in str(raised.value)
    with pytest.raises(MiMoInputError) as raised:
        llm.invoke([AIMessage([MEDIA["png"]]), HumanMessage("Hi.")])
    assert str(raised.value).count("repair_history") == 1


def test_a_forced_call_is_asked_for_again_without_the_bad_file():
    bad = {"type": "image", "base64": HEIC, "mime_type": "image/heic"}
    api = ScriptedAPI("No.", [("read", "{}")])

    def read() -> str:
        """Read."""

    llm = api.llm(repair_history=True).bind_tools([read], tool_choice="read")
    answer = llm.invoke([HumanMessage([bad, "x"]), *LATER])
    assert [each["name"] for each in answer.tool_calls] == ["read"]
    assert len(api.bodies) == 2
    assert all("[image left out: it is HEIC" in str(body) for body in api.bodies)


def test_what_the_server_rejects_is_not_left_out():
    def refuse(_):
        error = {"message": "Multimodal data is corrupted", "type": "invalid_request_error"}
        return httpx2.Response(400, json={"error": error})

    png = {"type": "image", "base64": b64(make_image("PNG")), "mime_type": "image/png"}
    client = httpx2.Client(transport=httpx2.MockTransport(refuse))
    llm = ChatMiMo(model="m", api_key="sk-test", http_client=client, repair_history=True)
    with pytest.raises(Exception, match="corrupted"):
        llm.invoke([HumanMessage([png])])


@pytest.mark.parametrize("name", UNUSABLE)
def test_nothing_is_left_out_of_what_is_asked_now(name):
    block, _ = UNUSABLE[name]
    asked = [HumanMessage("Hi."), AIMessage("Hello."), HumanMessage([block, "What is it?"])]
    api = ScriptedAPI("Hi.")
    llm = api.llm(repair_history=True)
    for messages in (asked, asked[2:]):
        place = rf"messages\[{messages.index(asked[2])}\], block 0: "
        for model in (llm, api.llm()):
            with pytest.raises(MiMoInputError, match=place) as raised:
                model.invoke(messages)
            assert "repair_history" not in str(raised.value)
    assert api.bodies == []
    for later in (LATER, LATER[1:]):  # old by then, also if the call with it failed
        llm.invoke([*asked, *later])
        assert "left out" in str(api.body)
