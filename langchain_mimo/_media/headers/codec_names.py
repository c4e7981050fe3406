"""FFmpeg's names of codecs, by the codes that containers use."""

from __future__ import annotations

_NAMES = {
    # MP4 and MOV
    "avc1": "h264", "avc2": "h264", "avc3": "h264", "avc4": "h264", "hvc1": "hevc", "hev1": "hevc",
    "dvh1": "hevc", "dvhe": "hevc", "av01": "av1", "vp08": "vp8", "vp09": "vp9", "mp4v": "mpeg4",
    "s263": "h263", "apcn": "prores", "apcs": "prores", "apco": "prores", "apch": "prores",
    "ap4h": "prores", "ap4x": "prores", "jpeg": "mjpeg", "mjpa": "mjpeg", "mjpb": "mjpegb",
    "png ": "png", "rle ": "qtrle", "SVQ1": "svq1", "SVQ3": "svq3", "mp4a": "aac", ".mp3": "mp3",
    "Opus": "opus", "fLaC": "flac", "ac-3": "ac3", "ec-3": "eac3", "alac": "alac",
    "samr": "amr_nb", "sawb": "amr_wb", "sowt": "pcm_s16le", "twos": "pcm_s16be",
    "tx3g": "mov_text", "text": "mov_text",
    # AVI and WMV
    "H264": "h264", "h264": "h264", "X264": "h264", "x264": "h264", "HEVC": "hevc", "XVID": "mpeg4",
    "xvid": "mpeg4", "DIVX": "mpeg4", "divx": "mpeg4", "DX50": "mpeg4", "FMP4": "mpeg4",
    "MP4V": "mpeg4", "MJPG": "mjpeg", "mjpg": "mjpeg", "DIV3": "msmpeg4v3", "MP43": "msmpeg4v3",
    "MP42": "msmpeg4v2", "WMV1": "wmv1", "WMV2": "wmv2", "WMV3": "wmv3", "WVC1": "vc1",
    "HFYU": "huffyuv", "FFV1": "ffv1",
    "dvsd": "dvvideo", "cvid": "cinepak", "IV50": "indeo5", "uncompressed": "rawvideo",
    # FFmpeg's own, where a decoder has another name than its codec
    "mp3float": "mp3", "libdav1d": "av1", "libopus": "opus", "libvorbis": "vorbis",
    "libvpx": "vp8", "libvpx-vp9": "vp9",
    # images, by the names of their formats
    "JPEG": "mjpeg", "PNG": "png", "GIF": "gif", "WebP": "webp", "BMP": "bmp", "TIFF": "tiff",
    "HEIC": "hevc", "AVIF": "av1", "JPEG 2000": "jpeg2000",
}  # fmt: skip


def codec_name(code: str | None) -> str | None:
    """Return FFmpeg's name of a codec, or the code itself where it has none here."""
    return _NAMES.get(code, code) if code is not None else None
