"""The tiles of a pass on the device, and the pass by them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.fused import has_triton
from workbench.engine.incremental.memory import to_device
from workbench.engine.incremental.plan import Flows, Plan, Segment
from workbench.engine.incremental.tiles import Lost, TooMany, bounds_of, nodes_of
from workbench.shapes import Float, Int

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_HEAD_DIMS = (64, 128, 256)
_HALF = (torch.bfloat16, torch.float16)


class OnDevice(NamedTuple):
    """The tiles of one prompt in one pass."""

    prompt: int
    first_node: int
    last_key: int
    """Where its packed keys end."""
    nodes: Int[Tensor, "n 4"]
    """See `tiles.nodes_of`."""
    bounds: Int[Tensor, "T 2"]
    """See `tiles.bounds_of`."""


class TiledPass(NamedTuple):
    """One run of a layer by tiles."""

    row_nodes: Int[Tensor, " N"]
    key_nodes: Int[Tensor, " M"]
    prompts: list[OnDevice]
    tables: Sequence[Sequence[Tensor]]
    """By prompt, its `tiles.Tables`."""

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
                    bounds=part.bounds,
                    tables=self.tables[part.prompt],
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
        self._tables: list[list[Tensor]] = []

    def begin(self, plan: Plan) -> None:
        """Put on the device what the cuts of a plan take from rows."""
        for prompt, kind in {(node.prompt, node.kind) for nodes in plan.layers for node in nodes}:
            with suppress(TooMany):
                self._lost[prompt].place(kind)
        present = {node.prompt for nodes in plan.layers for node in nodes}
        self._tables = [
            [to_device(table, self._device) for table in one.tables()] if prompt in present else []
            for prompt, one in enumerate(self._lost)
        ]

    def tiled(self, segments: Sequence[Segment]) -> TiledPass | None:
        """One pass by tiles; None where bits cannot say what is cut.

        It is made when its turn comes: the device is at work on the pass before. Raises KnockoutError where a
        row is left without a key.
        """
        try:
            return self._tiled(segments)
        except TooMany:
            return None

    def _tiled(self, segments: Sequence[Segment]) -> TiledPass:
        made: list[tuple[int, int, int, np.ndarray, np.ndarray]] = []
        row = key = count = 0
        rows: list[int] = []
        keys: list[int] = []
        for prompt, group in groupby(segments, key=lambda segment: segment.prompt):
            lost = self._lost[prompt]
            parts = list(group)
            nodes = nodes_of(lost, parts, row=row, key=key)
            bounds = bounds_of(lost, parts, row=row)
            for part in parts:
                rows += [lost.length - part.first] * part.nodes
                keys += [lost.length - part.start] * part.nodes
            row, key = sum(rows), sum(keys)
            made.append((prompt, count, key, nodes, bounds))
            count = len(rows)
        number = np.arange(count, dtype=np.int32)
        arrays = [np.repeat(number, rows), np.repeat(number, keys)]
        arrays += [array for *_, nodes, bounds in made for array in (nodes, bounds)]
        vector = to_device(np.concatenate([array.ravel() for array in arrays]), self._device)
        views, done = [], 0
        for array in arrays:
            views.append(vector[done : done + array.size].view(array.shape))
            done += array.size
        row_nodes, key_nodes, *there = views
        prompts = [
            OnDevice(prompt, first, last_key, *tensors)
            for (prompt, first, last_key, _, _), *tensors in zip(made, there[::2], there[1::2], strict=True)
        ]
        return TiledPass(row_nodes, key_nodes, prompts, self._tables)
