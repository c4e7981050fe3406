"""Mistakes of a first day: media, messages and tools.

Each row is one mistake, by its number in the list of 68 that was provoked in the first place, with
the class it ends in, and what its text must name: where, what, and the remedy.
"""

import base64
import io
import re
import sys
import warnings
import zipfile

import media_files
import pytest
from error_words import is_found_by_its_words
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from scripted_api import ScriptedAPI

from langchain_mimo import _checks
from langchain_mimo.emulator import settings
from langchain_mimo.errors import (
    HistoryError,
    MediaError,
    MiMoConfigurationError,
    MiMoInputError,
)
from langchain_mimo.media import audio_block, image_block, probe, video_block
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video


@pytest.fixture(autouse=True)
def first_day(monkeypatch, tmp_path):
    monkeypatch.setattr(_checks, "_warned", set())
    monkeypatch.chdir(tmp_path)


# --- Files ----------------------------------------------------------------------------------------


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


MP4 = media_files.make_video("mp4")
PNG = media_files.make_image("PNG")
FILES = {
    "document.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(99),
    "report.docx": zipped("[Content_Types].xml", "word/document.xml"),
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "logo.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "page.html": b"<!doctype html><html><body>404</body></html>",
    "error.json": b'{"error": "not found"}',
    "subtitles.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
    "images.zip": zipped("a.png"),
    "empty.png": b"",
    "image.jxl": b"\xff\x0a" + bytes(99),
    "image.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
    "song.mid": b"MThd\0\0\0\6" + bytes(99),
    "stream.m3u8": b"#EXTM3U\nsegment.ts\n",
    "unfinished.mp4": MP4[: MP4.find(b"moov") - 4],
    "video.mp4": MP4,
    "image.png": PNG,
}
PAGES = "send its text as a text block, or its pages as images"
KINDS = {
    "document.pdf": ("it is PDF (document)", PAGES),
    "report.docx": ("it is DOCX, XLSX or PPTX (Office document)", PAGES),
    "old.doc": ("it is DOC, XLS or PPT (Office document)", PAGES),
    "logo.svg": ("it is SVG (vector graphics)", "save it as PNG with another program"),
    "page.html": ("it is HTML (web page)", "the server sent a page in place of the file"),
    "error.json": ("it is text (no media)", "send it as a text block"),
    "subtitles.srt": ("it is text (no media)", "send it as a text block"),
    "images.zip": ("it is ZIP (archive)", "extract the files in it"),
    "empty.png": ("it is empty (0 bytes)", "check how it was written"),
    "image.jxl": ("it is JPEG XL (image)", "save it as JPEG or PNG with another program"),
    "image.cr2": ("it is camera raw (unprocessed image)", "save it as JPEG or PNG"),
    "song.mid": ("it is MIDI (musical notes, not audio)", "render it as audio"),
    "stream.m3u8": ("it is M3U (list of files)", "save its stream as one file"),
    "unfinished.mp4": ("its index (the moov box) is missing", "get the complete file"),
}
"""24, 26: what a file is, and what to do with it."""

READERS = {
    "image": (image_block, prepare_image),
    "video": (video_block, prepare_video),
    "audio": (audio_block, prepare_audio),
}


def refusal(function, *arguments, **options):
    with pytest.raises(MiMoInputError) as raised:
        function(*arguments, **options)
    assert "\n" not in str(raised.value)
    assert is_found_by_its_words(str(raised.value))
    return str(raised.value)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", KINDS)
def test_blocks_and_prepare_say_the_same_of_a_file_that_cannot_be_read(name, kind, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    if name == "unfinished.mp4" and kind == "image":
        pytest.skip("it is no image, which is said first")
    for function in READERS[kind]:
        text = refusal(function, path)
        assert repr(str(path)) in text
        assert all(part in text for part in KINDS[name]), text


@pytest.mark.parametrize("name", [name for name in KINDS if name != "unfinished.mp4"])
def test_probe_says_the_same(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    text = refusal(probe, path)
    assert all(part in text for part in (repr(str(path)), *KINDS[name])), text


@pytest.mark.parametrize(
    ("function", "name", "parts"),
    [
        (image_block, "video.mp4", ["it is MP4 (video with audio)", "use video_block(path)"]),
        (prepare_image, "video.mp4", ["it is MP4 (video with audio), not an image", "prepare_video"]),
        (video_block, "image.png", ["it is PNG (image)", "use image_block(path)"]),
        (prepare_video, "image.png", ["it is PNG (image), not a video", "prepare_image"]),
        (prepare_audio, "image.png", ["it is PNG (image), not audio", "prepare_image"]),
    ],
)  # fmt: skip
def test_27_a_file_of_another_kind(function, name, parts, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    text = refusal(function, name)
    assert all(part in text for part in (repr(str(tmp_path / name)), *parts)), text


# --- Blocks and arguments -------------------------------------------------------------------------

BLOCKS = {
    "20": (image_block, ["pictur.png"], {}, ["image_block cannot open", "pictur.png'", "check the path"]),
    "20, home": (image_block, ["~/a.png"], {}, ["~ is not expanded"]),
    "20, Windows": (image_block, ["C:\\a.png"], {}, ["check the path; it is a path of Windows"]),
    "20, folder": (image_block, ["."], {}, ["it is a folder; give the path of a file"]),
    "20, empty": (image_block, [""], {}, ["got an empty string; give a URL or the path"]),
    "20, not a path": (image_block, [None], {}, ["takes a URL, a path, bytes or a binary file"]),
    "28": (video_block, ["a.mp4"], {"fps": 30}, ["video_block's fps must be a number from 0.1 to 10, got 30"]),
    "28, resolution": (video_block, ["a.mp4"], {"media_resolution": "high"}, ["must be 'default' or 'max', got 'high'"]),
    "28, name": (video_block, ["a.mp4"], {"fsp": 2}, ["no argument 'fsp'; did you mean 'fps'?"]),
    "28, range": (video_block, ["a.mp4"], {"start": 2}, ["a time range is video_block(path, start_s=…, end_s=…)"]),
    "28, image": (image_block, ["a.png"], {"fps": 2}, ["image_block has no argument 'fps'; it is for videos"]),
}  # fmt: skip


@pytest.mark.parametrize("row", BLOCKS)
def test_a_mistake_in_a_block_function(row):
    function, arguments, options, parts = BLOCKS[row]
    text = refusal(function, *arguments, **options)
    assert all(part in text for part in parts), text


def inline(data, **fields):
    return {"base64": base64.b64encode(data).decode(), **fields}


PDF = inline(FILES["document.pdf"], mime_type="application/pdf")
IN_MESSAGES = {
    "23, relative": ({"type": "image", "url": "a.png"}, ["'a.png' is not a location", "image_block(path)"]),
    "23, Windows": ({"type": "video", "url": "C:\\a.mp4"}, ["is not a location", "video_block(path)"]),
    "23, file": ({"type": "image", "url": "file:a.png"}, ["'file:a.png' must name an absolute path", "image_block(path)"]),
    "23, share": ({"type": "image", "url": "file://host/a.png"}, ["on the host 'host'", "file:///folder/file"]),
    "24, PDF": ({"type": "file", **PDF}, ["it is PDF (document), which MiMo does not read", PAGES]),
    "24, PDF in image": ({"type": "image", **PDF}, ["application/pdf in an image block", PAGES]),
    "24, PDF by URL": ({"type": "file", "url": "https://e.com/a.pdf", "mime_type": "application/pdf"}, ["PDFs", "text block"]),
    "24, SVG": ({"type": "image", **inline(FILES["logo.svg"], mime_type="image/svg+xml")}, ["it is SVG", "save it as PNG"]),
    "24, DOCX": ({"type": "file", **inline(FILES["report.docx"])}, ["it is DOCX, XLSX or PPTX", PAGES]),
    "28": ({"type": "video", "url": "https://e.com/a", "fps": 30}, ["fps must be a number from 0.1 to 10, got 30"]),
    "28, range": ({"type": "video", "url": "https://e.com/a", "start_s": 3}, ["'start_s'", "prepare_video(start_s=…, end_s=…)"]),
    "31": ({"type": "image", "base64": "%%%%", "mime_type": "image/png"}, ["base64 has invalid characters; encode it again"]),
    "33": ({"type": "txt", "text": "a"}, ["a block of type 'txt' cannot be sent; did you mean 'text'? MiMo accepts"]),
    "33, image": ({"type": "imgae", "url": "https://e.com/a"}, ["did you mean 'image'?"]),
    "34": ({"type": "image"}, ["an image block needs url or base64, and has neither", "image_block(path)"]),
    "34, path": ({"type": "audio", "path": "a.mp3"}, ["needs url or base64", "audio_block(path)"]),
    "34, empty": ({"type": "image", "url": ""}, ["'url' of an image block is empty; give"]),
    "34, both": ({"type": "image", "url": "https://e.com/a", "base64": "AAAA"}, ["has url and base64; give one"]),
}  # fmt: skip


def asked_error(messages, **fields):
    api = ScriptedAPI("Hi.")
    with pytest.raises(MiMoInputError) as raised:
        api.llm(**fields).invoke(messages)
    assert api.bodies == []
    assert "\n" not in str(raised.value)
    assert is_found_by_its_words(str(raised.value))
    return raised.value


@pytest.mark.parametrize("row", IN_MESSAGES)
def test_a_mistake_in_a_block_of_a_message(row):
    block, parts = IN_MESSAGES[row]
    text = str(asked_error([HumanMessage(["Hi.", block])]))
    assert text.startswith("messages[0], block 1: ")
    assert all(part in text for part in parts), text
    assert "repair_history" not in text
    earlier = [HumanMessage(["Hi.", block]), AIMessage("Hello."), HumanMessage("Hm.")]
    assert "or set repair_history=True to send a note in its place" in str(asked_error(earlier))


def test_21_and_22_a_file_outside_the_allowed_folders(tmp_path):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "a.png").write_bytes(PNG)
    asked = [HumanMessage([image_block("a.png")])]
    text = str(asked_error(asked))
    assert "a.png' cannot be opened because no folder is allowed; pass allowed_media_dirs=" in text
    text = str(asked_error(asked, allowed_media_dirs=["allowed"]))
    assert text.startswith("messages[0], block 0: the image cannot be sent: the file ")
    folder = str((tmp_path / "allowed").resolve())
    assert text.endswith(f"allow its folder, or move the file to {folder!r}")


def test_25_a_file_that_is_too_large():
    text = refusal(image_block, PNG + bytes(40 * 10**6))
    assert "MiMo accepts at most 52,428,800" in text
    assert text.endswith("with langchain_mimo.prepare.prepare_image, or give a public URL")


def test_a_keyword_of_a_block_that_is_misspelt_or_unknown():
    block = {"type": "video", "url": "https://e.com/a", "fsp": 2, "quality": "high"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ScriptedAPI("Hi.").llm().invoke([HumanMessage([block])])
    first, second = (str(each.message) for each in caught)
    assert first.startswith("MiMo does not know the key 'fsp'; it is not sent")
    assert first.endswith("did you mean 'fps'?")
    assert second.startswith("MiMo does not know the key 'quality'")


# --- Extras ---------------------------------------------------------------------------------------


def test_29_and_30_an_extra_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MiMoConfigurationError) as raised:
        prepare_audio(media_files.make_video("mp3", None, "libmp3lame"))
    command = 'run pip install ".[{}]" in the folder of your clone of langchain-mimo'
    assert str(raised.value) == f"PyAV is required but not installed; {command.format('av')}"
    assert is_found_by_its_words(str(raised.value))
    monkeypatch.setattr(settings, "_is_installed", lambda name: name != "uvicorn")
    with pytest.raises(ImportError) as raised:
        settings.require_extra()
    assert str(raised.value) == f"the emulator needs uvicorn; {command.format('emulator')}"
    assert is_found_by_its_words(str(raised.value))


# --- Messages and tools ---------------------------------------------------------------------------

CALL = AIMessage("", tool_calls=[{"name": "w", "args": {}, "id": "c1"}])
IMAGE = {"type": "image", "url": "https://e.com/a.png"}
HISTORIES = {
    "38": ([HumanMessage("a"), CALL, HumanMessage("b")], HistoryError, ["messages[1]: tool call 'c1' (w) has no result", "repair_history=True"]),
    "39": ([HumanMessage("a"), ToolMessage("b", tool_call_id="c1")], HistoryError, ["messages[1]: this tool result has no call 'c1'", "repair_history=True"]),
    "42": ([], HistoryError, ["there are no messages; give at least one"]),
    "43": ([SystemMessage([IMAGE]), HumanMessage("a")], MiMoInputError, ["messages[0], block 0: MiMo accepts no image block in a system message; move it into a user message, or set repair_history=True to replace it with a note"]),
    "43, assistant": ([AIMessage([IMAGE]), HumanMessage("a")], MiMoInputError, ["messages[0], block 0: MiMo accepts no image block in an assistant message; move it"]),
    "24, result": ([HumanMessage("a"), CALL, ToolMessage([{"type": "file", **PDF}], tool_call_id="c1")], MediaError, ["messages[2], block 0: ", PAGES, "or set repair_history=True"]),
}  # fmt: skip


@pytest.mark.parametrize("row", HISTORIES)
def test_a_mistake_in_a_history(row):
    messages, error, parts = HISTORIES[row]
    raised = asked_error(messages)
    assert type(raised) is error
    assert all(part in str(raised) for part in parts), raised


def weather(city: str) -> str:
    """Return the weather."""
    return city


TOOL = StructuredTool.from_function(weather)
TOOLS = {
    "35": ([TOOL, weather], {}, ["tools[1]: another tool is named 'weather' too; give each"]),
    "36": ([TOOL], {"tool_choice": "wether"}, ["requires a call to 'wether', but the bound tools are: weather"]),
    "36, none": ([], {"tool_choice": "any"}, ["requires a tool call, but no tools are bound; call bind_tools first"]),
    "no list": (TOOL, {}, ["tools must be a list of tools, got StructuredTool; put a single tool into a list"]),
    "no tool": ([5], {}, ["tools[0]: cannot be converted to a tool: 5 is no function, class, LangChain tool or dict"]),
    "search": ([{"type": "web_search_20250305"}], {}, ["tools[0]: MiMo has no tools of type 'web_search_20250305'; use functions or 'web_search'"]),
}  # fmt: skip


@pytest.mark.parametrize("row", TOOLS)
def test_a_mistake_with_tools(row):
    tools, options, parts = TOOLS[row]
    api = ScriptedAPI("Hi.")
    with pytest.raises(MiMoInputError) as raised:
        api.llm().bind_tools(tools, **options).invoke("a")
    assert api.bodies == []
    assert all(part in str(raised.value) for part in parts), raised.value
    assert is_found_by_its_words(str(raised.value))


WARNED = {
    "37": ("a", {"parallel_tool_calls": False}, "does not document parallel_tool_calls, so it is not"),
    "41": ("", {}, "messages[0]: this user message is empty. It is sent as it is and billed"),
    "41, list": ([HumanMessage([])], {}, "check the variable or template that fills it."),
}  # fmt: skip


@pytest.mark.parametrize("row", WARNED)
def test_what_is_sent_with_a_warning(row):
    asked, options, text = WARNED[row]
    api = ScriptedAPI("Hi.")
    with pytest.warns(UserWarning, match=re.escape(text)) as caught:
        assert api.llm().bind_tools([TOOL], **options).invoke(asked).text == "Hi."
    assert caught[0].filename == __file__
    assert is_found_by_its_words(str(caught[0].message))


@pytest.mark.filterwarnings("error")
def test_32_and_40_what_is_no_mistake():
    """Blocks of other providers, and a system message behind others."""
    data = base64.b64encode(PNG).decode()
    blocks = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "media", "data": data, "mime_type": "image/png"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"type": "image", "data": data, "mimeType": "image/png"},
    ]
    api = ScriptedAPI("Hi.")
    api.llm().invoke([SystemMessage("a"), HumanMessage(blocks), SystemMessage("b")])
    roles = [message["role"] for message in api.body["messages"]]
    assert roles == ["system", "user", "system"]
    assert str(api.body).count(data) == len(blocks)


def test_44_an_async_tool_is_left_to_langchain():
    async def wait(city: str) -> str:
        """Wait."""
        return city

    with pytest.raises(NotImplementedError, match="does not support sync invocation"):
        StructuredTool.from_function(coroutine=wait).invoke({"city": "x"})
