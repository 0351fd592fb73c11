"""What the checks ask a model, and how they say that it is wrong."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from workbench.engine import Slower
from workbench.video import Clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt

QUESTION, OPTIONS = "Which way does it move?", ("left", "right", "up")


class Broken(AssertionError):
    """The model, or what is built around it, does not do what it must."""


def must(holds: bool, otherwise: str) -> None:
    """Raises Broken."""
    if not holds:
        raise Broken(otherwise)


def clip(n_frames: int, *, changed: int | None = None) -> Clip:
    """Coloured noise, two frames a second; one frame of it changed."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (n_frames, 8, 8, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    if changed is not None:
        frames[changed] = 255 - frames[changed]
    times = 0.25 + 0.5 * np.arange(n_frames)
    return Clip(frames=frames, timestamps=times, path=None, duration=n_frames / 2)


def prompt_of(model: VideoLLM, n_frames: int = 4, **how: Any) -> Prompt:
    """A multiple-choice question about that clip; `how` goes to `encode`."""
    changed = how.pop("changed", None)
    return model.encode(clip(n_frames, changed=changed), QUESTION, options=OPTIONS, **how)


def embedded(model: VideoLLM, prompt: Prompt) -> Tensor:
    """What enters the first layer (s, d)."""
    return model.run_with_cache(prompt, "hook_embed").cache["hook_embed"][0]


@contextmanager
def told() -> Iterator[list[str]]:
    """What is warned of meanwhile: models that the reference engine must run."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Slower)
        yield said
    said += [str(one.message) for one in caught if issubclass(one.category, Slower)]
