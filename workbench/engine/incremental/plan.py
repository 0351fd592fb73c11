"""Which rows of which knockouts are computed in which layer.

Three identities of causal attention say what need not be computed:
- rows before the first row that loses a key never change, nor does any row below the first cut layer;
- knockouts that cut the same in all layers so far have the same rows so far: they share them;
- a row counts only if a row that is read (the last one, unless a text is followed) still reads it, directly
  or through others, in the layers above.

Layers count from 0 here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from workbench.interventions import Edges, Knockout, Removal, ScatteredEdges
from workbench.prompts.layout import TokenLayout

Cuts = tuple[Removal, ...]
"""Flows that are cut together in one layer."""


class Job(NamedTuple):
    """One knockout of one prompt."""

    prompt: int
    """Which of the prompts that run together."""
    place: int
    """Its place among the knockouts asked for."""
    kinds: tuple[int, ...]
    """What each layer cuts, as `Flows` numbers it; 0 is nothing."""
    starts: tuple[int, ...]
    """First row needed before each layer, and after the last one: there it is the first that is read."""
    begin: int
    """The first layer that is computed anew."""
    read: int = 1
    """Rows at the end of the prompt that are read."""
    patch: int = 0
    """What is put into the residual stream before that layer, as `Start.altered` numbers it; 0 is nothing."""

    @property
    def rows(self) -> int:
        """Rows that it needs at most in any layer."""
        return self.starts[-1] + self.read - self.first

    @property
    def first(self) -> int:
        """The first row that it computes anew."""
        return min(self.starts[self.begin : -1])


class Node(NamedTuple):
    """Rows of one layer that one or more knockouts share."""

    parent: int | None
    """Its rows before this layer: a node of the layer below; None is the untouched residual stream."""
    prompt: int
    kind: int
    """What this layer cuts, as the prompt's `Flows` numbers it."""
    start: int
    """Rows from here on go into the layer."""
    stop_start: int
    """Rows from here on come out of it; those before are needed as keys only."""
    patch: int = 0
    """What is put into the untouched residual stream, where it starts from that; 0 is nothing."""


class Segment(NamedTuple):
    """Nodes side by side that do the same: `nodes` times rows `start`.. of one prompt."""

    prompt: int
    kind: int
    """What is cut, as the prompt's `Flows` numbers it."""
    start: int
    """First row computed anew: keys from here on are new."""
    first: int
    """First row that asks."""
    nodes: int
    length: int


class Plan(NamedTuple):
    """All nodes, layer by layer, and where each job ends."""

    layers: tuple[tuple[Node, ...], ...]
    leaves: tuple[int, ...]
    """The node of the last layer that holds the rows which each job reads, jobs in the order given."""
    lengths: tuple[int, ...]
    """Rows of each prompt."""

    @property
    def rows(self) -> int:
        """The most rows that a layer has at once."""
        return max(sum(self.lengths[node.prompt] - node.start for node in nodes) for nodes in self.layers)


class Flows:
    """The flows that are cut together in one prompt, numbered from 1, and their edges, each made once."""

    def __init__(self, layout: TokenLayout) -> None:
        self.layout = layout
        self.cuts: list[Cuts] = [()]
        self._numbers: dict[Cuts, int] = {(): 0}
        self._edges: dict[Removal, Edges | ScatteredEdges] = {}
        self._first_rows: dict[int, int] = {}
        self._open: dict[tuple[int, int, int], int] = {}

    def number(self, cuts: Cuts) -> int:
        """The number of these flows, cut together."""
        if cuts not in self._numbers:
            self._numbers[cuts] = len(self.cuts)
            self.cuts.append(cuts)
        return self._numbers[cuts]

    def edges(self, flow: Removal) -> Edges | ScatteredEdges:
        if flow not in self._edges:
            self._edges[flow] = flow.edges(self.layout)
        return self._edges[flow]

    def first_row(self, kind: int) -> int:
        """The first row that these cuts change."""
        if kind not in self._first_rows:
            self._first_rows[kind] = min(self.edges(flow).first_row for flow in self.cuts[kind])
        return self._first_rows[kind]

    def first_key(self, kind: int, queries: int, first: int) -> int:
        """The first row from `first` on that some row from `queries` on may read, or is, under these cuts."""
        key = (kind, queries, first)
        if key not in self._open:
            self._open[key] = self._first_open(self.cuts[kind], queries, first)
        return self._open[key]

    def _first_open(self, cuts: Cuts, queries: int, first: int) -> int:
        length = self.layout.length
        closed = np.zeros(length, dtype=bool)
        for flow in cuts:
            edges = self.edges(flow)
            # Random edges may close a column to all rows too, but it is not worth finding out.
            if flow.heads is None and isinstance(edges, Edges):
                closed |= _lost_by_all(edges, queries, length)
        open_rows = np.flatnonzero(~closed[first:queries])
        return first + int(open_rows[0]) if open_rows.size else queries


def _lost_by_all(edges: Edges, queries: int, length: int) -> np.ndarray:
    """Columns that every row from `queries` on loses, bool (length,)."""
    left = np.ones(length - queries, dtype=bool)
    lost = np.ones(length, dtype=bool)
    for rows, columns in edges.rectangles:
        rows = rows[rows >= queries]
        if rows.size:
            left[rows - queries] = False
            here = np.zeros(length, dtype=bool)
            here[columns] = True
            lost &= here
    return np.zeros(length, dtype=bool) if left.any() else lost


def first_row(knockouts: Sequence[Knockout], flows: Flows) -> int:
    """The first row that any of these knockouts changes; the prompt's length where none does."""
    cut = {cut.flow for knockout in knockouts for cut in knockout.cuts if cut.layers}
    return min((flows.edges(flow).first_row for flow in cut), default=flows.layout.length)


def make_jobs(
    prompt: int, knockouts: Sequence[Knockout], flows: Flows, n_layers: int, read: int = 1
) -> list[Job]:
    """One job for every knockout that cuts anything. Of the last `read` rows, those are read that change."""
    return [
        _make_job(prompt, place, touched, flows, n_layers, read)
        for place, knockout in enumerate(knockouts)
        if (touched := knockout.layers(n_layers))
    ]


def _make_job(
    prompt: int, place: int, touched: Mapping[int, Cuts], flows: Flows, n_layers: int, read: int
) -> Job:
    """What one knockout, by the layers that it touches, needs, by going back from the rows that are read."""
    kinds = [0] * n_layers
    last: Cuts = ()
    kind = 0
    for layer, cuts in touched.items():
        if cuts is not last:
            last, kind = cuts, flows.number(cuts)
        kinds[layer] = kind
    first = min(flows.first_row(kind) for kind in set(kinds) if kind)
    length = flows.layout.length
    starts = [first] * n_layers + [max(first, length - read)]
    for layer in sorted(touched, reverse=True):
        starts[layer] = flows.first_key(kinds[layer], starts[layer + 1], first)
    return Job(prompt, place, tuple(kinds), tuple(starts), min(touched), read=length - starts[-1])


def idle_job(prompt: int, place: int, first: int, length: int, n_layers: int) -> Job:
    """Rows `first`.. of all layers computed anew without any cut: what comes out shows the rounding."""
    return Job(prompt, place, (0,) * n_layers, (first,) * n_layers + (length - 1,), 0)


def patch_job(prompt: int, place: int, patch: int, begin: int, first: int, length: int, n_layers: int) -> Job:
    """Rows `first`.. from layer `begin` on, after something was put into the residual stream there."""
    return Job(prompt, place, (0,) * n_layers, (first,) * n_layers + (length - 1,), begin, patch=patch)


def make_plan(jobs: Sequence[Job], lengths: Sequence[int], n_layers: int) -> Plan:
    """Shares the rows of jobs that cut the same so far. Nodes alike lie side by side."""
    kinds = np.array([job.kinds for job in jobs])  # (job, layer)
    starts = np.array([job.starts for job in jobs])  # (job, layer + 1)
    begin = np.array([job.begin for job in jobs])
    prompts = np.array([job.prompt for job in jobs])
    patches = np.array([job.patch for job in jobs])
    at = np.full(len(jobs), -1)
    layers: list[tuple[Node, ...]] = []
    for layer in range(n_layers):
        here = np.flatnonzero(begin <= layer)
        if not here.size:
            layers.append(())
            continue
        start, stop_start = starts[here, layer], starts[here, layer + 1]
        # What starts here starts from the untouched rows; the first row that counts sets it apart, and what
        # is put into them.
        alone, patch = np.where(at[here] < 0, start, -1), np.where(at[here] < 0, patches[here], 0)
        same = np.stack([at[here], prompts[here], kinds[here, layer], alone, patch])
        order = np.lexsort(same)
        new = np.concatenate([[True], np.any(np.diff(same[:, order], axis=1) != 0, axis=0)])
        first = np.flatnonzero(new)
        start, stop_start = (np.minimum.reduceat(part[order], first) for part in (start, stop_start))
        parent, prompt, kind, _, patch = same[:, order[first]]
        place = np.lexsort((kind, stop_start, start, prompt))
        group = np.argsort(place)[np.cumsum(new) - 1]
        at[here[order]] = group
        above, *rest = (part[place].tolist() for part in (parent, prompt, kind, start, stop_start, patch))
        layers.append(tuple(map(Node, (None if node < 0 else node for node in above), *rest)))
    assert (at >= 0).all()
    return Plan(tuple(layers), tuple(at.tolist()), tuple(lengths))


def chunks(jobs: Sequence[Job], most_rows: int) -> list[list[Job]]:
    """Jobs in stretches of at most `most_rows` rows, but at least one job, evenly filled.

    Jobs that share rows stay together: they are sorted by where they start and what they cut.
    """
    ordered = sorted(jobs, key=lambda job: (job.prompt, -job.rows, job.begin, job.kinds))
    total = sum(job.rows for job in jobs)
    even = total / max(1, -(-total // most_rows))
    found: list[list[Job]] = []
    filled = 0
    for job in ordered:
        if not found or filled + job.rows > most_rows or filled >= even:
            found.append([])
            filled = 0
        found[-1].append(job)
        filled += job.rows
    return found
