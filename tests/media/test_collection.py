"""The collection is what it says it is."""

import media_collection
import pytest
from media_collection.writing import frame_number, numbered_frame


def test_it_is_large_and_has_every_kind():
    files = media_collection.collection()
    assert len(files) >= 150
    for kind in ("image", "audio", "video"):
        for block in ("accepted", "refused"):
            assert len(media_collection.collection(kind, block=block)) >= 10, (kind, block)


@pytest.mark.parametrize("file", media_collection.collection(), ids=str)
def test_each_file_can_be_made(file):
    assert bool(file.data) != file.name.startswith("empty.")


@pytest.mark.parametrize("number", [0, 1, 19, 111, 255])
@pytest.mark.parametrize("size", [(96, 64), (320, 180), (40, 22)])
def test_a_frame_shows_its_number(number, size):
    assert frame_number(numbered_frame(number).resize(size)) == number


def test_copies_are_all_there():
    folder = media_collection.copies.FOLDER
    names = {file.name for file in media_collection.collection()}
    assert {path.name for path in folder.iterdir()} <= names
