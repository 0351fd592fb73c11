"""A planted model with its truth: which edges carry the answer, what each is for, and what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from workbench.data import Sample
from workbench.errors import KnockoutError
from workbench.interventions import Cut, Flow, Knockout
from workbench.planted.checkpoint import Body, load_planted
from workbench.planted.clips import write_clip
from workbench.planted.vocabulary import OPTIONS, QUESTION
from workbench.planted.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.models import VideoLLM
    from workbench.prompts.layout import TokenLayout

Role = Literal["needed", "sufficient", "backup", "negative"]
"""needed: the answer falls without it. sufficient: part of one of several ways of which each suffices, so
that it can be cut alone. backup: acts only where another way is cut. negative: votes against the answer."""

NOISE = 0.04
"""What heads that carry nothing add to the answer. Of what an edge of any role does it is a tenth or less; it
hides smaller traces, such as the norm's, which no method would see in a trained model."""
FRAMES = 8
"""Pictures of a clip: what `encode` takes by default."""
FLOWS = (
    *("system -> video", "within frames", "frames -> later frames"),
    *("frame[0] -> nonoption", "frame[1:7] -> nonoption", "frame[7] -> nonoption"),
    *("frame[:] -> true_option", "frame[:] -> false_options", "frame[:] -> tail"),
    *("frame[:] -> separator", "separator -> last", "system -> last"),
    *("nonoption -> true_option", "nonoption -> false_options"),
    *("frame[0] -> last", "frame[1:7] -> last", "frame[7] -> last"),
    *("nonoption -> last", "true_option -> last", "false_options -> last", "tail -> last"),
)
"""The flows among which every method looks, in every model. No two share an edge."""


class Candidate(NamedTuple):
    """One flow in one head of one layer."""

    flow: str
    layer: int
    """From 1."""
    head: int
    """From 0."""


class Edge(NamedTuple):
    """A candidate that matters."""

    flow: str
    layer: int
    """From 1."""
    head: int
    """From 0."""
    alone: float = 1.0
    """Share of the logit difference that is lost when this alone is cut, mean over the samples. 1: all of
    it; 0: none; negative: the answer gains."""
    role: Role = "needed"
    way: int = 0
    """Edges of one way belong together: 1, 2, .. where several lead to the answer, 0 where all are needed."""

    @property
    def candidate(self) -> Candidate:
        """Where it is."""
        return Candidate(self.flow, self.layer, self.head)


class Shown(NamedTuple):
    """One question with its clip."""

    answer: str
    """The letter that the model says."""
    frames: tuple[str, ...]
    """The colours of each frame's four cells."""
    question: str = QUESTION
    options: tuple[str, ...] = OPTIONS


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A model whose answer's way is known."""

    name: str
    story: str
    """One sentence."""
    wiring: Wiring
    edges: tuple[Edge, ...]
    """All candidates that matter; cutting any other changes the logit difference by less than 3%."""
    shown: tuple[Shown, ...]
    """Twins one after another: what differs within a pair is what the model answers by, where it does."""
    body: Body = "llava_next_video"

    def load(self) -> VideoLLM:
        """The model, under a name that says nothing, and with some noise."""
        return load_planted(self.wiring._replace(noise=NOISE), self.body)

    def samples(self, folder: Path) -> list[Sample]:
        """Its questions, their clips written into `folder`, under names that say nothing."""
        return [
            Sample(
                id=f"sample/{number}",
                task="sample",
                video=write_clip(one.frames, folder / str(number)),
                question=one.question,
                options=one.options,
                answer="AB".index(one.answer),
            )
            for number, one in enumerate(self.shown)
        ]


def candidates(layout: TokenLayout, n_layers: int, n_heads: int) -> list[Candidate]:
    """Every flow that has an edge in this prompt, in every head of every layer, in the order of FLOWS."""
    return list(_all(present_flows(layout), n_layers, n_heads))


def present_flows(layout: TokenLayout) -> list[str]:
    """Those of FLOWS that have an edge in this prompt."""
    found = []
    for flow in FLOWS:
        try:
            Flow.parse(flow).edges(layout)
        except KnockoutError:
            continue
        found.append(flow)
    return found


def _all(flows: Iterable[str], n_layers: int, n_heads: int) -> Iterator[Candidate]:
    for flow in flows:
        for layer in range(1, n_layers + 1):
            for head in range(n_heads):
                yield Candidate(flow, layer, head)


def cut_of(found: Iterable[Candidate]) -> Knockout:
    """The knockout of many candidates, one cut a flow and layer. Raises KnockoutError for none."""
    heads: dict[tuple[str, int], set[int]] = {}
    for flow, layer, head in found:
        heads.setdefault((flow, layer), set()).add(head)
    return Knockout(
        cuts=tuple(
            Cut(flow=Flow.parse(flow).at_heads(*sorted(own)), first_layer=layer, last_layer=layer)
            for (flow, layer), own in heads.items()
        )
    )
