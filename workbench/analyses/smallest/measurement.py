"""What a model answers when sets of edges are closed: the measurement that a search asks again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from workbench.analyses.pathways.closing import random_knockout
from workbench.errors import KnockoutError
from workbench.interventions import Cut, Flow, Knockout, edge_count, present
from workbench.measures.correctness import NO_OPTIONS, UNKNOWN, Judge, judge
from workbench.measures.logit_difference import MEASURE
from workbench.runs import PromptMeasurement, Skip, Unusable

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.engine import Engine
    from workbench.models import Prompt, VideoLLM
    from workbench.runs import Asked, Done, Record

FULL = "full"
"""The untouched model, which every sample is asked as well."""
AS_THEY_ARE = -1
"""The seed of a set whose own edges are closed."""
_NOTHING = Knockout.of("last -> last", (1, 0))
"""In no layer at all: the untouched model, read as all others are."""


class EdgeSet(NamedTuple):
    """What is closed, under a name."""

    name: str
    closed: tuple[Cut, ...]
    seed: int = AS_THEY_ARE
    """From 0: as many edges of each prompt are closed instead, drawn at random with this seed."""


class SetRow(NamedTuple):
    """One sample with one set of edges closed."""

    sample_id: str
    task: str
    name: str
    """The set's; "full" for the untouched model."""
    correct: bool
    """Whether the token that is now first is the right answer."""
    logit_difference: float
    """Logit of the right option minus that of the best other one."""
    edges_full: int
    """(query, key) pairs of the untouched model, in all layers and query heads."""
    edges_kept: int
    """What is left of them."""


@dataclass(frozen=True, kw_only=True)
class OpenEdges(PromptMeasurement):
    """Every sample untouched, and with each of several sets of edges closed."""

    name: ClassVar[str] = "open_edges"
    table: ClassVar[str] = "open_edges"
    row: ClassVar[type] = SetRow

    sets: tuple[EdgeSet, ...]
    engine: Engine

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "sets": [[one.name, "; ".join(map(str, one.closed)), one.seed] for one in self.sets],
            "engine": self.engine.name,
        }

    def asked(self, model: VideoLLM, prompt: Prompt) -> tuple[dict[str, Knockout | None], dict[str, str]]:
        """What each set is on one prompt, None where it closes nothing; and why sets are left out."""
        made: dict[str, Knockout | None] = {FULL: None}
        left_out = {}
        for one in self.sets:
            closed = present(one.closed, prompt.layout)
            if closed is not None and one.seed != AS_THEY_ARE:
                told: dict[str, Any] = {"seed": one.seed, "n_heads": model.n_heads}
                try:
                    closed = random_knockout(closed, prompt.layout, model.n_layers, **told)
                except KnockoutError as error:
                    left_out[one.name] = str(error)
                    continue
            made[one.name] = closed
        return made, left_out

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        records = super().measure(model, group, on_done)
        return [
            record if record.skipped else record._replace(skipped=self._left_out(model, one))
            for record, one in zip(records, group, strict=True)
        ]

    def _left_out(self, model: VideoLLM, one: Asked) -> tuple[Skip, ...]:
        if all(edges.seed == AS_THEY_ARE for edges in self.sets):
            return ()
        _, left_out = self.asked(model, one.prompt)
        return tuple(Skip(one.sample.id, name, why) for name, why in left_out.items())

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[SetRow]:
        from workbench.engine import Request

        verdict = usable(model, sample, prompt)
        made, _ = self.asked(model, prompt)
        assert MEASURE.readout is not None, "it is read off logits"
        request = Request(
            prompt=prompt,
            interventions=[knockout or _NOTHING for knockout in made.values()],
            token_id=min(verdict.right),
            readouts=[MEASURE.readout(verdict)],
        )
        (outcomes,) = self.engine.run(model, [request])
        layout, n_layers, n_heads = prompt.layout, model.n_layers, model.n_heads
        for (name, knockout), outcome in zip(made.items(), outcomes.changed, strict=True):
            base, change = outcome.measured
            edges = edge_count(layout, n_layers, knockout, n_heads=n_heads)
            yield SetRow(
                sample_id=sample.id,
                task=sample.task,
                name=name,
                correct=verdict.is_right(outcome.top_id),
                logit_difference=base + change,
                edges_full=edges.full,
                edges_kept=edges.kept,
            )


class SizeRow(NamedTuple):
    """How many edges one flow has in one sample's prompt."""

    sample_id: str
    flow: str
    edges: int
    """(query, key) pairs of one layer and head; 0 where the prompt has none."""
    edges_full: int
    """All that the model has, in all layers of one head."""


@dataclass(frozen=True, kw_only=True)
class FlowSizes(PromptMeasurement):
    """The edges of each flow in every prompt that can be used; the model is not run."""

    name: ClassVar[str] = "flow_sizes"
    table: ClassVar[str] = "flow_sizes"
    row: ClassVar[type] = SizeRow

    flows: tuple[Flow, ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"flows": list(map(str, self.flows))}

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[SizeRow]:
        usable(model, sample, prompt)
        for flow in self.flows:
            cut = present([Cut(flow=flow, first_layer=1, last_layer=1)], prompt.layout)
            edges = edge_count(prompt.layout, model.n_layers, cut)
            yield SizeRow(sample.id, str(flow), edges.removed, edges.full)


def usable(model: VideoLLM, sample: Sample, prompt: Prompt) -> Judge:
    """What is right for a sample. Raises Unusable for one without options, or whose answer is not known."""
    verdict = judge(model, sample, prompt)
    if not verdict.letters:
        raise Unusable(NO_OPTIONS)
    if not verdict.knows:
        raise Unusable(UNKNOWN)
    return verdict
