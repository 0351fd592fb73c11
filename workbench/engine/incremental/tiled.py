"""The tiles of a pass on the device, and the pass by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.fused import has_triton
from workbench.engine.incremental.memory import to_device
from workbench.engine.incremental.plan import Flows, Plan
from workbench.engine.incremental.tiles import Asking, Lost, Tiles, TooMany, tiles_of
from workbench.shapes import Float, Int

if TYPE_CHECKING:
    from workbench.engine.incremental.packed_attention import Segment
    from workbench.models.video_llm import VideoLLM

Tables = tuple[Int[Tensor, "kind s"], Int[Tensor, "kind s"], Int[Tensor, " s"]]
"""`tiles.Lost.tables` of a prompt."""
_HEAD_DIMS = (64, 128, 256)
_HALF = (torch.bfloat16, torch.float16)


class OnDevice(NamedTuple):
    """The tiles of one prompt in one pass; see `tiles.Tiles`."""

    prompt: int
    first_node: int
    last_key: int
    nodes: Int[Tensor, "n 3"]
    kinds: Int[Tensor, " n"]
    bounds: Int[Tensor, "T 2"]
    shared_tiles: tuple[Int[Tensor, " T+1"], Int[Tensor, " C"]]
    own_tiles: tuple[Int[Tensor, " T+1"], Int[Tensor, " D"]]


class TiledPass(NamedTuple):
    """One run of a layer by tiles."""

    row_nodes: Int[Tensor, " N"]
    key_nodes: Int[Tensor, " M"]
    prompts: list[OnDevice]
    lost: Sequence[Tables]
    """By prompt."""

    def attend(
        self,
        query: Float[Tensor, "N H e"],
        shared: Sequence[tuple[Float[Tensor, "K s e"], Float[Tensor, "K s e"]]],
        own: tuple[Float[Tensor, "M K e"], Float[Tensor, "M K e"]],
        scale: float,
    ) -> Float[Tensor, "N H e"]:
        """Attention of all rows; `shared` are the untouched keys and values of each prompt."""
        from workbench.engine.incremental.tiled_attention import attend_tiles

        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        with _current(query.device):
            for part in self.prompts:
                attend_tiles(
                    query,
                    shared[part.prompt],
                    own,
                    out,
                    row_nodes=self.row_nodes,
                    key_nodes=self.key_nodes,
                    first_node=part.first_node,
                    last_key=part.last_key,
                    nodes=part.nodes,
                    kinds=part.kinds,
                    lost=self.lost[part.prompt],
                    bounds=part.bounds,
                    shared_tiles=part.shared_tiles,
                    own_tiles=part.own_tiles,
                    scale=scale,
                )
        return out


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Kernels of Triton are launched on the current device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def can_tile(model: VideoLLM) -> bool:
    """Whether there is a kernel for this model on its device."""
    return (
        model.device.type == "cuda" and model.dtype in _HALF and model.d_head in _HEAD_DIMS and has_triton()
    )


class Tiler:
    """Makes the tiles of passes over the same prompts."""

    def __init__(self, flows: Sequence[Flows], device: torch.device) -> None:
        self._lost = [Lost(one) for one in flows]
        self._device = device
        self._tables: list[Tables] = []

    def begin(self, plan: Plan) -> None:
        """Put on the device what the cuts of a plan take from rows."""
        for prompt, kind in {(node.prompt, node.kind) for nodes in plan.layers for node in nodes}:
            with suppress(TooMany):
                self._lost[prompt].place(kind)
        self._tables = []
        for one in self._lost:
            rows, hard, columns = (to_device(table, self._device) for table in one.tables())
            self._tables.append((rows, hard, columns))

    def tiled(self, segments: Sequence[Segment]) -> TiledPass | None:
        """One pass by tiles; None where bits cannot say what is cut.

        It is made when its turn comes: the device is at work on the pass before. Raises KnockoutError where a
        row is left without a key.
        """
        try:
            made = _host(self._lost, segments)
        except TooMany:
            return None
        arrays = made.arrays()
        ends = np.cumsum([array.size for array in arrays])
        vector = to_device(np.concatenate([array.ravel() for array in arrays]), self._device)
        views = (
            vector[end - array.size : end].view(array.shape)
            for array, end in zip(arrays, ends.tolist(), strict=True)
        )
        return made.on(views, self._tables)


class _Host(NamedTuple):
    """A `TiledPass` before it is on the device."""

    row_nodes: np.ndarray
    key_nodes: np.ndarray
    prompts: list[tuple[int, int, Tiles]]
    """Prompt, end of its keys, tiles."""

    def arrays(self) -> list[np.ndarray]:
        """All that is to go to the device, in the order in which `on` takes it."""
        tiles = [array for *_, one in self.prompts for array in one.arrays()]
        return [self.row_nodes, self.key_nodes, *tiles]

    def on(self, views: Iterator[Tensor], tables: Sequence[Tables]) -> TiledPass:
        """The same on the device, whose arrays are the next of `views`."""
        row_nodes, key_nodes = next(views), next(views)
        prompts = []
        for prompt, last_key, one in self.prompts:
            nodes, kinds, bounds, shared_from, shared, own_from, own = (next(views) for _ in one.arrays())
            prompts.append(
                OnDevice(
                    prompt,
                    one.first_node,
                    last_key,
                    nodes,
                    kinds,
                    bounds,
                    (shared_from, shared),
                    (own_from, own),
                )
            )
        return TiledPass(row_nodes, key_nodes, prompts, tables)


def _host(lost: Sequence[Lost], segments: Sequence[Segment]) -> _Host:
    """The tiles of one pass. Raises TooMany and KnockoutError."""
    prompts: list[tuple[int, int, Tiles]] = []
    rows: list[int] = []
    keys: list[int] = []
    row = key = 0
    for prompt, group in groupby(segments, key=lambda segment: segment.prompt):
        asking = [Asking(part.kind, part.start, part.first, part.nodes) for part in group]
        tiles = tiles_of(lost[prompt], asking, row=row, key=key, node=len(rows))
        for part in asking:
            rows += [lost[prompt].length - part.first] * part.nodes
            keys += [lost[prompt].length - part.start] * part.nodes
        row, key = sum(rows), sum(keys)
        prompts.append((prompt, key, tiles))
    nodes = np.arange(len(rows), dtype=np.int32)
    return _Host(np.repeat(nodes, rows), np.repeat(nodes, keys), prompts)
