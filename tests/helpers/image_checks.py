"""Compares decoded pixels."""

import io

from PIL import Image, ImageChops, ImageStat


def decoded(data):
    """Return an image, decoded to the last row."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def differences(one, other):
    """Return the greatest and the mean difference of any channel of two images, 0 to 255.

    Both are shown on white and on black, so that what is transparent counts as it is seen.
    """
    assert one.size == other.size
    found = []
    for background in ("white", "black"):
        shown = [
            Image.alpha_composite(Image.new("RGBA", image.size, background), image.convert("RGBA"))
            for image in (one, other)
        ]
        found.append(ImageChops.difference(*(image.convert("RGB") for image in shown)))
    difference = ImageChops.lighter(*found)
    greatest = max(high for _, high in difference.getextrema())
    return greatest, max(ImageStat.Stat(difference).mean)


def on_white(image):
    """Return an image in RGB, on white where it is transparent."""
    background = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")
