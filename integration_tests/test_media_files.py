"""Real files of every format, end to end: every byte arrives, and the bill is as estimated."""

import base64
import hashlib
import io

import media_files
import pytest
from conversations import AUDIO_AND_VIDEO
from langchain_core.messages import HumanMessage
from PIL import Image

from langchain_mimo.chat_models import ChatMiMo
from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.media import audio_block, image_block, video_block

ACCEPTED, make = media_files.ACCEPTED, media_files.make
BLOCKS = {"image": image_block, "video": video_block, "audio": audio_block}

OFF_BY_ONE_TOKEN = {"video.wmv"}
"""The estimate uses the header's duration; the bill adds the first packets' timestamps."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("files")
    for name in ACCEPTED:
        (place / name).write_bytes(make(name))
    return place


@pytest.fixture(scope="module")
def server(folder):
    with MiMoEmulator(media_root={"https://files.example/": folder}, **AUDIO_AND_VIDEO) as running:
        yield running


@pytest.fixture
def llm(server, folder, api_format):
    server.requests.clear()
    return ChatMiMo(
        model="mimo-v2.6-flash",
        base_url=server.base_url,
        api_key=server.api_key,
        api_format=api_format,
        dialect=AUDIO_AND_VIDEO,
        allowed_media_dirs=[str(folder)],
        thinking=False,
    )


def block(form, name, folder):
    """Create a block from a file in one of the forms that a program may have it in."""
    kind, mime_type, _ = ACCEPTED[name]
    make_block = BLOCKS[kind]
    if form == "url":
        return make_block(f"https://files.example/{name}")
    if form == "base64":
        url = f"data:{mime_type};base64,{base64.b64encode(make(name)).decode()}"
        return {"type": kind, "url": url} if kind == "image" else make_block(url)
    if form == "bytes":
        return make_block(make(name))
    if form == "file object":
        return make_block(io.BytesIO(make(name)))
    if form == "handwritten reference":
        return {"type": kind, "url": (folder / name).as_uri()}
    return make_block(folder / name)


FORMS = ["url", "base64", "bytes", "file object", "reference", "handwritten reference"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ACCEPTED)
async def test_every_file_arrives_byte_for_byte(server, llm, folder, form, name):
    kind, mime_type, _ = ACCEPTED[name]
    message = HumanMessage([{"type": "text", "text": "?"}, block(form, name, folder)])
    responses = [
        llm.invoke([message]),
        await llm.ainvoke([message]),
        list(llm.stream([message]))[-1],
        [chunk async for chunk in llm.astream([message])][-1],
    ]
    assert all(responses)
    arrived = [request.media[0] for request in server.requests]
    assert len(arrived) == 4
    assert {media.sha256 for media in arrived} == {hashlib.sha256(make(name)).hexdigest()}
    assert {media.kind for media in arrived} == {kind}
    if form != "url":
        assert {media.mime_type for media in arrived} == {mime_type}


def test_there_are_files_of_every_accepted_format():
    assert len(ACCEPTED) >= 20
    assert {mime_type for _, mime_type, _ in ACCEPTED.values()} >= {
        *(f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "bmp")),
        *(f"audio/{name}" for name in ("mpeg", "wav", "flac", "mp4", "ogg")),
        *(f"video/{name}" for name in ("mp4", "quicktime", "x-msvideo", "x-ms-wmv")),
    }


@pytest.mark.parametrize("api_format", ["openai"])  # the Anthropic format has no counts by modality
@pytest.mark.parametrize("options", [{}, {"fps": 5.0}, {"media_resolution": "max"}])
@pytest.mark.parametrize("name", ACCEPTED)
def test_the_bill_is_as_estimated(llm, folder, name, options):
    kind, _, _ = ACCEPTED[name]
    if kind != "video" and options:
        options = {}
    text = {"type": "text", "text": "What is this, 这是什么?"}
    message = HumanMessage([text, BLOCKS[kind](folder / name, **options)])
    estimate = llm.estimate([message])
    details = llm.invoke([message]).usage_metadata
    billed = {"image": 0, "video": 0, "audio": 0} | dict(details["input_token_details"])
    tolerance = 1 if name in OFF_BY_ONE_TOKEN else 0
    assert estimate.image == billed["image"]
    assert estimate.video == billed["video"]
    assert abs(estimate.audio - billed["audio"]) <= tolerance
    assert abs(estimate.total - details["input_tokens"]) <= tolerance
    assert estimate.low == estimate.high == estimate.total
    assert not estimate.notes


def test_a_pil_image_arrives(server, llm):
    image = Image.linear_gradient("L").convert("RGB")
    llm.invoke([HumanMessage([image_block(image)])])
    arrived = server.requests[0].media[0]
    assert list(Image.open(io.BytesIO(arrived.data)).tobytes()) == list(image.tobytes())


def test_a_changed_file_never_arrives(server, llm, folder):
    path = folder / "changing.png"
    path.write_bytes(make("drawing.png"))
    message = HumanMessage([image_block(path)])
    other = bytearray(make("drawing.png"))
    other[-20] ^= 1
    path.write_bytes(bytes(other))
    with pytest.raises(ValueError, match=r"messages\[0\], block 0: .*has changed"):
        llm.invoke([message])
    assert not server.requests


AUDIO_SHAPES = {
    "a format": lambda data: {
        "type": "input_audio",
        "input_audio": {"data": data, "format": "wav"},
    },
    "audio_url": lambda data: {
        "type": "audio_url",
        "audio_url": {"url": f"data:audio/wav;base64,{data}"},
    },
    "a string": lambda data: {"type": "audio_url", "audio_url": f"data:audio/wav;base64,{data}"},
}


@pytest.mark.parametrize("shape", AUDIO_SHAPES)
async def test_audio_in_the_shapes_of_other_packages(server, llm, shape):
    data = make("voice.wav")
    message = HumanMessage([AUDIO_SHAPES[shape](base64.b64encode(data).decode())])
    assert llm.invoke([message]).text == (await llm.ainvoke([message])).text
    for request in server.requests:
        (item,) = request.media
        assert (item.kind, item.mime_type, item.data) == ("audio", "audio/wav", data)


def test_all_media_of_a_long_conversation_arrive_in_order(server, llm, folder):
    blocks = [block("reference", name, folder) for name in ACCEPTED]
    llm.invoke([HumanMessage([each]) for each in blocks])
    digests = [media.sha256 for media in server.requests[0].media]
    assert digests == [hashlib.sha256(make(name)).hexdigest() for name in ACCEPTED]
