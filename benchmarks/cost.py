"""Floating-point operations, counted from what is computed: a multiply-add is 2.

See `workbench.engine.flops`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from workbench.engine.flops import attention, per_row, unembedding
from workbench.engine.incremental.pieces import pieces
from workbench.engine.incremental.plan import Flows, Node, Plan
from workbench.models import Prompt, VideoLLM


def vision(model: VideoLLM, prompt: Prompt) -> int:
    """Vision tower and projector, counted while they run once."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.hf.model.get_video_features(prompt.inputs["pixel_values_videos"])  # type: ignore[operator]
    return int(counter.get_total_flops())


def decoder(model: VideoLLM, length: int, *, rows_of_logits: int) -> int:
    """One causal forward of the decoder."""
    row, _ = per_row(model)
    layer = length * row + attention(model, length * (length + 1) // 2)
    return model.n_layers * layer + unembedding(model, rows_of_logits)


def packed(model: VideoLLM, plan: Plan, flows: Sequence[Flows]) -> int:
    """What a plan of the incremental engine computes."""
    row, keys = per_row(model)
    known: dict[Node, int] = {}
    total = 0
    for nodes in plan.layers:
        for node in nodes:
            kind = node._replace(parent=None)
            if kind not in known:
                length = plan.lengths[node.prompt]
                known[kind] = (
                    (length - node.stop_start) * row
                    + (node.stop_start - node.start) * keys
                    + attention(model, _pairs(node, flows[node.prompt], length))
                )
            total += known[kind]
    return total + unembedding(model, len(plan.layers[-1]))


def _pairs(node: Node, flows: Flows, length: int) -> int:
    found = pieces(
        [flows.edges(flow) for flow in flows.cuts[node.kind] if flow.heads is None],
        first=node.stop_start,
        own=node.start,
        keep=None,
        length=length,
    )
    return sum(_of_piece(piece.shape, piece.rows.size, piece.columns.size) for piece in found)


def _of_piece(shape: str, rows: int, columns: int) -> int:
    if shape == "causal":
        return rows * (rows + 1) // 2
    return rows if shape == "self" else rows * columns


def total(parts: Iterable[int]) -> float:
    """In TFLOP."""
    return sum(parts) / 1e12
