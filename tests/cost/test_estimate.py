"""The estimated cost of conversations and media."""

import base64
import os
from datetime import date

import media_files
import pytest
from media_collection import find
from media_collection.video_headers import without_lengths
from media_collection.writing import av_file

from langchain_mimo._media.opening import MediaPolicy, open_media
from langchain_mimo._media.references import (
    DeferredMedia,
    InlineBase64,
    LocalFile,
    MediaReference,
    RemoteURL,
)
from langchain_mimo._wire.turns import (
    AssistantTurn,
    MediaPart,
    SystemTurn,
    TextPart,
    ToolCall,
    ToolTurn,
    UserTurn,
)
from langchain_mimo.catalogue import Price
from langchain_mimo.cost.estimate import estimate_media, estimate_text, estimate_turns
from langchain_mimo.errors import MediaError, MiMoInputError
from langchain_mimo.tokens import audio_tokens, image_tokens, text_tokens, video_tokens

make = media_files.make
NO_FILES = MediaPolicy()


def reference(kind, source, message_index=0, block_index=0):
    return MediaReference(kind, source, None, message_index, block_index)


def inline(name):
    kind = media_files.ACCEPTED[name][0]
    return reference(kind, InlineBase64(base64.b64encode(make(name)).decode()))


def test_an_image():
    estimate = estimate_media(inline("drawing.png"), NO_FILES)
    assert estimate.total == estimate.image == image_tokens(333, 77)
    assert (estimate.low, estimate.high, estimate.note) == (estimate.total, estimate.total, None)


def test_audio():
    estimate = estimate_media(inline("voice.wav"), NO_FILES)
    assert estimate.total == estimate.audio == audio_tokens(2.5)
    assert estimate.duration == 2.5


@pytest.mark.parametrize(("name", "mute"), [("video.mp4", False), ("silent.mp4", True)])
@pytest.mark.parametrize("options", [{}, {"fps": 5}, {"media_resolution": "max"}])
def test_a_video(name, mute, options):
    estimate = estimate_media(inline(name), NO_FILES, **options)
    seconds = 3.3 if mute else 2.0
    tokens = video_tokens(seconds, 96, 64, mute=mute, **options)
    assert (estimate.video, estimate.audio) == (tokens.vision, tokens.audio)
    assert estimate.total == tokens.total


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_a_url_gives_a_range_and_names_the_assumption(kind):
    estimate = estimate_media(reference(kind, RemoteURL("http://169.254.169.254/x")), NO_FILES)
    assert estimate.low < estimate.total < estimate.high
    assert estimate.note.startswith("assumed ")
    assert estimate.note.endswith(", because URLs are never fetched")
    assert ("a duration of 60 s" in estimate.note) == (kind != "image")


def inline_bytes(kind, data):
    return reference(kind, InlineBase64(base64.b64encode(data).decode()))


def test_what_states_no_duration_is_measured_by_what_is_there():
    for name in ("live.wmv", "pipe.wmv", "pipe.avi", "without_lengths.avi"):
        estimate = estimate_media(inline_bytes("video", find(name).data), NO_FILES)
        assert estimate.low == estimate.high == estimate.total
        assert estimate.duration == pytest.approx(find(name).seconds, abs=0.06)
        assert estimate.duration_range == (estimate.duration, estimate.duration)
        assert estimate.note is None


def test_an_unknown_duration_gives_a_range_and_a_note():
    live = bytearray(make("video.wmv"))
    at = live.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    live[at + 88] |= 1  # "broadcast": the duration is not stated
    live[at + 92 : at + 100] = bytes(8)  # and where its packets are is not known either
    estimate = estimate_media(inline_bytes("video", bytes(live)), NO_FILES)
    assert estimate.low < estimate.total < estimate.high
    assert (estimate.duration, estimate.duration_range) == (60, (1, 7200))
    assert (estimate.width, estimate.height) == (96, 64)
    assert estimate.note == (
        "assumed a duration of 60 s, of 1 to 7200 s, because the header does not state it"
    )


def test_known_bounds_of_a_duration_are_the_range():
    avi = without_lengths(av_file("avi", "mpeg4", None, rate=120))
    at = avi.index(b"movi") + 4
    frames = b"00dc\0\0\0\0" * 20_000
    data = avi[:at] + frames
    estimate = estimate_media(inline_bytes("video", data), NO_FILES)
    low, high = estimate.duration_range
    assert low < 20_000 / 120 < high
    assert estimate.duration == (low + high) / 2
    assert estimate.low == video_tokens(low, 96, 64, mute=True).total
    assert estimate.high == video_tokens(high, 96, 64, mute=True).total
    assert estimate.low < estimate.total < estimate.high
    assert estimate.note.startswith("assumed a duration of")


def test_an_image_has_no_duration():
    estimate = estimate_media(inline("drawing.png"), NO_FILES)
    assert (estimate.duration, estimate.duration_range) == (None, None)


def test_a_conversation(tmp_path):
    (tmp_path / "video.mp4").write_bytes(make("video.mp4"))
    source = reference("video", LocalFile(str(tmp_path / "video.mp4")), 1, 1)
    turns = [
        SystemTurn("Be brief."),
        UserTurn([TextPart("What is"), TextPart("this?"), MediaPart(source, fps=1)]),
        AssistantTurn("", "I should look.", [ToolCall("call_1", "look", '{"at":"video"}')]),
        ToolTurn("call_1", "a video", media=[MediaPart(inline("voice.mp3"))]),
        UserTurn("谢谢"),
    ]
    estimate = estimate_turns(
        turns, model="mimo-v2.6-pro", policy=MediaPolicy([tmp_path]), tools_text="[]"
    )
    texts = "Be brief.", "What is\nthis?", "I should look.", "look", '{"at":"video"}', "a video"
    video = video_tokens(2.0, 96, 64, fps=1)
    assert estimate.text == sum(map(text_tokens, (*texts, "谢谢", "[]")))
    assert estimate.video == video.vision
    assert estimate.audio == video.audio + audio_tokens(2.5)
    assert estimate.image == 0
    assert estimate.marks == video.timestamps + video.special + 4 * len(turns)
    assert estimate.low == estimate.high == estimate.total
    assert estimate.cost_usd == pytest.approx(estimate.total * 0.435e-6)
    assert estimate.price_as_of == date(2026, 10, 9)


def test_notes_name_the_block():
    part = MediaPart(reference("image", RemoteURL("https://a.example/x.png"), 3, 2))
    estimate = estimate_turns([UserTurn([part, part])], model="x", policy=NO_FILES)
    assert estimate.notes[0].startswith("messages[3], block 2: assumed 1024 x 1024 pixels")
    assert estimate.image == 2048
    assert estimate.low < estimate.total < estimate.high


def test_an_unknown_price_is_none_and_not_zero():
    estimate = estimate_turns([], model="mimo-v9", policy=NO_FILES)
    assert (estimate.cost_usd, estimate.notes) == (None, ("no price of 'mimo-v9' is known.",))
    assert estimate_turns([], model="mimo-v9", policy=NO_FILES).price_as_of is None


def test_given_prices_override_the_catalogue():
    day = date(2027, 1, 1)
    estimate = estimate_turns(
        [UserTurn("0" * 996)],
        model="mimo-v2.6-pro",
        policy=NO_FILES,
        prices={"mimo-v2.6-pro": Price(1, 2, 4, day)},
        output_tokens=500,
    )
    assert (estimate.cost_usd, estimate.price_as_of) == (0.004, day)


def test_a_file_that_may_not_be_opened_is_not_counted(tmp_path):
    (tmp_path / "cat.png").write_bytes(make("drawing.png"))
    with pytest.raises(MediaError, match="no folder is allowed"):
        estimate_media(reference("image", LocalFile(str(tmp_path / "cat.png"))), NO_FILES)


def test_changed_content_is_detected_only_when_sent(tmp_path):
    """As `estimate_turns` documents: headers are read, nothing is hashed."""
    path = tmp_path / "drawing.png"
    path.write_bytes(make("drawing.png"))
    policy, size = MediaPolicy([tmp_path]), path.stat().st_size
    changed = reference("image", LocalFile(str(path), size, "0" * 64))
    assert estimate_media(changed, policy).image == image_tokens(333, 77)
    with (
        pytest.raises(MediaError, match="has changed"),
        open_media(DeferredMedia(changed), policy) as m,
    ):
        list(m.slices())
    with pytest.raises(MediaError, match="has changed"):
        estimate_media(reference("image", LocalFile(str(path), size + 1)), policy)


@pytest.mark.parametrize("value", ["x", -1, None, True, 1.5, float("nan")])
def test_invalid_output_tokens_are_refused(value):
    with pytest.raises(MiMoInputError, match=r"^output_tokens must be an integer >= 0"):
        estimate_turns([], model="x", policy=NO_FILES, output_tokens=value)


DAY = date(2027, 1, 1)


@pytest.mark.parametrize(
    "prices",
    [
        {"x": 1}, {"x": (1, 2, 3)}, [1], 5, "x", {"x": None}, {"x": Price(1, "2", 3, DAY)},
        {"x": Price(1, float("nan"), 3, DAY)}, {"x": Price(1, 2, -3, DAY)},
        {"x": Price(True, 2, 3, DAY)},
    ],
)  # fmt: skip
def test_invalid_prices_are_refused(prices):
    with pytest.raises(MiMoInputError, match="price") as raised:
        estimate_turns([], model="x", policy=NO_FILES, prices=prices)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("currency", ["CNY", "EUR", None])
def test_prices_in_another_currency_are_refused(currency):
    prices = {"x": Price(1, 2, 3, DAY, currency)}
    with pytest.raises(MiMoInputError, match=f"the price of 'x' must be in USD.*{currency}"):
        estimate_turns([], model="x", policy=NO_FILES, prices=prices)


@pytest.mark.parametrize("text", [None, 5, b"x", ["x"]])
def test_only_a_string_is_counted_as_text(text):
    with pytest.raises(MiMoInputError, match=r"^text must be a string, got "):
        estimate_text(text)


def test_a_file_referenced_in_every_turn_is_opened_once(tmp_path, monkeypatch):
    path = tmp_path / "drawing.png"
    path.write_bytes(make("drawing.png"))
    file = LocalFile(str(path))
    turns = [UserTurn([MediaPart(reference("image", file, index, 0))]) for index in range(9)]
    opened = []
    original = os.open
    monkeypatch.setattr("os.open", lambda *a, **k: opened.append(a[0]) or original(*a, **k))
    estimate = estimate_turns(turns, model="x", policy=MediaPolicy([tmp_path]))
    assert estimate.image == 9 * image_tokens(333, 77)
    assert opened.count("drawing.png") == 1


def test_the_limit_of_frames_is_a_note_of_the_block():
    data = media_files.make_video("mp4", seconds=300, size=(32, 32), rate=1)
    reference = MediaReference(
        "video", InlineBase64(base64.b64encode(data).decode()), "video/mp4", 2, 1
    )
    url = MediaReference("video", RemoteURL("https://a.example/x.mp4"), None, 2, 2)
    parts = [MediaPart(reference, fps=10), MediaPart(reference, fps=5), MediaPart(url, fps=10)]
    estimate = estimate_turns([UserTurn(parts)], model="mimo-v2.6-flash", policy=NO_FILES)
    limit, assumed = estimate.notes
    assert limit == (
        "messages[2], block 1: MiMo looks at only 2,048 frames, one in 0.15 s; plan_segments "
        "keeps 10 fps"
    )
    assert "assumed" in assumed
