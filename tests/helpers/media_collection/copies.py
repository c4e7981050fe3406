"""Files in tests/fixtures/media that cannot be made with Pillow and PyAV alone."""

import functools
import pathlib

from media_collection.registry import add

FOLDER = pathlib.Path(__file__).parents[2] / "fixtures" / "media"

_COPIES = {
    # Images
    "p_cgbi.png": ("image", {"block": "refused", "shown": (320, 200), "about": "Xcode's PNG variant"}),
    "p_cmyk.jpg": ("image", {"prepared": None, "shown": (320, 200), "about": "CMYK from print"}),
    "p_cut.jpg": ("image", {"block": "refused", "shown": (320, 200), "about": "half of a JPEG"}),
    "p_noeoi.jpg": ("image", {"block": "refused", "shown": (320, 200), "about": "no end marker, as cameras write it"}),
    "p_png_cut.png": ("image", {"block": "refused", "shown": (320, 200), "about": "half of a PNG"}),
    # Audio
    "audio_only.mov": ("audio", {"seconds": 3.0, "about": "QuickTime without video"}),
    "chained.ogg": ("audio", {"prepared": "converted", "seconds": 6.0, "about": "two Ogg streams joined"}),
    "frag.m4a": ("audio", {"seconds": 3.0, "about": "fragmented M4A"}),
    "id3_aac.aac": ("audio", {"block": "refused", "seconds": 3.0, "about": "an ID3 tag before ADTS AAC"}),
    "id3_flac.flac": ("audio", {"prepared": None, "seconds": 3.0, "about": "an ID3 tag before FLAC"}),
    "plain.amr": ("audio", {"block": "refused", "prepared": "converted", "seconds": 2.5, "about": "PyAV 19 writes no AMR"}),
    "plain.wma": ("audio", {"block": "refused", "seconds": 3.0, "about": "ASF without video"}),
    "voice.3gp": ("audio", {"prepared": None, "seconds": 2.5, "about": "AMR of a phone"}),
    "vorbis_offset.ogg": ("audio", {"prepared": "converted", "seconds": 3.0, "about": "a recording of a running stream"}),
    "wav_rf64.wav": ("audio", {"block": "refused", "seconds": 3.0, "about": "RF64"}),
    "wav_sox_pipe.wav": ("audio", {"prepared": "converted", "seconds": 3.0, "about": "length 0x7ffff000: written to a pipe"}),
    "x_concat.mp3": ("audio", {"prepared": "converted", "seconds": 9.1, "about": "three MP3s joined"}),
    "x_pipe.flac": ("audio", {"prepared": "converted", "seconds": 3.0, "about": "unstated length: written to a pipe"}),
    # Video
    "old_phone.3gp": ("video", {"prepared": None, "seconds": 2.0, "shown": (176, 144), "frames": 20, "has_audio": True, "about": "H.263 and AMR"}),
    "v_1frame.mp4": ("video", {"seconds": 0.1, "shown": (320, 180), "frames": 1, "about": "a single frame"}),
    "v_edit.mp4": ("video", {"seconds": 1.65, "shown": (320, 180), "frames": 16, "about": "trimmed by an edit list"}),
    "v_mkv.mkv": ("video", {"block": "refused", "seconds": 3.0, "shown": (320, 180), "about": "B-frames without dts"}),
    "v_rot90.mov": ("video", {"seconds": 3.0, "shown": (180, 320), "about": "rotated by 90 degrees"}),
    "v_ts.mp4": ("video", {"block": "refused", "seconds": 3.0, "shown": (320, 180), "about": "MPEG-TS, named MP4"}),
    "v_two_audio.mp4": ("video", {"seconds": 3.0, "shown": (320, 180), "about": "two audio tracks"}),
    "v_vfr.mp4": ("video", {"prepared": None, "seconds": 3.0, "shown": (320, 180), "frames": 42, "about": "variable frame rate"}),
}  # fmt: skip


def _read(name):
    return (FOLDER / name).read_bytes()


for _name, (_kind, _truth) in _COPIES.items():
    add(_name, _kind, functools.partial(_read, _name), **_truth)
