"""Attention of packed rows: each node's own, over the untouched keys and those that it made anew.

Axes: N packed rows, H query heads, K key/value heads, e head dim, B nodes side by side, r rows each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.incremental.joined import Joiner
from workbench.engine.incremental.memory import to_device
from workbench.engine.incremental.merged import MOST_ROWS, Merger, by_node
from workbench.engine.incremental.pieces import Piece, Rows, apart, pieces
from workbench.engine.incremental.plan import Cuts, Flows, Plan, Segment
from workbench.engine.incremental.tiled import TiledPass, Tiler, can_tile
from workbench.engine.incremental.untouched import Untouched
from workbench.engine.kernels import Attended, attend, attend_self, has_biased, join
from workbench.shapes import Float, Int

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_FOLD_BELOW = 128
"""Up to this many rows a node, rows of all nodes are put into one sequence where they share their keys."""


class Altered(NamedTuple):
    """What is put into rows of the residual stream before a layer."""

    rows: Int[Tensor, " n"]
    """Rows of the prompt."""
    held: Float[Tensor, "k d"]
    places: Int[Tensor, " n"]
    """Where in `held` each of them is."""

    def put_into(self, resid: Tensor, start: int) -> Tensor:
        """A copy of rows `start`.. of the stream, (s - start, d), with these rows changed."""
        values = self.held.index_select(0, self.places.to(self.held.device)).to(resid)
        return resid.index_copy(0, self.rows.to(resid.device) - start, values)


class Start(NamedTuple):
    """One prompt, ready for knockouts or patches."""

    untouched: Untouched
    flows: Flows
    altered: Mapping[int, Altered] = MappingProxyType({})
    """What jobs put into the residual stream, by their `patch`."""
    apart: bool = False
    """Rows read one another as the untouched model left them: each stands for a forward of its own."""


class KeysKnown(Exception):
    """A layer was run only as far as its keys and values."""


class PackedAttention:
    """Stands in for the attention of every decoder layer while packed rows run through them.

    What it works out about cuts serves every pass over the same prompts.
    """

    def __init__(self, model: VideoLLM, starts: Sequence[Start]) -> None:
        self.model, self.starts = model, starts
        self.layer = 0
        self.segments: list[Segment] = []
        self.keys_only = False
        """Stop a layer, with KeysKnown, as soon as its keys and values are known, and keep these."""
        self.known: list[tuple[Tensor, Tensor]] = []
        """Keys and values (n, K, e) of the rows of the run before, where it stopped there."""
        self.tiled: TiledPass | None = None
        """The tiles of the pass that is to come, where there is a kernel for them: it takes no pieces."""
        self._tiler = Tiler([start.flows for start in starts], model.device) if can_tile(model) else None
        self._merger = Merger([start.flows for start in starts], model.n_heads)
        self._joiner = Joiner([start.flows for start in starts])
        self._pieces: dict[Any, list[tuple[list[int] | None, list[Piece]]]] = {}
        # By device too: the layers of a model may lie on several.
        self._indices: dict[tuple[int, int, bytes, torch.device], Any] = {}
        self._masks: dict[tuple[int, torch.device], Tensor] = {}

    def __call__(
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
            self.known = [(key, value)]
            raise KeysKnown
        own = self.known[0] if self.known else (key, value)
        if self.tiled is not None:
            shared = [
                (start.untouched.keys[self.layer][0], start.untouched.values[self.layer][0])
                for start in self.starts
            ]
            return self.tiled.attend(query, shared, own, scale)[None], None
        result = torch.empty_like(query, memory_format=torch.contiguous_format)
        done = known = 0
        merges = [self._merges(segment, query) for segment in self.segments]
        together = zip(self.segments, merges, strict=True)
        for (prompt, merged), members in groupby(together, key=lambda one: (one[0].prompt, one[1])):
            untouched = self.starts[prompt].untouched
            shared = untouched.keys[self.layer], untouched.values[self.layer]
            alike = [segment for segment, _ in members]
            for some in [alike] if merged else [[segment] for segment in alike]:
                rows = slice(done, done := done + sum(one.nodes * (one.length - one.first) for one in some))
                keys = slice(
                    known, known := known + sum(one.nodes * (one.length - one.start) for one in some)
                )
                new = own[0][keys], own[1][keys]
                if merged:
                    self._merger.attend(some, query[rows], new, shared, scale, result[rows])
                else:
                    self._segment(some[0], query[rows], new, shared, scale, result[rows])
        return result[None], None

    def begin(self, plan: Plan) -> None:
        """A plan is to be run."""
        if self._tiler is not None:
            self._tiler.begin(plan)

    def tile(self, segments: Sequence[Segment]) -> None:
        """Make ready for the passes of the layer that is to come, the last of which has these segments.

        Raises KnockoutError where a row is left without a key.
        """
        masked = any(start.apart or start.untouched.keep[self.layer] is not None for start in self.starts)
        self.tiled = None if self._tiler is None or masked else self._tiler.tiled(segments)

    def _merges(self, segment: Segment, query: Tensor) -> bool:
        """Whether a segment runs together with others."""
        return self._plain(segment) and has_biased(query) and self._merger.takes(segment)

    def _plain(self, segment: Segment) -> bool:
        """Whether all rows before a row are new to it, or before those that are, and no mask hides any."""
        start = self.starts[segment.prompt]
        return not start.apart and start.untouched.keep[self.layer] is None

    def _segment(
        self,
        segment: Segment,
        query: Tensor,
        own: tuple[Tensor, Tensor],
        shared: tuple[Tensor, Tensor],
        scale: float,
        out: Tensor,
    ) -> None:
        """Attention of the rows of a segment over its new keys `own`, (n, K, e), and the untouched ones, into
        `out`."""
        query, key, value, out = (by_node(part, segment.nodes) for part in (query, *own, out))
        if self._joins(segment, query):
            self._joiner.attend(segment, query, (key, value), shared, scale, out)
            return
        for heads, parts in self._pieces_of(segment):
            if heads is None:
                self._run_pieces(segment, parts, query, (key, value), shared, scale, out)
                continue
            # These heads see other keys than the rest: take them, and the key head that each of them reads.
            groups = query.shape[1] // key.shape[1]
            chosen = torch.tensor(heads, dtype=torch.long, device=query.device)
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

    def _joins(self, segment: Segment, query: Tensor) -> bool:
        """Whether untouched keys are put before each node's own."""
        long = segment.length - segment.first > MOST_ROWS
        return self._plain(segment) and long and has_biased(query) and self._joiner.takes(segment)

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
        lse: Tensor | None = None
        for piece in parts:
            rows = self._index(piece.rows, segment.first, query.device)
            keys, values = own if piece.own else shared
            columns = self._index(piece.columns, segment.start if piece.own else 0, query.device)
            mask = None if piece.mask is None else self._mask(piece.mask, query.device)
            found = _attend(
                piece.shape, query[:, :, rows], keys[:, :, columns], values[:, :, columns], scale, mask,
                fold=not piece.own,
            )  # fmt: skip
            if lse is None and piece.rows.size == query.shape[2]:
                out.copy_(found.out)
                lse = found.lse
                continue
            if lse is None:
                out.zero_()
                lse = torch.full(out.shape[:3], -torch.inf, dtype=torch.float32, device=out.device)
            if piece.fresh:
                out[:, :, rows], lse[:, :, rows] = found.out, found.lse
            elif isinstance(rows, slice):
                lse[:, :, rows] = join(Attended(out[:, :, rows], lse[:, :, rows]), found, out[:, :, rows]).lse
            else:
                found = join(Attended(out[:, :, rows], lse[:, :, rows]), found)
                out[:, :, rows], lse[:, :, rows] = found.out, found.lse

    def _mask(self, mask: np.ndarray, device: torch.device) -> Tensor:
        """A piece's mask on a device, put there once: pieces are kept, so that an id stays taken."""
        if (id(mask), device) not in self._masks:
            self._masks[id(mask), device] = to_device(mask, device)
        return self._masks[id(mask), device]

    def _index(self, rows: Rows, start: int, device: torch.device) -> Any:
        """Rows as a slice where they follow one another, else as a tensor, counted from `start`."""
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == rows.size:
            return slice(first - start, last - start + 1)
        key = (start, rows.size, rows.tobytes(), device)
        if key not in self._indices:
            self._indices[key] = to_device(rows - start, device)
        return self._indices[key]

    def _pieces_of(self, segment: Segment) -> list[tuple[list[int] | None, list[Piece]]]:
        """The pieces of each set of heads that see the same; None stands for all heads."""
        start = self.starts[segment.prompt]
        keep = start.untouched.keep[self.layer]
        key = (segment.prompt, segment.kind, segment.start, segment.first, id(keep))
        if key not in self._pieces:
            own_mask = None if keep is None else keep.numpy()
            acting: dict[Cuts, list[int]] = {}
            for head in range(self.model.n_heads):
                cuts = tuple(
                    flow
                    for flow in start.flows.cuts[segment.kind]
                    if flow.heads is None or head in flow.heads
                )
                acting.setdefault(cuts, []).append(head)
            alike: dict[str, Any] = {"first": segment.first, "keep": own_mask, "length": segment.length}
            if not start.apart:
                alike["own"] = segment.start
            self._pieces[key] = [
                (
                    None if len(acting) == 1 else heads,
                    (apart if start.apart else pieces)([start.flows.edges(flow) for flow in cuts], **alike),
                )
                for cuts, heads in acting.items()
            ]
        return self._pieces[key]


def _attend(
    shape: str, query: Tensor, key: Tensor, value: Tensor, scale: float, mask: Tensor | None, *, fold: bool
) -> Attended:
    """One piece: query (B, H, r, e) over key and value (B or 1, K, k, e); `fold`: nodes share keys."""
    if shape == "self":
        return attend_self(query, key, value, scale=scale)
    if shape == "full" and fold and query.shape[0] > 1 and query.shape[2] < _FOLD_BELOW:
        nodes, heads, rows, _ = query.shape
        folded = query.transpose(0, 1).reshape(1, heads, nodes * rows, -1)
        found = attend(folded, key, value, scale=scale)
        out = found.out.reshape(heads, nodes, rows, -1).transpose(0, 1)
        return Attended(out, found.lse.reshape(heads, nodes, rows).transpose(0, 1))
    return attend(query, key, value, scale=scale, causal=shape == "causal", mask=mask)
