"""A sample -> a prompt: text, token ids, pixel values, and the layout of its rows."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch

from workbench.errors import PromptError
from workbench.models.families.base import VideoInputs
from workbench.prompts.layout import TokenLayout
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.prompt import Prompt
from workbench.prompts.tokens import Encoded, Part, encode_parts, token_text
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts import PromptText, Style
    from workbench.video import Clip, Sampling

Separators = Literal["video", "frame"]
"""Whether newlines and time stamps in the video belong to `video` only, or to the frame they follow too."""

DEFAULT_FRAMES = 8
"""Frames of a clip where nobody says otherwise, at midpoints of equal segments (Map the Flow, section 3)."""


class _Piece(NamedTuple):
    """A stretch of the prompt and what its rows belong to."""

    text: str
    spans: tuple[str, ...] = ()
    frame: int | None = None
    literal: bool = False


def encode(
    model: VideoLLM,
    sample: Sample | Clip | str | Path,
    question: str | None = None,
    *,
    options: Sequence[str] = (),
    clip: Clip | None = None,
    frames: Sampling | int | str | None = None,
    style: str | Style | None = None,
    separators: Separators = "video",
    turn: Turn | None = None,
    pixels: PixelSettings | None = None,
    backend: Backend = "torch",
) -> Prompt:
    """See `VideoLLM.encode`."""
    from workbench.data import Sample
    from workbench.prompts import build_prompt, default_style

    if separators not in ("video", "frame"):
        raise PromptError(f"separators={separators!r} is unknown: write 'video' or 'frame'.")
    if isinstance(sample, Sample):
        if question is not None or options:
            raise PromptError(
                "A sample brings its own question and options, so question= and options= have no place "
                "beside it. Change the sample (dataclasses.replace), or give a clip or a path instead."
            )
        given, asked = sample, sample
        shown = _clip(clip, frames) if clip is not None else model.read_clip(sample, frames)
        words = build_prompt(asked, style or default_style(asked))
    else:
        if clip is not None:
            raise PromptError("clip= replaces the video of a sample. Without a sample, give the clip first.")
        if question is None:
            raise PromptError(
                "A clip needs a question: encode(clip, 'What moves?', options=['a ball', 'a cat'])."
            )
        given, shown = None, _clip(sample, frames)
        asked = _free_sample(shown, question, options)
        words = build_prompt(asked, style or _style_of_free(asked))
    settings = pixels or model.pixels
    video = model.family.video_inputs(
        model.config, settings, shown, placeholder=model.placeholder, backend=backend
    )
    turn = turn or model.turn
    if any(model.placeholder in part for part in turn):
        raise PromptError(
            f"The text around the question contains {model.placeholder}. Leave it out of turn=: the video is "
            "put between opening and bridge."
        )
    pieces = _pieces(words, video, turn)
    encoded = encode_parts(model.tokenizer, [Part(piece.text, piece.literal) for piece in pieces])
    _check(model, encoded, pieces)
    input_ids = torch.tensor([encoded.ids])
    inputs = {"input_ids": input_ids, **video.inputs, **model.family.token_inputs(model.config, input_ids)}
    return Prompt(
        # Versions of transformers differ in what the forward takes.
        inputs={name: value.to(model.device) for name, value in inputs.items() if name in model.arguments},
        layout=_layout(model, pieces, encoded, video, separators),
        sample=given,
        clip=shown,
        pixels=settings,
        text=_plain_text(pieces, model.placeholder),
        answer_ids={letter: model.spellings[letter] for letter in asked.letters},
    )


def clip_of(sample: Sample, frames: Sampling | int | str | None = None) -> Clip:
    """See `VideoLLM.read_clip`."""
    from workbench.video import read_clip

    chosen = DEFAULT_FRAMES if frames is None else frames
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
    from workbench.data import Sample

    return Sample(
        id="question",
        task="question",
        video=clip.path or Path("clip"),
        question=question,
        options=tuple(options),
    )


def _style_of_free(asked: Sample) -> str | Style:
    from workbench.prompts import Style

    plain = Style(name="plain", description="the question as it is", takes_options=False)
    return "mvbench" if asked.options else plain


def _pieces(words: PromptText, video: VideoInputs, turn: Turn) -> list[_Piece]:
    """The prompt from left to right."""
    shown = [
        _Piece(piece.text, ("video", "separator") if piece.separator else ("video",), piece.frame)
        for piece in video.pieces
    ]
    asked = [_Piece(piece.text, piece.spans, literal=True) for piece in words.pieces]
    answer = (
        [_Piece(turn.answer_gap), _Piece(words.answer_prefix, literal=True)] if words.answer_prefix else []
    )
    pieces = [_Piece(turn.opening), *shown, _Piece(turn.bridge), *asked, _Piece(turn.closing), *answer]
    return [piece for piece in pieces if piece.text]


def _check(model: VideoLLM, encoded: Encoded, pieces: Sequence[_Piece]) -> None:
    wanted = sum(piece.text.count(model.placeholder) for piece in pieces if "video" in piece.spans)
    found = encoded.ids.count(model.video_token_id)
    if wanted != found:
        raise PromptError(
            f"The model gives the video {wanted} rows, and the tokenizer made {found} tokens "
            f"{model.placeholder!r}. "
            "The tokenizer does not belong to this checkpoint: copy its files from the original one."
        )
    if encoded.offsets[-1][0] == encoded.offsets[-1][1]:
        raise PromptError(
            f"The tokenizer puts {token_text(model.tokenizer, encoded.ids[-1])!r} after the prompt, so that "
            "the last "
            "row would not be the one that answers. Remove it from the post_processor in tokenizer.json."
        )
    length, limit = len(encoded.ids), model.max_length
    if limit is not None and length > limit:
        raise PromptError(
            f"The prompt has {length} tokens, {found} of them for the video, and {model.name} takes at most "
            f"{limit} "
            "(max_position_embeddings). Use fewer frames (frames=..), or smaller ones where the family "
            "allows it."
        )


def _layout(
    model: VideoLLM, pieces: Sequence[_Piece], encoded: Encoded, video: VideoInputs, separators: Separators
) -> TokenLayout:
    """A row belongs to the piece in which its first character lies that is no white space."""
    ends = list(accumulate(len(piece.text) for piece in pieces))
    text = "".join(piece.text for piece in pieces)
    spans: defaultdict[str, list[int]] = defaultdict(list)
    frames: list[list[int]] = [[] for _ in video.frame_times]
    for row, (start, end) in enumerate(encoded.offsets):
        if start == end:
            continue  # put there by the tokenizer: <s>
        covered = text[start:end]
        first = start + len(covered) - len(covered.lstrip()) if covered.strip() else start
        piece = pieces[bisect_right(ends, first)]
        for span in piece.spans:
            spans[span].append(row)
        if piece.frame is not None and (separators == "frame" or "separator" not in piece.spans):
            frames[piece.frame].append(row)
    if spans["question"]:
        spans["question"] = list(range(spans["question"][0], spans["question"][-1] + 1))
    texts = {token_id: token_text(model.tokenizer, token_id) for token_id in set(encoded.ids)}
    return TokenLayout(
        length=len(encoded.ids),
        spans=spans,
        frames=frames,
        grid=video.grid,
        tokens=[texts[token_id] for token_id in encoded.ids],
        frame_times=video.frame_times,
    )


def _plain_text(pieces: Sequence[_Piece], placeholder: str) -> str:
    """The prompt with the whole video written as one placeholder."""
    written: list[str] = []
    for piece in pieces:
        if "video" not in piece.spans:
            written.append(piece.text)
        elif not written or written[-1] is not placeholder:
            written.append(placeholder)
    return "".join(written)
