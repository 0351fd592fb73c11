"""Pictures as data URIs: what was put in comes out, no wider than asked."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from workbench.figures.parts.pictures import data_uri, frame_uri


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_png_keeps_every_pixel() -> None:
    frame = noise(20, 30)
    uri = data_uri(Image.fromarray(frame))
    assert uri.startswith("data:image/png;base64,")
    np.testing.assert_array_equal(np.asarray(opened(uri)), frame)


def test_a_jpeg_is_as_small_as_its_quality() -> None:
    image = Image.fromarray(noise(64, 64))
    fine, coarse = (data_uri(image, "JPEG", quality=quality) for quality in (95, 20))
    assert fine.startswith("data:image/jpeg;base64,")
    assert len(coarse) < len(fine)
    assert opened(coarse).size == (64, 64)


@pytest.mark.parametrize(
    ("shape", "size"), [((40, 80), (40, 20)), ((20, 30), (30, 20)), ((400, 10), (4, 160))], ids=str
)
def test_a_frame_keeps_its_proportions_and_is_never_enlarged(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    assert opened(frame_uri(noise(*shape), 40)).size == size
