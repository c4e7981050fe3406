"""How the emulator describes media, and the tokens it bills for them."""

import base64
import io
import math
import struct
import wave
from fractions import Fraction

import av
import pytest
from PIL import Image

from langchain_mimo.emulator.answers.media_values import describe
from langchain_mimo.emulator.api.models import find_model, simulated_time
from langchain_mimo.emulator.conversation.request import Conversation, Turn
from langchain_mimo.emulator.conversation.usage import PrefixCache, media_tokens
from langchain_mimo.emulator.media.colours import colour_name
from langchain_mimo.emulator.media.containers import detect_container
from langchain_mimo.emulator.media.library import MediaLibrary
from langchain_mimo.emulator.refusals import Refusal


def make_image(form="PNG", size=(640, 480), colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, form)
    return stream.getvalue()


def tone(seconds=1.5, pitch=440, level=12000, rate=16000):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(
            b"".join(
                struct.pack("<h", int(level * math.sin(2 * math.pi * pitch * i / rate)))
                for i in range(int(seconds * rate))
            )
        )
    return stream.getvalue()


def encoded_audio(container, codec, seconds=2.0, rate=44100):
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as out:
        track = out.add_stream(codec, rate=rate)
        track.layout = "mono"
        _write_audio(out, track, seconds, rate)
    return stream.getvalue()


def _write_audio(out, track, seconds, rate):
    resampler = av.AudioResampler(format=track.format.name, layout="mono", rate=rate)
    source = av.AudioFrame(format="s16", layout="mono", samples=int(seconds * rate))
    source.sample_rate = rate
    source.pts = 0
    source.planes[0].update(
        b"".join(
            struct.pack("<h", int(9000 * math.sin(2 * math.pi * 220 * i / rate)))
            for i in range(int(seconds * rate))
        ).ljust(source.planes[0].buffer_size, b"\0")
    )
    for frame in resampler.resample(source):
        size = track.codec_context.frame_size or frame.samples
        fifo = av.AudioFifo()
        fifo.write(frame)
        while piece := fifo.read(size, partial=True):
            out.mux(track.encode(piece))
    out.mux(track.encode(None))


def make_video(container="mp4", codec="mpeg4", size=(320, 240), seconds=2, rate=25, audio=None):
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as out:
        video = out.add_stream(codec, rate=rate)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        track = None
        if audio:
            track = out.add_stream(audio, rate=44100)
            track.layout = "mono"
        for index in range(seconds * rate):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, "blue"))
            frame.pts = index
            frame.time_base = Fraction(1, rate)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if track is not None:
            _write_audio(out, track, seconds, 44100)
    return stream.getvalue()


def data_url(mime_type, data):
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def opened(kind, mime_type, data, **options):
    return MediaLibrary().from_reference(kind, data_url(mime_type, data), **options)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_images_of_every_format(form):
    item = opened("image", f"image/{form.lower()}", make_image(form))
    assert describe(item, 1) == f"Image 1: {form}, 640×480 pixels, mainly red."
    assert media_tokens(item).image == 300


@pytest.mark.parametrize(
    ("mime_type", "data", "container"),
    [
        ("audio/wav", tone(), "WAV"),
        ("audio/flac", encoded_audio("flac", "flac"), "FLAC"),
        ("audio/mpeg", encoded_audio("mp3", "mp3"), "MP3"),
        ("audio/ogg", encoded_audio("ogg", "libopus", rate=48000), "OGG"),
        ("audio/mp4", encoded_audio("ipod", "aac"), "MP4"),
    ],
)
def test_audio_of_every_format(mime_type, data, container):
    item = opened("audio", mime_type, data)
    assert item.info.format == container
    assert item.info.duration == pytest.approx(1.5 if container == "WAV" else 2, abs=0.06)
    assert "dBFS" in describe(item, 1)


def test_the_pitch_of_a_tone_is_found():
    text = describe(opened("audio", "audio/wav", tone()), 2)
    assert text == (
        "Audio 2: WAV, 1.50 seconds long, 16000 Hz mono, loud (-11.7 dBFS), a tone of about 440 Hz."
    )
    assert "silent" in describe(opened("audio", "audio/wav", tone(level=0)), 1)


@pytest.mark.parametrize(
    ("mime_type", "data", "container"),
    [
        ("video/mp4", make_video(), "MP4"),
        ("video/quicktime", make_video("mov"), "MOV"),
        ("video/x-msvideo", make_video("avi"), "AVI"),
        ("video/x-ms-wmv", make_video("asf", "wmv2"), "ASF"),
    ],
)
def test_videos_of_every_format(mime_type, data, container):
    item = opened("video", mime_type, data)
    info = item.info
    assert (info.format, info.width, info.height) == (container, 320, 240)
    assert info.duration == pytest.approx(2, abs=0.1)
    assert not info.has_audio
    assert "25 frames per second" in describe(item, 1)
    assert "mainly blue, without audio" in describe(item, 1)


def test_a_video_with_audio_is_billed_for_both():
    item = opened("video", "video/mp4", make_video(audio="aac"), fps=4.0, media_resolution="max")
    count = media_tokens(item)
    assert "with audio (44100 Hz mono" in describe(item, 1)
    # 2 s at 4 fps: 8 frames, 4 grids; a frame of 320×240 has 10 × 8 cells.
    assert count.video == 4 * 80
    assert count.audio == 13
    assert count.total > count.video + count.audio


def test_token_counts_match_the_official_samples():
    library = MediaLibrary()
    image = media_tokens(library.from_reference("image", "https://x.example/a.png"))
    audio = media_tokens(library.from_reference("audio", "https://x.example/a.wav"))
    video = media_tokens(library.from_reference("video", "https://x.example/a.mp4"))
    assert image.image == 1024
    assert audio.audio == 25
    assert (video.video, video.audio) == (1144, 19)
    assert media_tokens(opened("image", "image/png", make_image(size=(1024, 1024)))).image == 1024
    assert media_tokens(opened("image", "image/png", make_image(size=(1920, 1080)))).image == 2040


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"\xff\xf1\x50\x80", ""),  # AAC in ADTS
        (b"\x00\x00\x00\x14ftypqt  ", "MOV"),
        (b"\x00\x00\x00\x14moov", "MOV"),
        (b"\x1aE\xdf\xa3", ""),  # Matroska
        (b"RIFF\0\0\0\0AVI ", "AVI"),
        (b"<svg", ""),
        (b"", ""),
    ],
)
def test_containers_by_their_first_bytes(head, container):
    assert detect_container(head) == container


def test_video_as_audio_and_audio_as_video_are_refused():
    with pytest.raises(Refusal, match="invalid audio format"):
        opened("audio", "audio/mp4", make_video(audio="aac"))
    with pytest.raises(Refusal, match="invalid video format"):
        opened("video", "video/mp4", encoded_audio("ipod", "aac"))


def test_a_song_with_a_cover_image_counts_as_audio():
    song = encoded_audio("mp3", "mp3")
    if song.startswith(b"ID3"):
        song = song[10 + int.from_bytes(song[6:10], "big") :]
    cover = b"\0image/png\0\x03\0" + make_image(size=(32, 32))
    frame = b"APIC" + len(cover).to_bytes(4, "big") + b"\0\0" + cover
    length = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    tagged = b"ID3\3\0\0" + length + frame + song
    item = opened("audio", "audio/mpeg", tagged)
    assert item.info.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("keep", [30, 200])
def test_a_truncated_video_is_refused(keep):
    with pytest.raises(Refusal, match="corrupted"):
        opened("video", "video/mp4", make_video()[:keep])


def test_a_huge_image_is_measured_but_not_decoded():
    stream = io.BytesIO()
    Image.new("1", (14000, 14000)).save(stream, "PNG", optimize=False)
    limit = Image.MAX_IMAGE_PIXELS
    item = opened("image", "image/png", stream.getvalue())
    assert "too large to decode" in describe(item, 1)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_urls_mapped_to_folders(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a b.png").write_bytes(make_image())
    (tmp_path / "secret.png").write_bytes(make_image())
    library = MediaLibrary({"https://files.example/m/": tmp_path / "media"})
    item = library.from_reference("image", "https://files.example/m/a%20b.png?x=1")
    assert item.info.format == "PNG"
    assert item.mime_type == "image/png"
    for path in ("../secret.png", "%2e%2e/secret.png", "none.png"):
        with pytest.raises(Refusal, match="corrupted"):
            library.from_reference("image", f"https://files.example/m/{path}")
    other = library.from_reference("image", "https://elsewhere.example/a.png")
    assert "not fetched from https://elsewhere.example/a.png" in describe(other, 1)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 0, 0), "red"),
        ((0, 160, 0), "green"),
        ((0, 0, 200), "blue"),
        ((250, 250, 250), "white"),
        ((8, 8, 8), "black"),
        ((128, 128, 128), "grey"),
        ((255, 165, 0), "orange"),
        ((255, 255, 0), "yellow"),
        ((139, 69, 19), "brown"),
        ((255, 105, 180), "pink"),
    ],
)
def test_colour_names(rgb, name):
    assert colour_name(*rgb) == name


def conversation(*texts):
    model = find_model("mimo-v2.6-pro", simulated_time(None))
    return Conversation(model, [Turn("user", [text]) for text in texts])


def test_a_repeated_prompt_prefix_is_cached_in_blocks_of_64():
    cache = PrefixCache()
    long = "word " * 200
    count, cached = cache.count_prompt(conversation(long))
    assert cached == 0
    again, cached = cache.count_prompt(conversation(long, "and more"))
    assert cached == (count.total // 64) * 64 > 0
    _, cached = cache.count_prompt(conversation("other", long))
    assert cached == 0
    _, cached = cache.count_prompt(conversation(long, "and more"))
    assert cached <= again.total - 1
    off = PrefixCache(enabled=False)
    off.count_prompt(conversation(long))
    assert off.count_prompt(conversation(long))[1] == 0
