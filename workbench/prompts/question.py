"""What is asked about which frames: a sample of a benchmark, or a free question about a clip or a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workbench.data.sample import Sample
from workbench.errors import PromptError
from workbench.prompts.styles import PromptText, Style, build_prompt, default_style

if TYPE_CHECKING:
    from workbench.cache import Cache
    from workbench.video import Clip, Sampling

DEFAULT_FRAMES = 8
"""Frames of a clip where nobody says otherwise, at midpoints of equal segments (Map the Flow, section 3)."""


class Question(NamedTuple):
    """A question with its words and its frames."""

    sample: Sample | None
    """The sample that it was asked by; None for a free question."""
    clip: Clip
    words: PromptText
    letters: tuple[str, ...]
    """Of the options; empty where it has none."""


def ask(
    sample: Sample | Clip | str | Path,
    question: str | None = None,
    *,
    options: Sequence[str] = (),
    clip: Clip | None = None,
    frames: Sampling | int | str | None = None,
    style: str | Style | None = None,
    read: Callable[[Sample, Sampling | int | str | None], Clip] | None = None,
) -> Question:
    """The question of a sample, or `question` about a clip or the path of a video, perhaps with `options`.

    `clip` takes the place of the sample's video; `read` reads that, `clip_of` where it is left out. Raises
    PromptError where two of these say different things or too little, ClipError, SampleError.
    """
    if isinstance(sample, Sample):
        if question is not None or options:
            raise PromptError(
                "A sample brings its own question and options, so question= and options= have no place "
                "beside it. Change the sample (dataclasses.replace), or give a clip or a path instead."
            )
        shown = (read or clip_of)(sample, frames) if clip is None else _clip(clip, frames)
        words = build_prompt(sample, style or default_style(sample), times=shown.timestamps.tolist())
        return Question(sample, shown, words, tuple(sample.letters))
    if clip is not None:
        raise PromptError("clip= replaces the video of a sample. Without a sample, give the clip first.")
    if question is None:
        raise PromptError(
            "A clip needs a question: encode(clip, 'What moves?', options=['a ball', 'a cat'])."
        )
    shown = _clip(sample, frames)
    asked = _free_sample(shown, question, options)
    return Question(None, shown, build_prompt(asked, style or _style_of_free(asked)), tuple(asked.letters))


def clip_of(sample: Sample, frames: Sampling | int | str | None = None, cache: Cache | None = None) -> Clip:
    """The clip of a sample's video, its frames chosen as `ask` would. Safe in threads. Raises ClipError."""
    from workbench.video import read_clip, read_kept

    chosen = DEFAULT_FRAMES if frames is None else frames
    if cache is not None:
        return read_kept(cache, sample.video, chosen, start=sample.start, end=sample.end)
    return read_clip(sample.video, chosen, start=sample.start, end=sample.end)


def _clip(clip: Clip | str | Path, frames: Sampling | int | str | None) -> Clip:
    from workbench.video import Clip, read_clip

    if isinstance(clip, str | Path):
        return read_clip(clip, DEFAULT_FRAMES if frames is None else frames)
    if not isinstance(clip, Clip):
        raise PromptError(
            f"A prompt is made from a sample, a clip or the path of a video, not from {type(clip).__name__}."
        )
    if frames is not None:
        raise PromptError(
            f"This clip's frames are already chosen ({len(clip)} of them), so frames={frames!s} would do "
            "nothing. Leave it out, or read the clip again."
        )
    return clip


def _free_sample(clip: Clip, question: str, options: Sequence[str]) -> Sample:
    return Sample(
        id="question",
        task="question",
        video=clip.path or Path("clip"),
        question=question,
        options=tuple(options),
    )


def _style_of_free(asked: Sample) -> str | Style:
    plain = Style(name="plain", description="the question as it is", takes_options=False)
    return "mvbench" if asked.options else plain
