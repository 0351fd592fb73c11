"""Clips of coloured cells, as folders of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

SIDE = 14
"""Pixels along a side of a cell."""
COLOURS = {
    "k": (0, 0, 0),
    "r": (255, 0, 0),
    "g": (0, 255, 0),
    "b": (0, 0, 255),
    "m": (255, 0, 255),
    "c": (0, 255, 255),
    "w": (255, 255, 255),
}
"""black, red, green, blue, magenta, cyan, white."""


def write_clip(frames: Sequence[str], folder: Path) -> Path:
    """Writes a frame a picture, each given as the colours of its four cells in reading order: "rrrr"."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        cells = np.array([COLOURS[letter] for letter in frame], dtype=np.uint8).reshape(2, 2, 3)
        Image.fromarray(cells.repeat(SIDE, axis=0).repeat(SIDE, axis=1)).save(folder / f"{number}.png")
    return folder
