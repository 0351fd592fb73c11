"""Attention maps: what a chosen word of the prompt looks at, layer by layer, untouched and after a knockout.

Map the Flow, section 4.2 and Fig. 5. Layers are counted from 1.

Axes: l layer, h query head, s position (key), t frame, i row and j column of its grid of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
import pandas as pd

from workbench.attached import attached
from workbench.data import Sample
from workbench.errors import HookError, RunError, SpanError, WindowError, shown
from workbench.interventions import Knockout, Window
from workbench.prompts.partition import disjoint_spans
from workbench.prompts.rows import query_rows_of
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.models import Prompt, TokenLayout, VideoLLM

Heads: TypeAlias = Literal["mean", "max"] | int | Sequence[int]
"""The mean or the maximum over all heads, one head, or the mean over several; heads count from 0."""
UNTOUCHED = "untouched"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AttentionMaps:
    """Attention weights of one query on every key of a prompt."""

    by_head: Float[np.ndarray, "l h s"]
    """Weights in float32: the mean over the query's rows."""
    layers: tuple[int, ...]
    """From 1, ascending."""
    rows: tuple[int, ...]
    """The query's rows in the prompt, from 0."""
    query: str
    """What the query is called."""
    heads: Heads
    knockout: Knockout | None
    """None where the model was left untouched."""
    prompt: Prompt

    @property
    def layout(self) -> TokenLayout:
        return self.prompt.layout

    @property
    def state(self) -> str:
        """ "untouched", or the knockout."""
        return UNTOUCHED if self.knockout is None else str(self.knockout)

    @property
    @shaped
    def weights(self) -> Float[np.ndarray, "l s"]:
        """Weights after the choice of heads. The mean, and any one head, sum to 1 over the keys."""
        if self.heads == "mean":
            return self.by_head.mean(axis=1)
        if self.heads == "max":
            return self.by_head.max(axis=1)
        return self.by_head[:, [self.heads] if isinstance(self.heads, int) else list(self.heads)].mean(axis=1)

    @property
    @shaped
    def cells(self) -> Float[np.ndarray, "l t i j"]:
        """Weights on the video. Raises SpanError where the prompt has no grid of cells."""
        if self.layout.cells is None:
            raise SpanError("This prompt has no grid of cells. Use the weights by frame: maps.mass.")
        return self.weights[:, self.layout.cells]

    @property
    def mass(self) -> pd.DataFrame:
        """Summed weight by span: columns layer, span, keys, mass. The masses of a layer sum to 1.

        Spans do not overlap here: see `disjoint_spans`. Where the heads' maximum was asked for, the mean over
        heads is summed, since maxima do not add up.
        """
        weights = self.with_heads("mean").weights if self.heads == "max" else self.weights
        parts = disjoint_spans(self.layout)
        return pd.DataFrame(
            [
                (layer, span, len(rows), float(weights[place, rows].sum()))
                for place, layer in enumerate(self.layers)
                for span, rows in parts.items()
            ],
            columns=["layer", "span", "keys", "mass"],
        )

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer and key: state, query, layer, row (the key's, from 0), token, span, frame,
        cell_row, cell_column (from 0; missing outside the video's cells), weight."""
        layout, length = self.layout, self.layout.length
        spans = np.full(length, "", dtype=object)
        for span, rows in disjoint_spans(layout).items():
            spans[rows] = span
        places = np.full((3, length), -1)
        if layout.cells is not None:
            places[:, layout.cells] = np.indices(layout.cells.shape)
        where = pd.DataFrame(places.T, columns=["frame", "cell_row", "cell_column"]).astype("Int64")
        keys = pd.DataFrame({"row": np.arange(length), "token": list(layout.tokens) or "", "span": spans})
        keys = pd.concat([keys, where.mask(where < 0)], axis=1)
        table = pd.concat([keys] * len(self.layers), ignore_index=True)
        table.insert(0, "layer", np.repeat(self.layers, length))
        table.insert(0, "query", self.query)
        table.insert(0, "state", self.state)
        return table.assign(weight=self.weights.reshape(-1))

    def with_heads(self, heads: Heads) -> AttentionMaps:
        """The same maps with another choice of heads; nothing is run again. Raises HookError."""
        return replace(self, heads=_checked(heads, self.by_head.shape[1]))

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    mass_figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Where the attention goes, by span and layer."""

    def __repr__(self) -> str:
        heads = self.heads if isinstance(self.heads, str) else f"head {self.heads}"
        return (
            f"AttentionMaps(query {self.query}, {len(self.layers)} layers, {self.layout.length} keys, "
            f"{heads}, {self.state})"
        )


def attention_maps(
    model: VideoLLM,
    prompt: Prompt | Sample,
    query: str | int | Sequence[int] = "last",
    *,
    layers: int | Sequence[int] | Window | None = None,
    heads: Heads = "mean",
    knockout: Knockout | str | None = None,
) -> AttentionMaps:
    """What `query` looks at: its attention weights on every key, in one forward pass.

    Args:
        prompt: a prompt, or a sample, which is encoded with the usual settings.
        query: a span ("last", "question", "cell[3,0,5]"), a row of the prompt, or several rows; where it has
            several rows, their mean is taken. `workbench.prompts.words.word_rows` gives those of a word.
        layers: from 1: one, several, or a window of one range such as wb.layers(5, 20); None is all.
        heads: "mean" or "max" over all heads, one head, or the mean over a list of heads, from 0.
        knockout: edges that are cut meanwhile, or its text: "frames -> later frames in layers 1..12".

    No layer's whole pattern is ever made: only the query's row of the asked layers. Raises SpanError,
    WindowError, HookError, KnockoutError or FlowError for what the prompt or the model does not have.
    """
    from workbench.analyses.attention.weights import query_rows

    if isinstance(prompt, Sample):
        prompt = model.encode(prompt)
    rows, name = query_rows_of(query, prompt.layout)
    chosen = map_layers(layers, model.n_layers)
    checked = _checked(heads, model.n_heads)
    cut = Knockout.parse(knockout) if isinstance(knockout, str) else knockout
    by_head = query_rows(model, prompt, rows.tolist(), [layer - 1 for layer in chosen], cut)
    return AttentionMaps(
        by_head=by_head.numpy(),
        layers=chosen,
        rows=tuple(rows.tolist()),
        query=name,
        heads=checked,
        knockout=cut,
        prompt=prompt,
    )


def maps_of_rows(
    model: VideoLLM,
    prompt: Prompt,
    rows: Sequence[int],
    *,
    layers: int | Sequence[int] | Window | None = None,
    knockout: Knockout | None = None,
) -> list[AttentionMaps]:
    """The maps of each of these rows alone, as `attention_maps` makes them, in one forward pass for all."""
    from workbench.analyses.attention.weights import query_rows

    named = [query_rows_of(row, prompt.layout) for row in rows]
    chosen = map_layers(layers, model.n_layers)
    flat = [int(found[0]) for found, _ in named]
    by_head = query_rows(model, prompt, flat, [layer - 1 for layer in chosen], knockout, each=True).numpy()
    return [
        AttentionMaps(
            by_head=np.ascontiguousarray(by_head[:, :, place]),
            layers=chosen,
            rows=(row,),
            query=name,
            heads="mean",
            knockout=knockout,
            prompt=prompt,
        )
        for place, (row, (_, name)) in enumerate(zip(flat, named, strict=True))
    ]


def cell_table(maps: Mapping[str, Iterable[AttentionMaps]]) -> pd.DataFrame:
    """The weights on the video's cells: one row a sample, state, layer and cell. `maps` go by sample id.

    Columns: sample_id, then query, state, layer, frame, cell_row, cell_column and weight as in `table`.
    """
    parts = [one.table.assign(sample_id=sample_id) for sample_id, found in maps.items() for one in found]
    columns = ["sample_id", "query", "state", "layer", "frame", "cell_row", "cell_column", "weight"]
    return pd.concat(parts).dropna(subset="frame").reindex(columns=columns)


def map_layers(asked: int | Sequence[int] | Window | None, n_layers: int) -> tuple[int, ...]:
    """Layers from 1, ascending, each once. Raises WindowError for what the model does not have."""
    if asked is None:
        return tuple(range(1, n_layers + 1))
    if isinstance(asked, Window):
        spans = asked.expand(n_layers)
        if len(spans) != 1:
            raise WindowError(f"{asked} is {len(spans)} ranges. Give layers(a, b), or the layers themselves.")
        asked = range(spans[0].first_layer, spans[0].last_layer + 1)
    chosen = [asked] if isinstance(asked, int) else list(asked)
    for layer in chosen:
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not 1 <= layer <= n_layers:
            raise WindowError(f"layers={asked!r}: this model has layers 1 to {n_layers}. Name some of them.")
    if not chosen:
        raise WindowError("No layer is asked for. Leave layers out for all of them.")
    return tuple(sorted({int(layer) for layer in chosen}))


def parse_heads(heads: str | int) -> Heads:
    """A choice of heads as a person or a browser writes it: "mean", "max", or a head's number.

    Raises RunError for another text.
    """
    if heads == "mean" or heads == "max":
        return heads
    digits = str(heads).strip()
    if not digits.isdecimal() or len(digits) > 9:
        raise RunError(
            f"heads={shown(heads)} is not offered: use mean, max, or the number of one head, from 0."
        )
    return int(digits)


def _checked(heads: Heads, n_heads: int) -> Heads:
    if heads in ("mean", "max"):
        return heads
    chosen = [heads] if isinstance(heads, int | np.integer) else heads
    allowed = f"'mean', 'max', a head (0 to {n_heads - 1}) or a list of heads"
    if isinstance(chosen, str) or not len(chosen):
        raise HookError(f"heads={heads!r} is not offered: use {allowed}.")
    for head in chosen:
        if isinstance(head, bool) or not isinstance(head, int | np.integer) or not 0 <= head < n_heads:
            raise HookError(f"heads={heads!r}: this model has heads 0 to {n_heads - 1}. Use {allowed}.")
    return int(chosen[0]) if isinstance(heads, int | np.integer) else tuple(int(head) for head in chosen)
