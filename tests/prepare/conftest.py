"""Fixtures of the prepare tests."""

import io

import pillow_heif
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def heic():
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(buffer)
    return buffer.getvalue()
