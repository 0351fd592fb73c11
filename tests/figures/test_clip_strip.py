from __future__ import annotations

import base64
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.figures import clip_strip
from workbench.prompts.layout import TokenLayout

WORDS = [
    "Question",
    ":",
    "Which",
    "way",
    "<b>",
    "?",
    "Options",
    ":",
    "(",
    "A",
    ")",
    "left",
    "(",
    "B",
    ")",
    "right",
    "Best",
    ":",
    "(",
]


def make_layout(*, tokens: bool = True, frames: int = 4, per_frame: int = 6) -> TokenLayout:
    video = list(range(3, 3 + frames * per_frame))
    at = video[-1] + 1
    return TokenLayout(
        length=at + len(WORDS),
        spans={
            "video": video,
            "question": range(at, at + 16),
            "nonoption": range(at, at + 6),
            "option[A]": range(at + 8, at + 12),
            "option[B]": range(at + 12, at + 16),
            "true_option": range(at + 12, at + 16),
        },
        frames=[video[t * per_frame : (t + 1) * per_frame] for t in range(frames)],
        tokens=[*["A", "chat", "."], *["<video>"] * len(video), *WORDS] if tokens else (),
    )


def make_clip(frames: int = 4, height: int = 48, width: int = 64) -> Any:
    pixels = np.zeros((frames, height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(frames)[:, None, None] * 20
    return SimpleNamespace(frames=pixels, timestamps=np.arange(frames) * 0.5 + 0.25, path=None, duration=2.0)


def test_frames_are_drawn_in_order_with_their_times() -> None:
    fig: Any = clip_strip(make_clip(), make_layout())
    assert len(fig.layout.images) == 4
    reds = []
    for image in fig.layout.images:
        raw = base64.b64decode(image.source.removeprefix("data:image/png;base64,"))
        reds.append(np.asarray(Image.open(io.BytesIO(raw)))[0, 0, 0])
    assert reds == [0, 20, 40, 60]
    labels = [note.text for note in fig.layout.annotations]
    assert "frame[2]" in labels[2]
    assert "1.25 s" in labels[2]


def test_two_frames_that_share_their_rows_share_their_name() -> None:
    fig: Any = clip_strip(make_clip(frames=8), make_layout(frames=4))
    named = [note.text.split("</b>")[0].removeprefix("<b>") for note in fig.layout.annotations]
    assert named == [f"frame[{t}]" for t in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_the_bar_of_the_prompt_is_as_long_as_the_prompt() -> None:
    layout = make_layout()
    fig: Any = clip_strip(make_clip(), layout)
    bars = [trace for trace in fig.data if trace.type == "bar" and trace.showlegend]
    assert sum(sum(bar.x) for bar in bars) == layout.length
    video = next(bar for bar in bars if bar.name == "video")
    assert list(video.base) == [3, 9, 15, 21]
    assert len({bar.marker.color for bar in bars}) == len(bars)


def test_the_text_is_shown_token_by_token_and_safely() -> None:
    fig: Any = clip_strip(make_clip(), make_layout())
    (text,) = (trace for trace in fig.data if trace.type == "bar" and not trace.showlegend)
    shown = [word.strip() for word in text.text]
    assert shown == [
        *["A", "chat", "."],
        "24 video rows",
        *(word.replace("<b>", "&lt;b&gt;") for word in WORDS),
    ]
    assert text.customdata[-1][0] == f"row {make_layout().length - 1}: last"


def test_a_layout_without_token_texts() -> None:
    fig: Any = clip_strip(make_clip(), make_layout(tokens=False), title="a <b>")
    assert fig.layout.title.text == "<b>a &lt;b&gt;</b>"
    assert not [t for t in fig.data if t.type == "bar" and not t.showlegend and len(t.x or ())]


def test_a_long_prompt_is_cut_short() -> None:
    length = 3000
    layout = TokenLayout(length=length, spans={"question": range(10, 2990)}, tokens=["word"] * length)
    fig: Any = clip_strip(make_clip(frames=1), layout)
    text = next(trace for trace in fig.data if trace.type == "bar" and not trace.showlegend)
    assert len(text.x) <= 402
    assert "…" in list(text.text)
    assert text.customdata[-1][0] == "row 2999: last"


@pytest.mark.parametrize("shape", [(1080, 1920), (1920, 1080)])
def test_large_frames_are_stored_small(shape: tuple[int, int]) -> None:
    fig: Any = clip_strip(make_clip(2, *shape), make_layout(frames=2))
    raw = base64.b64decode(fig.layout.images[0].source.removeprefix("data:image/png;base64,"))
    width, height = Image.open(io.BytesIO(raw)).size
    assert width <= 256
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.02)
