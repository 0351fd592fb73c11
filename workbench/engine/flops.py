"""Floating-point operations of a decoder, counted from its sizes: a multiply-add is 2.

Norms, rotations and activations are left out; they are under 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from workbench.interventions.exits import Acceleration
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout


class RowCost(NamedTuple):
    """Products of one row in one layer, attention left out."""

    all: int
    keys: int
    """Those of its keys and values alone."""


def per_row(model: VideoLLM) -> RowCost:
    """What one row of one layer costs, where the MLP is gated and dense as in Llama and Qwen2."""
    text = model.config.get_text_config()
    heads, keys = model.n_heads * model.d_head, model.n_kv_heads * model.d_head
    own_keys = 2 * 2 * model.d_model * keys
    return RowCost(
        own_keys + 2 * 2 * model.d_model * heads + 6 * model.d_model * text.intermediate_size, own_keys
    )


def attention(model: VideoLLM, pairs: int) -> int:
    """Scores and sums of values of so many (query, key) pairs, all heads."""
    return 4 * pairs * model.n_heads * model.d_head


def unembedding(model: VideoLLM, rows: int) -> int:
    """Logits of so many rows."""
    return 2 * rows * model.d_model * model.vocab_size


class Work(NamedTuple):
    """What the decoder has to do for one prompt."""

    pairs: int
    """(query, key) pairs of one head, over all layers: the accounting of An Empirical Study, Table 1."""
    rows: int
    """Rows, over all layers."""

    def flops(self, model: VideoLLM) -> int:
        """All operations, the last row's logits included."""
        return self.rows * per_row(model).all + attention(model, self.pairs) + unembedding(model, 1)


def work_of(
    layout: TokenLayout,
    n_layers: int,
    what: Acceleration | None = None,
    gone: Mapping[int, np.ndarray] | None = None,
) -> Work:
    """The work of a prompt while rows leave and frames are apart; all of it where `what` is None.

    Args:
        gone: rows that leave before each layer (from 0): what `fast.left_before()` gives. If not given, every
            exit must name a span.
    """
    if what is None:
        return Work(n_layers * layout.length * (layout.length + 1) // 2, n_layers * layout.length)
    first, last = what.frame_local or (1, 0)
    leaving = {one.after: one.leaving(layout) for one in what.exits} if gone is None else gone
    here = np.ones(layout.length, dtype=bool)
    pairs = rows = 0
    for layer in range(n_layers):
        if layer in leaving:
            here[leaving[layer]] = False
        pairs += _pairs(layout, here, apart=first <= layer + 1 <= last)
        rows += int(here.sum())
    return Work(pairs, rows)


def _pairs(layout: TokenLayout, here: np.ndarray, *, apart: bool) -> int:
    count = int(here.sum())
    everything = count * (count + 1) // 2
    if not apart:
        return everything
    frames = [int(here[frame].sum()) for frame in layout.frames]
    before = np.cumsum([0, *frames[:-1]])
    return everything - sum(int(n * m) for n, m in zip(frames, before, strict=True))
