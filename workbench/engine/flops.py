"""Floating-point operations of a decoder, counted from its sizes: a multiply-add is 2.

Norms, rotations and activations are left out; they are under 1 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.interventions.counts import removed_edges

if TYPE_CHECKING:
    from workbench.interventions.exits import Acceleration
    from workbench.interventions.protocol import Removal
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
    """The work of a prompt while rows leave and edges are cut; all of it where `what` is None.

    Args:
        gone: rows that leave before each layer (from 0): what `fast.left_before()` gives. If not given, every
            exit must name a span.
    """
    if what is None:
        return Work(n_layers * layout.length * (layout.length + 1) // 2, n_layers * layout.length)
    leaving = {one.after: one.leaving(layout) for one in what.exits} if gone is None else gone
    cut = what.cut(layout)
    flows = {} if cut is None else cut.layers(n_layers)
    here = np.ones(layout.length, dtype=bool)
    closed: dict[tuple[Removal, ...], int] = {}
    pairs = rows = 0
    for layer in range(n_layers):
        if layer in leaving:
            here[leaving[layer]] = False
            closed = {}
        count, together = int(here.sum()), flows.get(layer, ())
        if together not in closed:
            closed[together] = removed_edges(together, layout, here)
        pairs += count * (count + 1) // 2 - closed[together]
        rows += count
    return Work(pairs, rows)
