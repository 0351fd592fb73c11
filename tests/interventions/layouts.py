"""Layouts by hand: small enough to count edges on paper."""

from __future__ import annotations

from workbench.prompts.layout import TokenLayout


def small_layout(*, system: int = 2, options: bool = True, frames: int = 3) -> TokenLayout:
    """Frames of 2x2 cells; `system | video | gap (1) | question | tail (1) | last`, one token each unit.

    With the defaults: system 0-1, frames 2-5, 6-9, 10-13, gap 14, question 15-19 (nonoption 15-16,
    "Options:" 17, option A 18, option B 19, the true one), tail 20, last 21.
    """
    first = system
    frame_rows = [range(first + 4 * t, first + 4 * t + 4) for t in range(frames)]
    at = first + 4 * frames + 1
    spans = {"question": range(at, at + 5), "nonoption": range(at, at + 2)}
    if options:
        spans |= {"option[A]": [at + 3], "option[B]": [at + 4], "true_option": [at + 4]}
    return TokenLayout(
        length=at + 7,
        spans=spans,
        frames=frame_rows,
        grid=(2, 2),
        tokens=[f"token{row}" for row in range(at + 7)],
    )


def separated_layout() -> TokenLayout:
    """Two frames of 2 tokens, each followed by a separator that belongs to no frame: system 0, video 1-6."""
    return TokenLayout(
        length=9,
        spans={"separator": [3, 6], "question": [7]},
        frames=[[1, 2], [4, 5]],
        grid=(1, 2),
    )
