"""prepare_audio: copying, cutting and encoding."""

import io

import av
import media_files
import pytest
from media_files import make, make_video

from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError
from langchain_mimo.prepare import prepare_audio


def opened(data):
    return av.open(io.BytesIO(data))


@pytest.mark.parametrize(
    "name", ["voice.mp3", "voice.wav", "voice.flac", "voice.m4a", "opus.ogg", "audio_only.mp4"]
)
def test_accepted_audio_is_left_unchanged(name):
    prepared = prepare_audio(make(name))
    assert prepared.data == make(name)
    assert prepared.mime_type == media_files.ACCEPTED[name][1]


@pytest.mark.parametrize(
    ("name", "mime_type", "codec"),
    [
        ("video.mp4", "audio/mp4", "aac"),
        ("video.mkv", "audio/mp4", "aac"),
        ("video.webm", "audio/ogg", "opus"),
        ("video.avi", "audio/mpeg", "mp3float"),
        ("video.wmv", "audio/mpeg", "mp3float"),
        ("voice.aiff", "audio/mpeg", "mp3float"),
    ],
)
def test_audio_is_extracted_from_any_container(name, mime_type, codec):
    prepared = prepare_audio(make(name))
    assert prepared.mime_type == mime_type
    inspection = inspect_source("audio", prepared.data)
    assert inspection.mime_type == mime_type
    with opened(prepared.data) as container:
        assert container.streams.audio[0].codec_context.name == codec
        assert container.duration / 1e6 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("name", ["voice.mp3", "voice.wav", "voice.flac", "voice.m4a", "opus.ogg"])
def test_audio_is_cut(name):
    prepared = prepare_audio(make(name), start_s=0.5, end_s=1.5)
    with opened(prepared.data) as container:
        seconds = sum(f.samples / f.sample_rate for f in container.decode(audio=0))
    assert seconds == pytest.approx(1.0, abs=0.15)


def test_audio_is_shrunk_to_a_byte_limit():
    wav = make_video("wav", None, "pcm_s16le", seconds=20)
    prepared = prepare_audio(wav, max_bytes=50_000)
    assert len(prepared.data) <= 50_000
    with opened(prepared.data) as container:
        assert container.duration / 1e6 == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (make("silent.mp4"), {}, "no audio track"),
        (make("voice.wav"), {"token_budget": 5}, "plan_segments"),
        (make("voice.wav"), {"max_bytes": 100}, "cut it"),
        (make("voice.wav"), {"start_s": 9}, "segment from 9 s to .* is empty"),
        (b"no audio", {}, "cannot be opened"),
    ],
)
def test_audio_that_cannot_be_prepared_is_refused(source, options, reason):
    with pytest.raises(MediaError, match=reason):
        prepare_audio(source, **options)
