"""A prompt put together from left to right, and which rows of it are what once it is in tokens."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, get_args

from workbench.errors import PromptError
from workbench.prompts.layout import TokenLayout
from workbench.prompts.styles import PromptText
from workbench.prompts.tokens import Encoded, Part, token_text
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Separators = Literal["video", "frame"]
"""What is counted to a frame: "frame" its separators and its text (time stamps) too, as Map the Flow does;
"video" neither: separators are then in `video` only, and text in `between`."""


def check_separators(separators: str | None) -> None:
    """Raises PromptError for a choice of separators that there is not; None is the family's."""
    if separators is not None and separators not in get_args(Separators):
        raise PromptError(f"separators={separators!r} is unknown: write 'video' or 'frame'.")


def assemble(words: PromptText, video: Sequence[VideoPiece], turn: Turn, placeholder: str) -> list[Part]:
    """The prompt from left to right. Raises PromptError where the turn itself contains the placeholder."""
    if any(placeholder in text for text in turn):
        raise PromptError(
            f"The text around the question contains {placeholder}. Leave it out of turn=: the video is "
            "put between opening and bridge."
        )
    shown = [Part(piece.text, False, _spans(piece), piece.frame) for piece in video]
    asked = [Part(piece.text, True, piece.spans) for piece in words.pieces]
    answer = [Part(turn.answer_gap), Part(words.answer_prefix, True)] if words.answer_prefix else []
    parts = [Part(turn.opening), *shown, Part(turn.bridge), *asked, Part(turn.closing), *answer]
    return [part for part in parts if part.text]


def _spans(piece: VideoPiece) -> tuple[str, ...]:
    if piece.words:
        return ("between",)
    return ("video", "separator") if piece.separator else ("video",)


def check_tokens(
    tokenizer: PreTrainedTokenizerBase, parts: Sequence[Part], encoded: Encoded, placeholder: str, token: int
) -> None:
    """Raises PromptError where the tokenizer made other video tokens than were written (`token` is the id of
    `placeholder`), or put something behind the prompt."""
    wanted = sum(part.text.count(placeholder) for part in parts if "video" in part.spans)
    found = encoded.ids.count(token)
    if wanted != found:
        raise PromptError(
            f"The model gives the video {wanted} rows, and the tokenizer made {found} tokens "
            f"{placeholder!r}. "
            "The tokenizer does not belong to this checkpoint: copy its files from the original one."
        )
    if encoded.offsets[-1][0] == encoded.offsets[-1][1]:
        raise PromptError(
            f"The tokenizer puts {token_text(tokenizer, encoded.ids[-1])!r} after the prompt, so that "
            "the last "
            "row would not be the one that answers. Remove it from the post_processor in tokenizer.json."
        )


def layout_of(
    tokenizer: PreTrainedTokenizerBase,
    parts: Sequence[Part],
    encoded: Encoded,
    *,
    grid: tuple[int, int] | None,
    frame_times: Sequence[Sequence[float]],
    separators: Separators = "video",
) -> TokenLayout:
    """The layout of a prompt; a row belongs to the part in which its first character lies that is no white
    space.

    `grid` (rows, columns) are the cells of a frame, `frame_times` the seconds of the source frames of each
    temporal unit. Raises PromptError for a choice of separators that there is not.
    """
    check_separators(separators)
    ends = list(accumulate(len(part.text) for part in parts))
    text = "".join(part.text for part in parts)
    spans: defaultdict[str, list[int]] = defaultdict(list)
    frames: list[list[int]] = [[] for _ in frame_times]
    for row, (start, end) in enumerate(encoded.offsets):
        if start == end:
            continue  # put there by the tokenizer: <s>
        covered = text[start:end]
        first = start + len(covered) - len(covered.lstrip()) if covered.strip() else start
        part = parts[bisect_right(ends, first)]
        for span in part.spans:
            spans[span].append(row)
        if part.frame is not None and (separators == "frame" or part.spans == ("video",)):
            frames[part.frame].append(row)
            if "between" in part.spans:
                spans["video"].append(row)
    if spans["question"]:
        spans["question"] = list(range(spans["question"][0], spans["question"][-1] + 1))
    texts = {token_id: token_text(tokenizer, token_id) for token_id in set(encoded.ids)}
    return TokenLayout(
        length=len(encoded.ids),
        spans=spans,
        frames=frames,
        grid=grid,
        tokens=[texts[token_id] for token_id in encoded.ids],
        frame_times=frame_times,
    )


def plain_text(parts: Sequence[Part], placeholder: str) -> str:
    """The prompt with the whole video written as one placeholder."""
    written: list[str] = []
    for part in parts:
        if not {"video", "between"} & {*part.spans}:
            written.append(part.text)
        elif not written or written[-1] is not placeholder:
            written.append(placeholder)
    return "".join(written)
