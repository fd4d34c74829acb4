"""A PNG with a palette shows the picture it was made from."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from harness.png import with_palette

pytestmark = pytest.mark.any_database


def picture_of(colours: int) -> np.ndarray:
    """Return 40 x 100 pixels in this number of colours."""
    values = np.resize(np.arange(colours), (40, 100))
    return np.stack([values % 256, values // 256, values % 7], axis=2).astype(np.uint8)


def png_of(pixels: np.ndarray) -> bytes:
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"
    codec.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def pixels_of(png: bytes) -> np.ndarray:
    with av.open(io.BytesIO(png), "r") as picture:
        return next(picture.decode(video=0)).to_ndarray(format="rgb24")


def test_a_png_of_few_colours_keeps_them():
    picture = picture_of(200)
    assert (pixels_of(with_palette(png_of(picture))) == picture).all()


def test_a_png_of_many_colours_keeps_each_nearly():
    picture = picture_of(300).astype(int)
    seen = pixels_of(with_palette(png_of(picture.astype(np.uint8)))).astype(int)
    assert seen.shape == picture.shape
    assert abs(seen - picture).max() <= 50
