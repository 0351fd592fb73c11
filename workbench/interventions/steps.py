"""Cuts at chosen steps of writing: of the rows that predict tokens, only some lose what a flow takes.

Rows that a model writes inherit what `last` may not see (Map the Flow, appendix C). To ask at which step a
flow is needed, it is cut where single tokens are predicted, and left open where the others are. Steps count
from 1: step 1 is the prompt's `last` row, which predicts the first token; step t is the row of token t - 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import KnockoutError, shown
from workbench.interventions.edges import Edges, Rectangle
from workbench.interventions.flows import Flow
from workbench.interventions.knockouts import Cut, Knockout
from workbench.interventions.protocol import REMOVALS
from workbench.shapes import Int, shaped
from workbench.typed import HIGHEST

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_TEXT = re.compile(r"(?P<flow>.+?)\s+at\s+steps?\s+(?P<steps>\d{1,9}(\s*,\s*\d{1,9})*)", flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtSteps:
    """A flow that is cut at some steps of writing only: "video -> last at steps 3,4".

    Rows of the prompt before `last` lose what they always lose under this flow. Raises KnockoutError for no
    step, and for one that is no whole number from 1.
    """

    flow: Flow
    steps: tuple[int, ...]
    """Sorted; step 1 is the prompt's `last` row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", as_steps(self.steps))

    @classmethod
    def parse(cls, text: str) -> AtSteps | None:
        """Reads what `str` writes; None where the text names no steps. Raises FlowError for no flow."""
        found = _TEXT.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        return cls(flow=Flow.parse(found["flow"]), steps=tuple(map(int, found["steps"].split(","))))

    @property
    def heads(self) -> tuple[int, ...] | None:
        """Those of the flow."""
        return self.flow.heads

    @property
    def keep_self(self) -> bool:
        """That of the flow."""
        return self.flow.keep_self

    @property
    def name(self) -> str:
        """The flow without its heads, and the steps."""
        return f"{self.flow.name} {self._when}"

    def __str__(self) -> str:
        return f"{self.flow} {self._when}"

    @property
    def _when(self) -> str:
        return f"at step{'s' if self.steps[1:] else ''} {','.join(map(str, self.steps))}"

    def edges(self, layout: TokenLayout) -> Edges:
        """The flow's edges, without those into rows that predict a token at another step.

        Raises SpanError or KnockoutError as the flow does, and KnockoutError for a step that the layout does
        not have or where nothing would be cut.
        """
        rows = writing_rows(layout)
        if self.steps[-1] > len(rows):
            raise KnockoutError(
                f"'{self}': {len(layout['generated'])} tokens are written here, which makes steps "
                f"1..{len(rows)}. Name steps among these."
            )
        whole = self.flow.edges(layout)
        if not writes(whole, layout):
            raise KnockoutError(
                f"'{self}': no row that predicts a token loses a key under this flow, which acts in the "
                "prompt before any step. Leave 'at steps' out."
            )
        edges = _restricted(whole, np.delete(rows, np.array(self.steps) - 1))
        if not edges.count():
            raise KnockoutError(
                f"'{self}' removes nothing: there is no such key before the rows of these steps."
            )
        return edges


REMOVALS.add(AtSteps.parse)


def as_steps(steps: Sequence[int]) -> tuple[int, ...]:
    """Steps in order, each once. Raises KnockoutError for none, or for what is no whole number from 1."""
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step <= HIGHEST:
            raise KnockoutError(f"{shown(step)} is no step of writing. Steps are whole numbers from 1.")
    if not steps:
        raise KnockoutError("No step is named. Name one or more, from 1.")
    return tuple(sorted(set(steps)))


@shaped
def writing_rows(layout: TokenLayout) -> Int[np.ndarray, " t"]:
    """The rows that predict tokens, step by step: `last`, and those that are written."""
    return np.concatenate([layout["last"][-1:], layout["generated"]])


def writes(edges: Edges, layout: TokenLayout) -> bool:
    """Whether a row that predicts a token loses a key."""
    return bool(np.isin(writing_rows(layout), edges.rows).any())


def at_steps(knockout: Knockout, steps: Sequence[int], layout: TokenLayout) -> Knockout | None:
    """The knockout, cut at some steps of writing only, and in the prompt before `last` as ever.

    What has nothing to cut at these steps is left out; None where nothing is left. Raises KnockoutError for
    what is no flow, and as `AtSteps`.
    """
    cuts = []
    for cut in knockout.cuts:
        if not isinstance(cut.flow, Flow):
            raise KnockoutError(f"'{cut}' is no flow, and flows alone can be cut at single steps.")
        whole = cut.flow.edges(layout)
        if not writes(whole, layout):
            cuts.append(cut)
            continue
        other = np.delete(writing_rows(layout), np.array(as_steps(steps)) - 1)
        if _restricted(whole, other).count():
            flow = AtSteps(flow=cut.flow, steps=tuple(steps))
            cuts.append(Cut(flow=flow, first_layer=cut.first_layer, last_layer=cut.last_layer))
    return Knockout(cuts=tuple(cuts)) if cuts else None


def _restricted(edges: Edges, spared: np.ndarray) -> Edges:
    """The edges, but for those into rows that are `spared`."""
    kept = [Rectangle(np.setdiff1d(rows, spared), columns) for rows, columns in edges.rectangles]
    return Edges(
        length=edges.length,
        rectangles=tuple(rectangle for rectangle in kept if rectangle.rows.size),
        keep_self=edges.keep_self,
    )
