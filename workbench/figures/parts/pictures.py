"""Pictures inside figures and pages: as data URIs, so that no other file is needed."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image


def data_uri(image: Image.Image, form: str = "PNG", **saving: Any) -> str:
    """A picture as a data URI; `saving` goes to the encoder of PNG or JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, format=form, **saving)
    return f"data:image/{form.lower()};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def frame_uri(frame: np.ndarray, width: int) -> str:
    """A frame (H, W, 3) uint8 as a data URI, a PNG at most `width` wide."""
    image = Image.fromarray(frame)
    image.thumbnail((width, 4 * width))
    return data_uri(image)
