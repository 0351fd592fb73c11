"""Many knockouts through the decoder at once: their rows lie one after another in one packed sequence.

Every layer runs once on all of these rows, by the model's own module; weights are read once for all. Only
attention knows what belongs together. Layers count from 0 here.

Axes: N packed rows, d model, H query heads, K key/value heads, e head dim, B nodes side by side, r rows each.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench.engine.packed_attention import KeysKnown, PackedAttention, Segment, Start
from workbench.engine.plan import Node, Plan
from workbench.engine.precision import head
from workbench.engine.untouched import rows_of
from workbench.models.attention import stand_in

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


@torch.no_grad()
def run_packed(model: VideoLLM, starts: Sequence[Start], plan: Plan, *, wide: bool = False) -> Tensor:
    """Logits of the last row of every leaf, float32 (leaf node of the last layer, vocab); computed from the
    residual stream in float32 where `wide`."""
    runner = _Runner(model, starts, plan)
    layers = list(model.family.decoder_layers(model.hf))
    with stand_in([layer.self_attn for layer in layers], runner.attention):
        for number, layer in enumerate(layers):
            runner.step(number, layer)
    assert runner.hidden is not None
    return head(model, runner.hidden[0], wide=wide).float()


class _Runner:
    """The packed rows on their way up."""

    def __init__(self, model: VideoLLM, starts: Sequence[Start], plan: Plan) -> None:
        self.model, self.starts, self.plan = model, starts, plan
        self.hidden: Tensor | None = None  # (1, N, d), rows of the nodes of the layer below
        self.below: Sequence[Node] = ()
        self.attention = PackedAttention(model, starts)

    def step(self, number: int, layer: nn.Module) -> None:
        """Take the rows through one layer."""
        nodes = self.plan.layers[number]
        if not nodes:
            return
        attention = self.attention
        attention.layer, attention.known = number, []
        hidden = self._gather(nodes)
        if any(node.start < node.stop_start for node in nodes):
            # Some rows are needed as keys only: stop before their attention, and go on with the others.
            attention.segments, attention.keys_only = self._segments(nodes, keys_only=True), True
            with suppress(KeysKnown):
                layer(hidden, **self._arguments())
            hidden = _narrowed(hidden, nodes, self.plan.lengths)
        attention.segments, attention.keys_only = self._segments(nodes, keys_only=False), False
        self.hidden = layer(hidden, **self._arguments())
        self.below = nodes

    def _segments(self, nodes: Sequence[Node], *, keys_only: bool) -> list[Segment]:
        found = []
        for same, members in groupby(nodes, key=itemgetter(1, 2, 3, 4)):
            prompt, kind, start, stop_start = same
            first = start if keys_only else stop_start
            found.append(Segment(prompt, kind, start, first, len(list(members)), self.plan.lengths[prompt]))
        return found

    def _gather(self, nodes: Sequence[Node]) -> Tensor:
        """Rows `start`.. of each node before this layer, (1, N, d)."""
        offsets, total = [], 0
        for node in self.below:
            offsets.append(total - node.stop_start)
            total += self.plan.lengths[node.prompt] - node.stop_start
        # Rows that follow one another where they come from are taken in one stretch.
        stretches: list[tuple[Tensor, int, int]] = []
        below = None if self.hidden is None else self.hidden[0]
        for node in nodes:
            if node.parent is None:
                untouched = self.starts[node.prompt].untouched
                source, offset = untouched.resid[self.attention.layer], -untouched.first
            else:
                assert below is not None
                source, offset = below, offsets[node.parent]
            start, stop = offset + node.start, offset + self.plan.lengths[node.prompt]
            follows = stretches and stretches[-1][2] == start and stretches[-1][0] is source
            if node.parent is not None and follows:
                start = stretches.pop()[1]
            stretches.append((source, start, stop))
        parts = [source[start:stop] for source, start, stop in stretches]
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[None]

    def _arguments(self) -> dict[str, Any]:
        """What the layer is called with beside the rows: positions of the packed rows."""
        offsets = torch.tensor([0, *(start.untouched.length for start in self.starts)]).cumsum(0)
        rows = torch.cat(
            [
                (int(offsets[segment.prompt]) + torch.arange(segment.first, segment.length)).repeat(
                    segment.nodes
                )
                for segment in self.attention.segments
            ]
        ).to(self.model.device)
        parts = [start.untouched.arguments[self.attention.layer] for start in self.starts]
        return rows_of(parts, rows)


def _narrowed(hidden: Tensor, nodes: Sequence[Node], lengths: Sequence[int]) -> Tensor:
    """Of rows `start`.. of each node, (1, N, d), those from `stop_start` on."""
    parts, done = [], 0
    for node in nodes:
        rows = lengths[node.prompt] - node.start
        parts.append(hidden[0, done + node.stop_start - node.start : done + rows])
        done += rows
    return torch.cat(parts)[None]
