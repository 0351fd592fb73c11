"""Many knockouts through the decoder at once: their rows lie one after another in one packed sequence.

Every layer runs once on all of these rows, by the model's own module; weights are read once for all. Only
attention, and what stands in its place, knows what belongs together. Layers count from 0 here.

Axes: N packed rows, d model, H query heads, K key/value heads, e head dim, B nodes side by side, r rows each.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.incremental.memory import most_rows, to_device
from workbench.engine.incremental.packed_attention import KeysKnown, PackedAttention, Start
from workbench.engine.incremental.packed_recurrent import PackedRecurrent
from workbench.engine.incremental.plan import Job, Node, Plan, Segment, chunks, make_plan
from workbench.engine.incremental.precision import head
from workbench.engine.incremental.untouched import rows_of
from workbench.models.attention import stand_in
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


@shaped
@torch.no_grad()
def run_packed(packed: Prepared, *, wide: bool = False) -> Float[Tensor, "job vocab"]:
    """Logits of the last row of every job, float32; from the residual stream in float32 where `wide`.

    They are not waited for: a device may still be at work.
    """
    hidden = run_rows(packed)
    logits = head(packed.model, hidden, wide=wide).float()  # (leaf node of the last layer, vocab)
    return logits[to_device(np.array(packed.plan.leaves), logits.device)]


@shaped
@torch.no_grad()
def run_rows(packed: Prepared) -> Float[Tensor, "N d"]:
    """The residual stream after the last layer of the rows that are read, node by node."""
    attention, recurrent, plan = packed.attention, packed.recurrent, packed.plan
    model = attention.model
    attention.begin(plan)
    layers = list(model.family.decoder_layers(model.hf))
    with stand_in(model.family.attentions(model.hf).values(), attention), recurrent.standing_in():
        for number, layer in enumerate(layers):
            packed.step(number, layer)
    assert packed.hidden is not None
    return packed.hidden[0]


class _Pass(NamedTuple):
    """One run of a layer."""

    segments: list[Segment]
    rows: Int[Tensor, " N"]
    """Where the packed rows stand; the prompts' rows are counted through one after another."""


class Prepared:
    """The packed rows of a plan, on their way up once. All that can be said before the untouched forwards are
    there is said when it is made."""

    def __init__(self, attention: PackedAttention, recurrent: PackedRecurrent, plan: Plan) -> None:
        self.attention, self.recurrent, self.plan = attention, recurrent, plan
        self.model, self.starts = attention.model, attention.starts
        self.running = self.model.family.recurrent_layers(self.model.hf).keys()
        self.layer = 0
        self.hidden: Tensor | None = None  # (1, N, d), rows of the nodes of the layer below
        self.below: Sequence[Node] = ()
        self.passes = self._passes()

    def step(self, number: int, layer: nn.Module) -> None:
        """Take the rows through one layer."""
        nodes = self.plan.layers[number]
        if not nodes:
            return
        mixer = self.recurrent if number in self.running else self.attention
        self.layer = mixer.layer = number
        mixer.known = []
        hidden = self._gather(nodes)
        *keys_only, whole = self.passes[number]
        if mixer is self.attention:
            self.attention.tile(whole.segments)
        for run in keys_only:
            # Some rows are needed as keys only: stop before their attention, and go on with the others.
            mixer.segments, mixer.keys_only = run.segments, True
            with suppress(KeysKnown):
                layer(hidden, **self._arguments(run.rows))
            hidden = _narrowed(hidden, nodes, self.plan.lengths)
        mixer.segments, mixer.keys_only = whole.segments, False
        self.hidden = self._with_added(number, layer(hidden, **self._arguments(whole.rows)), whole.rows)
        self.below = nodes

    def _with_added(self, number: int, hidden: Tensor, rows: Tensor) -> Tensor:
        """The packed rows (1, N, d) after a layer, with what the model adds to each there."""
        parts = [start.untouched.added.get(number) for start in self.starts]
        if all(part is None for part in parts):
            return hidden
        terms = [
            hidden.new_zeros(start.untouched.length, hidden.shape[-1]) if part is None else part.to(hidden)
            for start, part in zip(self.starts, parts, strict=True)
        ]
        return hidden + torch.cat(terms)[rows.to(hidden.device)]

    def _passes(self) -> list[list[_Pass]]:
        """The runs of each layer, none where it has no rows. All their rows go to the device at once: one
        copy a layer would make the device wait for each."""
        offsets = np.cumsum([0, *(start.untouched.length for start in self.starts)])
        segments = [
            [_segments(nodes, self.plan.lengths, keys_only=keys_only) for keys_only in _runs(nodes)]
            for nodes in self.plan.layers
        ]
        rows = [
            np.tile(np.arange(part.first, part.length) + offsets[part.prompt], part.nodes)
            for layer in segments
            for run in layer
            for part in run
        ]
        on_device = to_device(np.concatenate(rows), self.model.device)
        passes, done = [], 0
        for layer in segments:
            passes.append([])
            for run in layer:
                count = sum(part.nodes * (part.length - part.first) for part in run)
                passes[-1].append(_Pass(run, on_device[done : done + count]))
                done += count
        return passes

    def _gather(self, nodes: Sequence[Node]) -> Tensor:
        """Rows `start`.. of each node before this layer, (1, N, d)."""
        lengths = self.plan.lengths
        offsets, total = [], 0
        for node in self.below:
            offsets.append(total - node.stop_start)
            total += lengths[node.prompt] - node.stop_start
        parts: list[Tensor] = []
        below = None if self.hidden is None else self.hidden[0]
        begin = end = -1  # rows of the layer below that follow one another are taken in one stretch
        for parent, prompt, _, start, _, patch in nodes:
            if parent is not None and offsets[parent] + start == end:
                end = offsets[parent] + lengths[prompt]
                continue
            if below is not None and begin >= 0:
                parts.append(below[begin:end])
            begin = end = -1
            if parent is None:
                untouched = self.starts[prompt].untouched
                resid = untouched.resid[self.layer][start - untouched.first :]
                altered = self.starts[prompt].altered.get(patch)
                parts.append(resid if altered is None else altered.put_into(resid, start))
            else:
                begin, end = offsets[parent] + start, offsets[parent] + lengths[prompt]
        if below is not None and begin >= 0:
            parts.append(below[begin:end])
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[None]

    def _arguments(self, rows: Tensor) -> dict[str, Any]:
        """What the layer is called with beside the packed rows."""
        return rows_of([start.untouched.arguments[self.layer] for start in self.starts], rows)


class Packing:
    """What the knockouts of some requests are packed into, planned a chunk at a time."""

    def __init__(self, model: VideoLLM, starts: Sequence[Start], limit_bytes: int | None) -> None:
        self._layers, self._lengths = model.n_layers, [start.untouched.length for start in starts]
        self._attention, self._recurrent = PackedAttention(model, starts), PackedRecurrent(model, starts)
        self.most_rows = most_rows(model, limit_bytes)
        self._ahead: tuple[list[Job], Prepared] | None = None

    def prepare(self, jobs: list[Job]) -> None:
        """Plan the first chunk, if these turn out to be the jobs: while the device is at work otherwise."""
        if jobs:
            first = chunks(jobs, self.most_rows)[0]
            self._ahead = first, self.packed(first)

    def packed(self, chunk: list[Job]) -> Prepared:
        """A chunk as it is run."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == chunk:
            return ahead[1]
        return Prepared(self._attention, self._recurrent, make_plan(chunk, self._lengths, self._layers))


def _runs(nodes: Sequence[Node]) -> list[bool]:
    """How often a layer runs on these rows, and whether only as far as its keys."""
    if not nodes:
        return []
    return [True, False] if any(node.start < node.stop_start for node in nodes) else [False]


def _segments(nodes: Sequence[Node], lengths: Sequence[int], *, keys_only: bool) -> list[Segment]:
    found = []
    for same, members in groupby(nodes, key=itemgetter(1, 2, 3, 4)):
        prompt, kind, start, stop_start = same
        first = start if keys_only else stop_start
        found.append(Segment(prompt, kind, start, first, len(list(members)), lengths[prompt]))
    return found


def _narrowed(hidden: Tensor, nodes: Sequence[Node], lengths: Sequence[int]) -> Tensor:
    """Of rows `start`.. of each node, (1, N, d), those from `stop_start` on."""
    parts, done = [], 0
    for node in nodes:
        rows = lengths[node.prompt] - node.start
        parts.append(hidden[0, done + node.stop_start - node.start : done + rows])
        done += rows
    return torch.cat(parts)[None]
