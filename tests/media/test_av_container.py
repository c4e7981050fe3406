"""Opening files with PyAV: every version of it, and none of its errors gets out."""

import io
import re

import av
import pytest
from media_files import make

from langchain_mimo._media import av_container
from langchain_mimo._media.av_container import ffmpeg_errors, open_container, packets_of
from langchain_mimo.errors import MediaError, MiMoInputError

VIDEO = make("video.mp4")


def test_pyav_before_19_is_told_to_ignore_text_that_is_not_utf_8(monkeypatch):
    def fake(file, mode, *, options, metadata_errors="strict"):
        return "strict" if metadata_errors == "strict" else real(file, mode, options=options)

    real = av.open
    monkeypatch.setattr(av, "open", fake)
    assert open_container(io.BytesIO(VIDEO)).streams.video


def test_pyav_19_is_not_given_the_option_that_it_removed(monkeypatch):
    def fake(file, mode, *, options):
        return real(file, mode, options=options)

    real = av.open
    monkeypatch.setattr(av, "open", fake)
    assert open_container(io.BytesIO(VIDEO)).streams.video


def test_another_type_error_is_an_error_of_the_file(monkeypatch):
    def fake(*args, **options):
        raise TypeError("something else")

    monkeypatch.setattr(av, "open", fake)
    with pytest.raises(MediaError, match="cannot be opened as video or audio: something else;"):
        open_container(io.BytesIO(VIDEO))


ERRORS = [
    av.error.InvalidDataError(1, "bad data"),
    av.error.ArgumentError(1, "bad argument"),
    av.error.PermissionError(1, "no"),
    OverflowError("too large"),
    OSError("disk"),
    ValueError("value"),
    OverflowError("large"),
    EOFError(),
    RuntimeError("engine"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "reason"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: getattr(type(error), "__name__", "x"))
def test_every_error_of_the_engine_becomes_a_media_error(error):
    with pytest.raises(MediaError) as raised, ffmpeg_errors("it failed"):
        raise error
    assert re.fullmatch("it failed: .+; get another copy", raised.value.reason)


def test_errors_of_this_package_and_interruptions_pass():
    with pytest.raises(MiMoInputError), ffmpeg_errors("it failed"):
        raise MiMoInputError("x")
    with pytest.raises(KeyboardInterrupt), ffmpeg_errors("it failed"):
        raise KeyboardInterrupt


def test_an_error_between_two_packets_is_an_error_of_the_file():
    class Container:
        def demux(self, *streams):
            raise av.error.ArgumentError(22, "Invalid argument")
            yield

    with pytest.raises(MediaError, match="cannot be read to its end: Invalid argument"):
        list(packets_of(Container(), []))


def test_ffmpeg_gets_no_protocol_and_no_playlist():
    assert "none" in av_container._NO_PROTOCOL
    with pytest.raises(MediaError, match="cannot be opened"):
        open_container(io.BytesIO(b"#EXTM3U\nfile:///etc/passwd\n"))
