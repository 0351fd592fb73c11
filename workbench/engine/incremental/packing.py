"""Knockouts of some prompts, made ready for packed passes a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.engine.incremental.memory import most_rows
from workbench.engine.incremental.packed import Prepared
from workbench.engine.incremental.packed_attention import PackedAttention, Start
from workbench.engine.incremental.packed_recurrent import PackedRecurrent
from workbench.engine.incremental.plan import Job, chunks, make_plan

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


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
