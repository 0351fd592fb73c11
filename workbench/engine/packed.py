"""Many knockouts through the decoder at once: their rows lie one after another in one packed sequence.

Every layer runs once on all of these rows, by the model's own module; weights are read once for all. Only
attention knows what belongs together. Layers count from 0 here.

Axes: N packed rows, d model, H query heads, K key/value heads, e head dim, B nodes side by side, r rows each.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from workbench.engine.attend import Attended, attend, attend_self, join
from workbench.engine.pieces import Piece, Rows, pieces
from workbench.engine.plan import Cuts, Flows, Node, Plan
from workbench.engine.precision import head
from workbench.engine.untouched import Untouched, rows_of
from workbench.models.attention import stand_in

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_FOLD_BELOW = 128
"""Up to this many rows a node, rows of all nodes are put into one sequence where they share their keys."""


class Start(NamedTuple):
    """One prompt, ready for knockouts."""

    untouched: Untouched
    flows: Flows


class Segment(NamedTuple):
    """Nodes side by side that do the same: `nodes` times rows `start`.. of one prompt."""

    prompt: int
    cuts: Cuts
    start: int
    """First row computed anew: keys from here on are new."""
    first: int
    """First row that asks."""
    nodes: int
    length: int


class _KeysKnown(Exception):
    """A layer was run only as far as its keys and values."""


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
        self.layer = 0
        self.segments: list[Segment] = []
        self.keys_only = False
        self.known: list[tuple[Tensor, Tensor] | None] = []
        self._pieces: dict[Any, list[tuple[list[int] | None, list[Piece]]]] = {}
        self._indices: dict[tuple[int, int, bytes], Any] = {}

    def step(self, number: int, layer: nn.Module) -> None:
        """Take the rows through one layer."""
        nodes = self.plan.layers[number]
        if not nodes:
            return
        self.layer = number
        hidden = self._gather(nodes, [node.start for node in nodes])
        self.known = []
        if any(node.start < node.stop_start for node in nodes):
            # Some rows are needed as keys only: stop before their attention, and go on with the others.
            self.segments, self.keys_only = self._segments(nodes, keys_only=True), True
            with suppress(_KeysKnown):
                layer(hidden, **self._arguments())
            hidden = _narrowed(hidden, nodes, self.plan.lengths)
        self.segments, self.keys_only = self._segments(nodes, keys_only=False), False
        self.hidden = layer(hidden, **self._arguments())
        self.below = nodes

    def _segments(self, nodes: Sequence[Node], *, keys_only: bool) -> list[Segment]:
        found = []
        for kind, members in groupby(nodes, key=lambda node: node._replace(parent=None)):
            first = kind.start if keys_only else kind.stop_start
            length = self.plan.lengths[kind.prompt]
            found.append(Segment(kind.prompt, kind.cuts, kind.start, first, len(list(members)), length))
        return found

    def _gather(self, nodes: Sequence[Node], firsts: Sequence[int]) -> Tensor:
        """Rows `firsts`.. of each node before this layer, (1, N, d)."""
        offsets, total = [], 0
        for node in self.below:
            offsets.append(total)
            total += self.plan.lengths[node.prompt] - node.stop_start
        parts: list[Tensor] = []
        begun = ended = -1  # rows of the layer below that follow one another are taken in one piece
        for node, first in zip(nodes, firsts, strict=True):
            length = self.plan.lengths[node.prompt]
            if node.parent is None:
                if ended > begun:
                    parts.append(self._rows_below(begun, ended))
                begun = ended = -1
                untouched = self.starts[node.prompt].untouched
                parts.append(untouched.resid[self.layer][first - untouched.first :])
                continue
            start = offsets[node.parent] + first - self.below[node.parent].stop_start
            stop = offsets[node.parent] + length - self.below[node.parent].stop_start
            if start != ended:
                if ended > begun:
                    parts.append(self._rows_below(begun, ended))
                begun = start
            ended = stop
        if ended > begun:
            parts.append(self._rows_below(begun, ended))
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[None]

    def _rows_below(self, begun: int, ended: int) -> Tensor:
        assert self.hidden is not None
        return self.hidden[0, begun:ended]

    def _arguments(self) -> dict[str, Any]:
        """What the layer is called with beside the rows: positions of the packed rows."""
        offsets = torch.tensor([0, *(start.untouched.length for start in self.starts)]).cumsum(0)
        rows = torch.cat(
            [
                (int(offsets[segment.prompt]) + torch.arange(segment.first, segment.length)).repeat(
                    segment.nodes
                )
                for segment in self.segments
            ]
        ).to(self.model.device)
        parts = [start.untouched.arguments[self.layer] for start in self.starts]
        return rows_of(parts, rows)

    def attention(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any,
        default: Any,
        **options: Any,
    ) -> tuple[Tensor, None]:
        """Attention of the packed rows: query (1, H, N, e), key and value (1, K, N, e) -> (1, N, H, e)."""
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))  # (N, heads, e)
        if self.keys_only:
            done = 0
            for segment in self.segments:
                new = slice(done, done := done + segment.nodes * (segment.length - segment.first))
                self.known.append((_by_node(key[new], segment), _by_node(value[new], segment)))
            raise _KeysKnown
        result = torch.empty_like(query, memory_format=torch.contiguous_format)
        done = 0
        for place, segment in enumerate(self.segments):
            new = slice(done, done := done + segment.nodes * (segment.length - segment.first))
            own = self.known[place] if self.known else None
            if own is None:
                own = _by_node(key[new], segment), _by_node(value[new], segment)
            self._segment(segment, _by_node(query[new], segment), *own, scale, _by_node(result[new], segment))
        return result[None], None

    def _segment(
        self, segment: Segment, query: Tensor, key: Tensor, value: Tensor, scale: float, out: Tensor
    ) -> None:
        """Attention of query (B, H, r, e) over new keys (B, K, s, e) and the untouched ones, into `out`."""
        untouched = self.starts[segment.prompt].untouched
        shared = untouched.keys[self.layer], untouched.values[self.layer]
        for heads, parts in self._pieces_of(segment):
            if heads is None:
                self._run_pieces(segment, parts, query, (key, value), shared, scale, out)
                continue
            # These heads see other keys than the rest: take them, and the key head that each of them reads.
            groups = query.shape[1] // key.shape[1]
            chosen = torch.tensor(heads, device=query.device)
            some = query.new_empty(query.shape[0], len(heads), *query.shape[2:])
            self._run_pieces(
                segment,
                parts,
                query[:, chosen],
                (key[:, chosen // groups], value[:, chosen // groups]),
                (shared[0][:, chosen // groups], shared[1][:, chosen // groups]),
                scale,
                some,
            )
            out[:, chosen] = some

    def _run_pieces(
        self,
        segment: Segment,
        parts: Sequence[Piece],
        query: Tensor,
        own: tuple[Tensor, Tensor],
        shared: tuple[Tensor, Tensor],
        scale: float,
        out: Tensor,
    ) -> None:
        lse = torch.full(out.shape[:3], -torch.inf, dtype=torch.float32, device=out.device)
        if not parts[0].fresh or parts[0].rows.size < query.shape[2]:
            out.zero_()
        for piece in parts:
            rows = self._index(piece.rows, segment.first)
            keys, values = own if piece.own else shared
            columns = self._index(piece.columns, segment.start if piece.own else 0)
            found = _attend(piece, query[:, :, rows], keys[:, :, columns], values[:, :, columns], scale)
            if not piece.fresh:
                found = join(Attended(out[:, :, rows], lse[:, :, rows]), found)
            out[:, :, rows], lse[:, :, rows] = found.out, found.lse

    def _index(self, rows: Rows, start: int) -> Any:
        """Rows as a slice where they follow one another, else as a tensor, counted from `start`."""
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == rows.size:
            return slice(first - start, last - start + 1)
        key = (start, rows.size, rows.tobytes())
        if key not in self._indices:
            self._indices[key] = torch.from_numpy(rows - start).to(self.model.device)
        return self._indices[key]

    def _pieces_of(self, segment: Segment) -> list[tuple[list[int] | None, list[Piece]]]:
        """The pieces of each set of heads that see the same; None stands for all heads."""
        start = self.starts[segment.prompt]
        keep = start.untouched.keep[self.layer]
        key = (segment.prompt, segment.cuts, segment.start, segment.first, id(keep))
        if key not in self._pieces:
            own_mask = None if keep is None else keep.numpy()
            acting: dict[Cuts, list[int]] = {}
            for head in range(self.model.n_heads):
                cuts = tuple(flow for flow in segment.cuts if flow.heads is None or head in flow.heads)
                acting.setdefault(cuts, []).append(head)
            self._pieces[key] = [
                (
                    None if len(acting) == 1 else heads,
                    pieces(
                        [start.flows.edges(flow) for flow in cuts],
                        first=segment.first,
                        own=segment.start,
                        keep=own_mask,
                        length=segment.length,
                    ),
                )
                for cuts, heads in acting.items()
            ]
        return self._pieces[key]


def _by_node(rows: Tensor, segment: Segment) -> Tensor:
    """(B * r, heads, e) -> (B, heads, r, e), a view."""
    return rows.unflatten(0, (segment.nodes, -1)).transpose(1, 2)


def _narrowed(hidden: Tensor, nodes: Sequence[Node], lengths: Sequence[int]) -> Tensor:
    """Of rows `start`.. of each node, (1, N, d), those from `stop_start` on."""
    parts, done = [], 0
    for node in nodes:
        rows = lengths[node.prompt] - node.start
        parts.append(hidden[0, done + node.stop_start - node.start : done + rows])
        done += rows
    return torch.cat(parts)[None]


def _attend(piece: Piece, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Attended:
    """One piece: query (B, H, r, e) over key and value (B or 1, K, k, e)."""
    if piece.shape == "self":
        return attend_self(query, key, value, scale=scale)
    if piece.shape == "full" and not piece.own and query.shape[0] > 1 and query.shape[2] < _FOLD_BELOW:
        nodes, heads, rows, _ = query.shape
        folded = query.transpose(0, 1).reshape(1, heads, nodes * rows, -1)
        found = attend(folded, key, value, scale=scale)
        out = found.out.reshape(heads, nodes, rows, -1).transpose(0, 1)
        return Attended(out, found.lse.reshape(heads, nodes, rows).transpose(0, 1))
    mask = None if piece.mask is None else torch.from_numpy(piece.mask).to(query.device)
    return attend(query, key, value, scale=scale, causal=piece.shape == "causal", mask=mask)
