"""What each method costs on one sample, against the exact knockouts of the same cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pandas as pd

from workbench.runs import Asked, PromptMeasurement, measure_samples

if TYPE_CHECKING:
    from workbench.analyses.attribution.effects import Attribution
    from workbench.analyses.attribution.measurement import CellEstimates
    from workbench.data import Sample
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt

EXACT, FORWARD = "exact", "forward"


class CostRow(NamedTuple):
    """One way to get the effects of all cells of one sample."""

    sample_id: str
    method: str
    """A method, "exact" (the engine's knockouts of all cells), or "forward" (one pass of the model)."""
    seconds: float
    forwards: float
    """The seconds, in those of one forward of the whole model on this sample."""


def costs(found: Attribution, samples: int = 3, *, out: Path | str | None = None) -> pd.DataFrame:
    """What the methods of an attribution cost, each by itself, on its first samples.

    A row a way: method (also "forward", one pass of the model, and "exact", knockouts of all cells), samples,
    means of seconds, of forwards (the seconds in those of one forward), and of share (of those of "exact").
    """
    ids = list(dict.fromkeys(found.table["sample_id"]))[:samples]
    measured = measure_samples(
        found.model,
        [sample for sample in found.samples if sample.id in ids],
        CellCosts(of=found.measurement),
        out=out,
        **found.prompting,
    )
    table: Any = measured.table
    exact = table[table["method"] == EXACT].set_index("sample_id")["seconds"]
    table = table.assign(share=table["seconds"] / table["sample_id"].map(exact))
    columns = {name: (name, "mean") for name in ("seconds", "forwards", "share")}
    return table.groupby("method", sort=False, as_index=False).agg(
        samples=("sample_id", "nunique"), **columns
    )


@dataclass(frozen=True, kw_only=True)
class CellCosts(PromptMeasurement):
    """Seconds of every method, each by itself, and of all exact knockouts. The first of two runs is not
    counted."""

    name: ClassVar[str] = "attribution_costs"
    table: ClassVar[str] = "costs"
    row: ClassVar[type] = CostRow

    of: CellEstimates

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.of.settings

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[CostRow]:
        asked = Asked(0, sample, prompt)

        import torch

        def forward() -> None:
            with torch.no_grad():
                model.hf(**prompt.inputs, use_cache=False, **model.only_last_logits)

        ways: dict[str, Callable[[], object]] = {FORWARD: forward}
        for name in self.of.methods:
            ways[name] = partial(self.of.alone(name).measure, model, [asked], lambda units: None)
        ways[EXACT] = partial(self.of.exactly, model, asked)
        one = 0.0
        for name, way in ways.items():
            if name != EXACT:  # the slowest, and by then the device is warm
                way()
            seconds = timed(model, way)
            one = seconds if name == FORWARD else one
            yield CostRow(sample.id, name, seconds, seconds / one)


def timed(model: VideoLLM, way: Callable[[], object]) -> float:
    """Wall seconds of a call, the device's work included."""
    _wait(model)
    begun = time.perf_counter()
    way()
    _wait(model)
    return time.perf_counter() - begun


def _wait(model: VideoLLM) -> None:
    if model.device.type == "cuda":
        import torch

        torch.cuda.synchronize(model.device)
