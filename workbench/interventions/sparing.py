"""A flow that spares some keys: `frame[3] -> last, sparing sinks`.

What a frame shows and the attention sinks that happen to stand in it are two things: cutting both at once
says little about either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import FlowError, KnockoutError
from workbench.interventions.edges import Edges, Rectangle
from workbench.interventions.flows import Flow
from workbench.interventions.protocol import REMOVALS
from workbench.prompts.spans import Span

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_TEXT = re.compile(r"(?P<flow>.+->.+?),? sparing (?P<spared>[^@]+?)(?P<heads> ?@.*)?", flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparing:
    """A flow whose queries keep the keys of one span. Raises SpanError for what is no span."""

    flow: Flow
    spared: str
    """Canonical span expression of the keys that stay."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "spared", str(Span.parse(self.spared)))

    @classmethod
    def parse(cls, text: str) -> Sparing | None:
        """Reads `frame[3] -> last, sparing sinks @ heads 0`; None where the text is nothing of the kind."""
        found = _TEXT.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        if "@" in found["flow"]:
            raise FlowError(f"{text!r}: heads stand at the end, behind the span that is spared.")
        return cls(flow=Flow.parse(found["flow"] + (found["heads"] or "")), spared=found["spared"])

    @property
    def heads(self) -> tuple[int, ...] | None:
        """The flow's."""
        return self.flow.heads

    @property
    def keep_self(self) -> bool:
        """As the flow's."""
        return self.flow.keep_self

    @property
    def name(self) -> str:
        """Its text without heads."""
        return f"{self.flow.name}, sparing {self.spared}"

    def __str__(self) -> str:
        heads = "" if self.heads is None else f" @ heads {','.join(map(str, self.heads))}"
        return f"{self.name}{heads}"

    def edges(self, layout: TokenLayout) -> Edges:
        """The flow's edges without those keys.

        Raises as the flow's own edges; KnockoutError where nothing is spared, and where nothing is left.
        """
        whole, spared = self.flow.edges(layout), layout[self.spared]
        kept = [Rectangle(rows, np.setdiff1d(columns, spared)) for rows, columns in whole.rectangles]
        found = Edges(length=whole.length, rectangles=tuple(kept), keep_self=whole.keep_self)
        left = found.count()
        if left == whole.count():
            raise KnockoutError(f"'{self}': the flow has no key in {self.spared!r}, so nothing is spared.")
        if not left:
            raise KnockoutError(f"'{self}': all keys of the flow are spared, so nothing is cut.")
        return found


REMOVALS.add(Sparing.parse)
