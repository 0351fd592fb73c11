"""What transformers' video processors make of clips of noise: recorded where torchvision could be had.

By transformers 5.23.0 with torchvision 0.28.0: `processor(text=[rendered chat template], videos=[frames],
video_metadata=[..fps=2..], do_sample_frames=False)` with the processor's class of the family and the tiny
model's settings. There the ids were equal too, of 3, 4 and 5 frames, but for Qwen3-VL's: its processor puts
`<|vision_start|>` and `<|vision_end|>` around what the template already has in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tiny import pixel_input, tiny_model
from workbench.video import Clip


def noise_clip(frames: int) -> Clip:
    """Noise, of a size that is neither square nor a whole number of patches, two frames a second."""
    pixels = np.random.default_rng(0).integers(0, 256, (frames, 37, 50, 3), dtype=np.uint8)
    return Clip(frames=pixels, timestamps=np.arange(frames) / 2, path=None, duration=frames / 2)


def check_pixels(
    family: str,
    frames: int,
    shape: tuple[int, ...],
    some: list[float],
    total: float,
    squares: float,
    **other: Any,
) -> None:
    """That pixel values have this shape, these values a quarter apart, this sum and this sum of squares."""
    prompt = tiny_model(family).encode(noise_clip(frames), "Where?", **other)
    values = prompt.inputs[pixel_input(prompt)]
    assert tuple(values.shape) == shape
    flat = values.flatten().double()
    assert flat[:: len(flat) // 4][:4].tolist() == pytest.approx(some, abs=2e-6)
    # Resizing rounds to 256 levels: on another processor a few pixels go to the next one, 0.01 away.
    assert flat.sum().item() == pytest.approx(total, abs=0.1)
    assert flat.square().sum().item() == pytest.approx(squares, abs=0.2)
