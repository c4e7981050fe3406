"""Files that are made to cost much: each limit refuses them in MiMo's form and says so.

What they cost in memory is measured in integration_tests/test_hostile_media.py.
"""

import base64
import threading

import av
import hostile_media
import pytest
from emulator_requests import data_url, image, post, request, user
from media_collection.writing import av_file

from langchain_mimo.emulator import MiMoEmulator
from langchain_mimo.emulator.media import audio_video, images, limits, mp4_tables, packets
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.media.packets import AudioStart, Track
from langchain_mimo.emulator.refusals import Refusal


def refusal(kind, mime_type, data):
    with pytest.raises(Refusal) as refused:
        MediaLibrary().from_base64(kind, mime_type, base64.b64encode(data).decode())
    assert refused.value.status == 400
    assert list(refused.value.error) == ["code", "message", "param", "type"]
    return refused.value.error["param"]


def test_pixels_of_an_image():
    few_bytes = hostile_media.png(60_000, 60_000, rows=1)
    assert "more than 512000000 pixels" in refusal("image", "image/png", few_bytes)


def test_pixels_of_all_scans_of_a_jpeg(monkeypatch):
    data = hostile_media.jpeg(64, 20)
    monkeypatch.setattr(images, "MAX_SCANNED_PIXELS", 64 * 64 * 20)
    assert "pixels in all their scans" in refusal("image", "image/jpeg", data)
    monkeypatch.setattr(images, "MAX_SCANNED_PIXELS", 64 * 64 * 40)
    MediaLibrary().from_base64("image", "image/jpeg", base64.b64encode(data).decode())


def test_packets_of_a_file(monkeypatch):
    data = av_file("mp4", seconds=2.0)
    monkeypatch.setattr(packets, "MAX_PACKETS", 50)
    assert "more than 50 packets" in refusal("video", "video/mp4", data)


def test_pixels_of_a_frame(monkeypatch):
    data = av_file("mp4", audio=None, size=(320, 240), seconds=0.5)
    for module in (audio_video, packets):
        monkeypatch.setattr(module, "MAX_FRAME_PIXELS", 320 * 240 - 1)
    assert "frames of more than" in refusal("video", "video/mp4", data)


@pytest.mark.parametrize("make", [hostile_media.sample_table, hostile_media.fragment_table])
def test_samples_that_are_stated_and_not_listed(make):
    count = limits.MAX_TABLE_ENTRIES + 1
    assert f"{count} samples" in refusal("video", "video/mp4", make(count))


def test_samples_of_all_fragments_are_added_up(monkeypatch):
    data = hostile_media.fragment_table(60)
    monkeypatch.setattr(mp4_tables, "MAX_TABLE_ENTRIES", 100)
    mp4_tables.check_tables(data)
    with pytest.raises(Refusal, match="120 samples"):
        mp4_tables.check_tables(data * 2)


def test_pcm_may_state_many_samples_of_one_size(monkeypatch):
    monkeypatch.setattr(mp4_tables, "MAX_TABLE_ENTRIES", 100)
    mp4_tables.check_tables(av_file("mov", None, "pcm_s16le", seconds=1.0))


@pytest.mark.parametrize(
    "data", [b"", b"stsz", b"\0\0\0\x14stsz", b"\xff" * 4 + b"trun" + bytes(8)]
)
def test_boxes_that_end_early_are_no_boxes(data):
    mp4_tables.check_tables(data)


def test_seconds_of_an_audio_frame():
    frame = av.AudioFrame("s16", "mono", 65_535)
    frame.sample_rate = 1  # 524 million samples at the rate that is measured at
    with pytest.raises(Refusal, match="frames of more than 60 seconds"):
        AudioStart(Track(None)).take(frame)


def test_time_is_shared_by_all_media_of_a_request(monkeypatch):
    now = 0.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    clock = limits.Clock(10)
    for _ in range(2):
        with clock.running():
            now += 5
            clock.check()
        now += 100  # time does not pass between two files
    with clock.running():
        now += 0.1
        with pytest.raises(Refusal, match="more than 10 seconds of work"):
            clock.check()
    clock.check()


def test_few_pixels_are_in_flight_at_the_same_time():
    gate = limits.Gate(100)
    inside, most, lock = 0, 0, threading.Lock()

    def work(pixels):
        nonlocal inside, most
        with gate.admit(pixels):
            with lock:
                inside += min(pixels, 100)
                most = max(most, inside)
            threading.Event().wait(0.002)
            with lock:
                inside -= min(pixels, 100)

    threads = [threading.Thread(target=work, args=(size,)) for size in (60, 30, 500, 50, 1, 99) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert inside == 0
    assert 60 <= most <= 100


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [("image", "image/png"), ("audio", "audio/wav"), ("video", "video/mp4")],
)
@pytest.mark.parametrize(
    "error",
    [MemoryError, OverflowError, RuntimeError, SyntaxError, RecursionError, TypeError, KeyError],
)
def test_any_error_of_pillow_or_pyav_is_a_refusal(kind, mime_type, error, monkeypatch):
    def fail(*_):
        raise error("from below")

    monkeypatch.setattr(images, "_open_header", fail)
    monkeypatch.setattr(audio_video, "open_container", fail)
    data = {
        "image": hostile_media.png(16, 16),
        "audio": hostile_media.wav(8000, rate=8000),
        "video": av_file("mp4", audio=None, seconds=0.2),
    }[kind]
    assert refusal(kind, mime_type, data).startswith("Multimodal data is corrupted")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://[zz]/",
        "http://a\u2100b/",
        "http://",
        "ftp://a/b",
        "http://files/%00",
        "http://files/" + "n" * 300,
        "http://files/" + "d/" * 5000,
        "http://files/%ff%fe",
        "http://files/..%2f..%2fetc/passwd",
        "http://files/",
        "http://files/loop/a.png",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_urls_that_lead_nowhere_are_refused(url, kind, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    library = MediaLibrary({"http://files/": tmp_path})
    with pytest.raises(Refusal, match="corrupted"):
        library.from_reference(kind, url)


async def test_the_response_to_a_file_beyond_the_limits_is_mimos():
    url = data_url("image/png", hostile_media.png(60_000, 60_000, rows=1))
    response = await post(MiMoEmulator(), request(messages=user(image(url))))
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["message"]) == ("400", "Param Incorrect")
    assert error["param"].startswith("The emulator does not open media with more than")
