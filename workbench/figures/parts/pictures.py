"""Pictures inside figures and pages: as data URIs, so that no other file is needed."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from workbench.shapes import UInt8, shaped


def data_uri(image: Image.Image, form: str = "PNG", **saving: Any) -> str:
    """A picture as a data URI; `saving` goes to the encoder of PNG or JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, format=form, **saving)
    return f"data:image/{form.lower()};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@shaped
def frame_uri(frame: UInt8[np.ndarray, "H W 3"], width: int) -> str:
    """A frame as a data URI, a PNG at most `width` wide."""
    image = Image.fromarray(frame)
    image.thumbnail((width, 4 * width))
    return data_uri(image)
