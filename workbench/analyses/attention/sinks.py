"""Attention sinks of a prompt: rows that draw attention and hand on next to nothing.

A softmax has to put its weight somewhere. Models learn to leave what no key deserves on a few rows, often
the first, with small values, so that little is added (Xiao et al., arXiv 2309.17453; in the pictures of
multimodal models: Kang et al., arXiv 2503.03321). Such rows look important in attention maps. Cutting them
changes how all other attention is shared out, which is not the loss of what a frame shows: so they are cut
apart.

Axes: l layer, h query head, r query row, s position (key).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.markup import table_html
from workbench.prompts.partition import row_places
from workbench.prompts.sinks import with_sinks
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.models import Prompt, VideoLLM

TIMES, VALUE = 5.0, 0.5
QUERIES, LEAST_QUERIES = 64, 8
"""Query rows that are looked at, spread evenly; and how many of them must come after a key to judge it."""


class Sink(NamedTuple):
    """One row that is a sink in some layer."""

    row: int
    """From 0."""
    span: str
    """The narrowest span that holds it: "cell[2,0,5]", "system"."""
    token: str
    layers: str
    """In which layers, from 1: "3, 4, 9"."""
    times_uniform: float
    """Attention received, in times of what equal weights would give: the most of these layers."""
    value_share: float
    """Norm of its value, as a share of the mean over all rows: the least of these layers."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sinks:
    """The attention sinks of one prompt."""

    received: Float[np.ndarray, "l s"]
    """Attention that a key receives, in times of uniform, the mean over heads and later queries; NaN for keys
    with too few queries after them."""
    values: Float[np.ndarray, "l s"]
    """Norm of a row's values (all heads together), as a share of the layer's mean."""
    layers: tuple[int, ...]
    """From 1: those with softmax attention."""
    times: float
    value: float
    unmarked: Prompt

    @property
    @shaped
    def rows(self) -> Int[np.ndarray, " n"]:
        """Rows that are a sink in at least one layer, from 0."""
        return np.flatnonzero(self._found.any(axis=0))

    @property
    def _found(self) -> np.ndarray:
        # NaN compares as False.
        return (self.received >= self.times) & (self.values <= self.value)

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt, whose layout has the spans `sinks`, `video_sinks` and `text_sinks`: flows such as
        "sinks -> last" can be cut in it."""
        return with_sinks(self.unmarked, self.rows)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a sink. Columns: `Sink`."""
        places = row_places(self.unmarked.layout)
        found = self._found
        rows = []
        for row in self.rows.tolist():
            here = found[:, row]
            layers = ", ".join(
                str(layer) for layer, is_sink in zip(self.layers, here, strict=True) if is_sink
            )
            most, least = float(self.received[here, row].max()), float(self.values[here, row].min())
            rows.append(Sink(row, places[row].span, places[row].prompt_token, layers, most, least))
        return pd.DataFrame(rows, columns=list(Sink._fields))

    @property
    def criterion(self) -> str:
        """What makes a row a sink, in a sentence."""
        return (
            f"A sink receives at least {self.times:g} times uniform attention (mean over heads and later "
            f"queries) in a layer where the norm of its value is at most {self.value:g} of the mean."
        )

    def __repr__(self) -> str:
        return f"{self.criterion}\n{self.table.to_string(index=False) if len(self.rows) else 'None here.'}"

    def _repr_html_(self) -> str:
        return table_html(self.table, self.criterion if len(self.rows) else f"{self.criterion} None here.")


def find_sinks(model: VideoLLM, prompt: Prompt, *, times: float = TIMES, value: float = VALUE) -> Sinks:
    """The attention sinks of a prompt, in the untouched model.

    A key is a sink in a layer where it receives, as a mean over heads and over the queries after it, at least
    `times` as much attention as equal weights would give (weight x number of keys that the query sees), and
    where the norm of its value is at most `value` of the mean over all rows. The first alone would take every
    word that much is read from for a sink. At most 64 queries, spread evenly over the prompt, are looked at;
    keys with fewer than 8 of them after them are not judged. Two forward passes. The number of keys is in
    the criterion: of a long prompt, weights as small as 5 / n count.

    Raises RunError for thresholds that are no positive numbers, ModelError for a kind of attention that is
    not understood.
    """
    from workbench.analyses.attention.weights import query_rows  # needs torch

    for name, given in (("times", times), ("value", value)):
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < float("inf"):
            raise RunError(f"{name}={given!r}: give a number above 0, for example {name}={TIMES:g}.")
    length = prompt.layout.length
    queries = np.unique(np.linspace(1, length - 1, min(QUERIES, length - 1)).round().astype(np.int64))
    layers = sorted(model.family.attentions(model.hf))
    weights = query_rows(model, prompt, queries.tolist(), layers, each=True).mean(dim=1).numpy()  # (l, r, s)
    later = queries[:, None] > np.arange(length)  # (r, s)
    counts = later.sum(axis=0)
    shares = np.einsum("lrs,rs,r->ls", weights, later, queries + 1.0)
    received = np.where(counts >= LEAST_QUERIES, shares / np.maximum(counts, 1), np.nan)
    hooks = [f"blocks.{layer}.attn.hook_v" for layer in layers]
    cache = model.run_with_cache(prompt, hooks)[1]
    norms = np.stack([cache[hook][0].float().flatten(1).norm(dim=1).cpu().numpy() for hook in hooks])
    return Sinks(
        received=received,
        values=norms / norms.mean(axis=1, keepdims=True),
        layers=tuple(layer + 1 for layer in layers),
        times=float(times),
        value=float(value),
        unmarked=prompt,
    )
