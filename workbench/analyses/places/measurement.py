"""Every place of a clip cut by itself, with its size-matched controls, in one sweep."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.analyses.places.units import DRAWN, controls, flows_of, sink_flows
from workbench.analyses.sweep.effects import KnockoutSweep
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Removal

if TYPE_CHECKING:
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt
    from workbench.runs import Asked, Done, Encoder, Record


@dataclass(frozen=True, kw_only=True)
class PlacesSweep(KnockoutSweep):
    """A sweep whose flows are the places of each prompt."""

    name: ClassVar[str] = "what_mattered"
    unit: ClassVar[str] = "samples"

    each: str
    to: str | None
    draws: int
    """Size-matched random draws for each place and sample."""
    sinks: bool
    n_heads: int
    flows: tuple[Removal, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        shared = {name: value for name, value in super().settings.items() if name != "flows"}
        return {"each": self.each, "to": self.to, "draws": self.draws, "sinks": self.sinks, **shared}

    def units(self, model: VideoLLM) -> int:
        """1: how many places a prompt has is not known before it is made."""
        return 1

    def flows_of(self, prompt: Prompt) -> tuple[Removal, ...]:
        """The places, then their controls, then what concerns sinks, where the prompt knows of them."""
        layout = prompt.layout
        places = flows_of(layout, self.each, self.to, self.n_heads)
        found: list[Removal] = [*places]
        if self.draws and self.each in DRAWN:
            # Every sample has draws of its own, so that a mean over samples is one over draws too.
            name = "" if prompt.sample is None else prompt.sample.id
            first = self.draws * (zlib.crc32(name.encode()) % 1_000_000)
            draws = range(first, first + self.draws)
            found += [drawn for flow in places for drawn in controls(flow, layout, draws, self.seed)]
        found += sink_flows(places, layout, self.to)
        return tuple(found)

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """Raise for layers that the model lacks, and where no prompt has such places that can be cut."""
        self.cells(model)
        refused: WorkbenchError | None = None
        for asked in encoder.usable():
            try:
                missing = self._missing(model, asked.prompt)
            except WorkbenchError as error:
                refused = refused or error
                continue
            if len(missing) < len(self.flows_of(asked.prompt)):
                return
            refused = refused or next(iter(missing.values()))
        raise RunError(f"each={self.each!r}: nothing can be cut in any sample. {refused}") from refused

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        from workbench.analyses.attention.sinks import find_sinks  # needs torch

        if self.sinks:
            group = [asked._replace(prompt=find_sinks(model, asked.prompt).prompt) for asked in group]
        found = super().measure(model, group, lambda count: None)
        on_done(len(group))
        return found
