"""The collection: media files of the kinds that people really have, each with the truth about it.

It has the containers, codecs and oddities that MiMo accepts or that `langchain_mimo.prepare`
reads. Families are in files of their own: `images`, `audio`, `video`, the oddities of each beside
it, and `copies` for files in tests/fixtures/media that Pillow and PyAV cannot make. Import it as
`media_collection`: tests/helpers is on pytest's pythonpath.

    @pytest.mark.parametrize("file", collection("video"), ids=str)
    def test_something(file):
        prepare_video(file.data)

A file is made once per process, when `data` is first read. To add one, write a function in the
file of its family:

    @image("grey_16_bit.png", block="accepted", shown=(40, 30))
    def _(): ...
"""

from media_collection import (
    audio,
    audio_oddities,
    copies,
    image_colours,
    image_oddities,
    image_pixels,
    images,
    video,
    video_headers,
    video_oddities,
)
from media_collection.registry import MediaFile, collection, find

__all__ = [
    "MediaFile",
    "audio",
    "audio_oddities",
    "collection",
    "copies",
    "find",
    "image_colours",
    "image_oddities",
    "image_pixels",
    "images",
    "video",
    "video_headers",
    "video_oddities",
]
