"""A model, samples and an engine that only pretend: enough for a sweep, and countable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from workbench.data import Sample, Samples
from workbench.engine import Baseline, Engine, Outcome, Outcomes, Request
from workbench.errors import ClipError
from workbench.models.checkpoints import CheckpointFolder
from workbench.prompts.layout import TokenLayout
from workbench.prompts.pixels import PixelSettings
from workbench.prompts.prompt import Prompt

VOCABULARY = ("<pad>", "A", "B", "C", "left", "right", " ")
LETTER_IDS = {"A": (1,), "B": (2,), "C": (3,)}


class StandInTokenizer:
    """Whole words; an unknown word becomes a space and then "left"."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [VOCABULARY.index(text.strip())] if text.strip() in VOCABULARY else [6, 4]


class StandInClip:
    """A clip of 8 bytes."""

    frames = np.zeros(8, np.uint8)


class StandInModel:
    """Four layers, two frames of two tokens. A clip that is named broken cannot be read."""

    name = "stand-in"
    weights_hash = "0" * 64
    checkpoint = CheckpointFolder("stand-in", Path("stand-in"))
    template, pixels = "{{ question }}", PixelSettings(size={"height": 2, "width": 2})
    n_layers, n_heads = 4, 2
    setting = adapter = load_in = remote = cache = None
    device, dtype, attention = "cpu", "torch.float32", "sdpa"
    tokenizer = StandInTokenizer()
    config = None
    hf = structure = None
    family = SimpleNamespace(
        default_separators="video",
        masks_of_its_own=lambda config: False,
        guessed=False,
        recurrent=(),
        recurrent_layers=lambda root: {},
    )

    def read_clip(self, sample: Sample, frames: Any = None) -> StandInClip:
        if sample.video.stem == "broken":
            raise ClipError(f"{sample.video} cannot be read. Copy it again.")
        return StandInClip()

    def encode(
        self, sample: Sample, *, clip: Any = None, style: str | None = None, separators: str | None = None
    ) -> Prompt:
        spans: dict[str, list[int]] = {"video": [1, 2, 3, 4], "question": [5, 6, 7], "last": [9]}
        if sample.task != "no_options":
            spans |= {"nonoption": [5], "option[A]": [6], "option[B]": [7], "true_option": [6]}
        layout = TokenLayout(length=10, spans=spans, frames=[[1, 2], [3, 4]])
        none: Any = None  # no clip, so nothing was done to its frames
        ids = {letter: LETTER_IDS[letter] for letter in sample.letters}
        return Prompt(
            inputs={}, layout=layout, sample=sample, clip=none, pixels=none, text="", answer_ids=ids
        )

    def token_text(self, token_id: int) -> str:
        return VOCABULARY[token_id]


class StandInEngine(Engine):
    """Probabilities that depend on the sample and the knockout's text alone. Counts what it runs."""

    name = "stand-in"

    def __init__(self, *, seconds: float = 0.0, fails_on: str | None = None) -> None:
        self.seconds = seconds
        self.fails_on = fails_on
        self.swept: list[str] = []
        self.knockouts: list[str] = []

    def run(
        self, model: Any, requests: Sequence[Request], on_done: Callable[[int], object] | None = None
    ) -> list[Outcomes]:
        return [self._run(request, on_done) for request in requests]

    def _run(self, request: Request, on_done: Callable[[int], object] | None) -> Outcomes:
        sample = request.prompt.sample
        assert sample is not None
        says = VOCABULARY.index(sample.stem.split()[-1] if sample.stem else "A")
        wanted = request.wanted is None or request.wanted(says)
        knockouts = request.interventions if wanted else ()
        if sample.id == self.fails_on:
            raise RuntimeError("out of memory")
        results = []
        for knockout in knockouts:
            time.sleep(self.seconds)
            p = fraction(f"{sample.id} {knockout}")
            results.append(Outcome(p=p, top_id=1 if p > 0.3 else 2, top_p=max(p, 0.5)))
            self.knockouts.append(str(knockout))
            if on_done is not None:
                on_done(1)
        if knockouts:
            self.swept.append(sample.id)
        return Outcomes(Baseline(says, 0.5 + fraction(sample.id) / 2), results)


def fraction(text: str) -> float:
    """A number from 0 to 1 drawn from a text, with all 53 bits in use."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def questions(*answers: int, task: str = "direction", broken: tuple[int, ...] = ()) -> Samples:
    """One sample an answer; the stand-in always says A, which is answer 0."""
    return Samples(
        [
            Sample(
                id=f"{task}/{index}",
                task=task,
                video=f"{'broken' if index in broken else index}.mp4",  # pyright: ignore[reportArgumentType]
                question="Where does it move?",
                options=("left", "right"),
                answer=answer,
            )
            for index, answer in enumerate(answers)
        ],
        name="stand-in",
    )
