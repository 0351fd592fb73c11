"""Blocks: the edges of one flow in one layer, or in one head of it. What a search opens and closes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from workbench.interventions.flows import Flow
from workbench.interventions.knockouts import Cut

ALL_HEADS = -1
"""The head of a block that is of all heads."""


class Block(NamedTuple):
    """The edges of one flow in one layer, of all heads or of one."""

    flow: str
    """Canonical text, as `str(Flow)` writes it, without heads."""
    layer: int
    """From 1."""
    head: int = ALL_HEADS
    """Query head from 0; -1 is all of them."""

    def __str__(self) -> str:
        heads = "" if self.head == ALL_HEADS else f" @ heads {self.head}"
        return f"{self.flow}{heads} in layer {self.layer}"

    def by_head(self, n_heads: int) -> tuple[Block, ...]:
        """The same edges, a block a head."""
        return tuple(self._replace(head=head) for head in range(n_heads))


def closing(blocks: Iterable[Block], n_heads: int) -> tuple[Cut, ...]:
    """The cuts that close these blocks, few and in a fixed order, for a model of `n_heads` query heads.

    Blocks of one flow and layer are one cut, layers with the same heads that follow one another too. Raises
    FlowError for a flow that cannot be read.
    """
    places: dict[tuple[str, int], set[int]] = {}
    for block in blocks:
        places.setdefault((block.flow, block.layer), set()).add(block.head)
    heads: dict[str, dict[int, tuple[int, ...] | None]] = {}
    for flow, layer in sorted(places):
        closed = places[flow, layer]
        every = ALL_HEADS in closed or len(closed) == n_heads
        heads.setdefault(flow, {})[layer] = None if every else tuple(sorted(closed))
    cuts = []
    for flow, by_layer in heads.items():
        parsed = Flow.parse(flow)
        # Layers that follow one another keep a constant distance to their place.
        places_of = enumerate(by_layer.items())
        for (chosen, _), run in groupby(places_of, key=lambda item: (item[1][1], item[1][0] - item[0])):
            layers = [layer for _, (layer, _) in run]
            cut = parsed if chosen is None else parsed.at_heads(*chosen)
            cuts.append(Cut(flow=cut, first_layer=layers[0], last_layer=layers[-1]))
    return tuple(cuts)
