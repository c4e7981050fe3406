"""What the three prepare functions share: sources, outputs, limits, progress and errors."""

import builtins
import inspect
import math
import re
import sys

import pytest
from media_files import make

from langchain_mimo._media.inspection import inspect_source
from langchain_mimo.errors import MediaError, MiMoConfigurationError, MiMoInputError
from langchain_mimo.prepare import output as output_module
from langchain_mimo.prepare import prepare_audio, prepare_image, prepare_video

ALL = [
    (prepare_image, "photo.tiff"),
    (prepare_video, "video.mkv"),
    (prepare_audio, "voice.aiff"),
]


@pytest.mark.parametrize(
    ("prepare", "source", "name", "mime_type"),
    [
        (prepare_video, "video.mov", "x.mov", "video/quicktime"),
        (prepare_video, "video.mov", "x.mp4", "video/mp4"),
        (prepare_video, "video.avi", "x.avi", "video/x-msvideo"),
        (prepare_audio, "voice.wav", "x.wav", "audio/wav"),
        (prepare_audio, "voice.wav", "x.mp3", "audio/mpeg"),
        (prepare_audio, "video.mp4", "x.m4a", "audio/mp4"),
        (prepare_audio, "video.mp4", "x.mp3", "audio/mpeg"),
    ],
)
def test_the_suffix_of_the_output_chooses_the_format(tmp_path, prepare, source, name, mime_type):
    prepared = prepare(make(source), tmp_path / name)
    assert prepared.mime_type == mime_type
    kind = prepare.__name__.removeprefix("prepare_")
    assert inspect_source(kind, tmp_path / name).mime_type == mime_type


@pytest.mark.parametrize(
    ("prepare", "source", "name", "better"),
    [
        (prepare_image, "photo.jpg", "x.txt", "x.jpg"),
        (prepare_image, "drawing.png", "x.gif", "x.png"),
        (prepare_video, "video.mkv", "x.avi", "x.mp4"),
        (prepare_video, "video.mp4", "x.txt", "x.mp4"),
        (prepare_audio, "voice.aiff", "x.ogg", "x.mp3"),
        (prepare_audio, "video.mkv", "x.ogg", "x.mp3"),
    ],
)
def test_a_suffix_that_does_not_match_is_refused(tmp_path, prepare, source, name, better):
    with pytest.raises(MediaError, match=f"name it '{better}'"):
        prepare(make(source), tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert prepare(make(source), tmp_path / better).path == tmp_path / better


@pytest.mark.parametrize("prepare", [prepare_image, prepare_video, prepare_audio])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "takes a local path or bytes, not NoneType"),
        (5, "not int"),
        ({"type": "video", "url": "file:///x.mp4"}, "not a content block"),
        ("https://a.example/video.mp4", "does not download URLs"),
        ("data:video/mp4;base64,AAAA", "does not download URLs"),
        ("file:///video.mp4", "does not download URLs"),
        ("", "empty path"),
    ],
)
def test_a_source_that_is_not_local_media_is_refused(prepare, source, reason):
    with pytest.raises(MediaError, match=f"^{prepare.__name__}.*{reason}") as raised:
        prepare(source)
    check_one_sentence(raised.value)


def check_one_sentence(error):
    assert "\n" not in str(error)


@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (".", "'.' is a folder"),
        ("", "'' is a folder"),
        (5, "got int"),
        (b"x.mp4", "got bytes"),
        ("no/such/x.mp4", "does not exist; create it first"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(prepare, name, output, reason):
    with pytest.raises(MediaError, match=reason) as raised:
        prepare(make(name), output)
    check_one_sentence(raised.value)


INVALID_NUMBERS = [math.nan, -1, "5", True, []]


@pytest.mark.parametrize(
    ("prepare", "options"),
    [
        *((p, {n: v}) for p, _ in ALL for n in ("max_bytes", "token_budget", "time_limit") for v in INVALID_NUMBERS),
        *((p, {n: v}) for p, _ in ALL[1:] for n in ("start_s", "end_s") for v in INVALID_NUMBERS),
        *((prepare_video, {"fps": v}) for v in (*INVALID_NUMBERS, 0, 99, math.inf, None)),
        *((prepare_video, {"media_resolution": v}) for v in ("x", None, 5)),
    ],
)  # fmt: skip
def test_invalid_numbers_are_refused(prepare, options):
    name = next(iter(options))
    with pytest.raises(MiMoInputError, match=f"^{name} must be ") as raised:
        prepare(b"never read", **options)
    check_one_sentence(raised.value)


@pytest.mark.parametrize(("prepare", "name"), ALL)
@pytest.mark.parametrize(
    "options", [{}, {"start_s": 50, "end_s": 10}, {"max_bytes": 1}, {"token_budget": 1}]
)
def test_an_error_names_the_file(tmp_path, prepare, name, options):
    if prepare is prepare_image and "start_s" in options:
        options = {}
    path = tmp_path / "a video.bin"
    path.write_bytes(make(name) if options else b"not media")
    with pytest.raises(MediaError, match=re.escape(repr(str(path)))):
        prepare(path, **options)


def test_an_error_about_tracks_names_the_file(tmp_path):
    path = tmp_path / "voice.mp3"
    path.write_bytes(make("voice.mp3"))
    with pytest.raises(MediaError, match=re.escape(f"{str(path)!r} cannot be prepared: it has no")):
        prepare_video(path)


@pytest.mark.parametrize("prepare", [prepare_image, prepare_video, prepare_audio])
def test_the_default_limit_fits_either_meaning_of_megabyte(prepare):
    default = inspect.signature(prepare).parameters["max_bytes"].default
    assert -(-default // 3) * 4 == 50 * 10**6


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_a_path_as_source_and_output(tmp_path, prepare, name):
    (tmp_path / name).write_bytes(make(name))
    target = tmp_path / "result"
    target.write_bytes(b"old")
    prepared = prepare(tmp_path / name, target)
    assert prepared.source == prepared.path == target
    assert prepared.data is None
    assert target.read_bytes() == prepare(make(name)).data
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "result"])


@pytest.mark.filterwarnings("ignore:.*(EXIF|Truncated)")  # from Pillow, about the truncated TIFF
@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_a_failure_leaves_no_file_behind(tmp_path, prepare, name):
    (tmp_path / name).write_bytes(make(name)[:30])
    with pytest.raises(MediaError):
        prepare(tmp_path / name, tmp_path / "result")
    with pytest.raises(MediaError, match="is the source itself"):
        prepare(tmp_path / name, tmp_path / name)
    with pytest.raises(MediaError, match="create it first"):
        prepare(tmp_path / name, tmp_path / "no" / "result")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_progress_goes_from_zero_to_one(prepare, name, capsys):
    shares = []
    prepare(make(name), progress=shares.append, show_progress=True)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert "100 %" in capsys.readouterr().err


@pytest.mark.parametrize(("prepare", "name"), ALL)
def test_the_time_limit_stops_the_work(prepare, name, monkeypatch):
    clock = iter(range(0, 10**6, 7))
    monkeypatch.setattr(output_module.time, "monotonic", lambda: next(clock))
    with pytest.raises(MediaError, match="longer than time_limit=10 s"):
        prepare(make(name), time_limit=10, convert=True)


@pytest.mark.parametrize(
    ("prepare", "module", "source"),
    [
        (prepare_video, "av", b"x"),
        (prepare_audio, "av", b"x"),
        (prepare_image, "pillow_heif", None),
    ],
)
def test_a_missing_extra_is_named(prepare, module, source, heic, monkeypatch):
    original = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == module:
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MiMoConfigurationError, match=r'run pip install "\.\[av\]" in the'):
        prepare(source or heic)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(prepare_video, "is unknown to FFmpeg"), (prepare_audio, "no audio track that")],
)
def test_a_codec_unknown_to_ffmpeg_is_reported(prepare, reason):
    video = make("video.mkv").replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/ABCDE")
    with pytest.raises(MediaError, match=reason):
        prepare(video.replace(b"A_AAC", b"A_XYZ"))


def play_list(target):
    return (f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n").encode()


@pytest.mark.parametrize("prepare", [prepare_video, prepare_audio])
@pytest.mark.parametrize(
    "trick",
    [
        lambda path: play_list(f"file://{path}"),
        lambda path: play_list("http://127.0.0.1:9/x.ts"),
        lambda path: f"ffconcat version 1.0\nfile '{path}'\n".encode(),
        lambda path: (
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"
        ),
        lambda path: (
            f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file://{path}</BaseURL></MPD>'.encode()
        ),
        lambda path: f"concat:{path}".encode(),
    ],
)
def test_nothing_but_the_given_file_is_opened(tmp_path, prepare, trick, monkeypatch):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(make("video.mp4"))
    given = tmp_path / "-given.m3u8"
    given.write_bytes(trick(secret))
    with pytest.raises(MediaError, match=r"cannot be (opened|converted)"):
        prepare(given)
    with pytest.raises(MediaError, match=r"cannot be (opened|converted)"):
        prepare(given.read_bytes())
