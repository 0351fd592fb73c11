"""Flows: which attention edges a knockout removes, parsed from text and printed back the same.

`source -> target` removes the keys at `source` from the queries at `target` and keeps every other edge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import FlowError, KnockoutError, SpanError, near_matches, shown
from workbench.interventions.catalogue import CROSS_FRAME, NAMED_FLOWS, WITHIN_FRAMES
from workbench.interventions.edges import Edges, Rectangle
from workbench.prompts.spans import Span
from workbench.typed import HIGHEST, typed

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

FRAMES, LATER_FRAMES, SAME_FRAMES = "frames", "later frames", "same frames"
SELF_TOO = "(self too)"
_HOW = (
    "Write 'source -> target' with two spans, for example 'video -> question', or 'frames -> later frames', "
    "or 'within frames'; add '@ heads 0,3' to cut these heads only, '(self too)' to cut a row's own key too."
)
_SPECIAL = {
    CROSS_FRAME: (FRAMES, LATER_FRAMES),
    WITHIN_FRAMES: (FRAMES, SAME_FRAMES),
}
_ALIASES = {alias.lower(): flow.text for flow in NAMED_FLOWS for alias in (flow.text, *flow.aliases)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Attention from the keys of one span to the queries of another, to be cut.

    Two flows are not pairs of spans: `frames -> later frames` (each frame loses all frames before it) and
    `within frames` (each frame loses its own rows). Raises FlowError where the parts make no flow.
    Source: MTF (Fig. 2, 3, 6, 7) and ES (VT-K, VS-K, LV-K).
    """

    source: str
    """Canonical span expression of the keys, or "frames"."""
    target: str
    """Canonical span expression of the queries, "later frames" or "same frames"."""
    heads: tuple[int, ...] | None = None
    """Query heads counted from 0, as in `hook_z`. None cuts every head."""
    keep_self: bool = True
    """A row of both spans keeps its own key. False only in `last -> last` unless asked by "(self too)"."""

    def __post_init__(self) -> None:
        if (self.source, self.target) not in _SPECIAL.values():
            object.__setattr__(self, "source", _span(self.source, self))
            object.__setattr__(self, "target", _span(self.target, self))
        if self.heads is not None:
            object.__setattr__(self, "heads", _heads(self.heads, self))
        if not self.keep_self and self.target == LATER_FRAMES:
            raise FlowError(f"{CROSS_FRAME!r} never cuts a row's own key. Leave {SELF_TOO!r} out.")
        if self.keep_self and self.source == self.target == "last":
            raise FlowError(
                "'last -> last' is the last row's own key: with keep_self=True nothing is left to cut."
            )

    @classmethod
    def parse(cls, text: str) -> Flow:
        """Reads a flow as users type it: "->" or "→", any spacing, the papers' short names.

        Raises FlowError with the nearest known flows or spans.
        """
        text = typed(text, "flow", _HOW, error=FlowError)
        rest, at, heads_text = text.replace("→", "->").partition("@")
        heads = _parse_heads(heads_text, text) if at else None
        rest = rest.strip()
        without = re.sub(r"\(\s*self\s+too\s*\)$", "", rest, flags=re.IGNORECASE).strip()
        self_too = without != rest
        spelled = re.sub(r"\s*->\s*", " -> ", without)
        name = _ALIASES.get(spelled.lower(), spelled)
        if name in _SPECIAL:
            source, target = _SPECIAL[name]
        else:
            parts = name.split("->")
            if len(parts) != 2:
                hint = near_matches(spelled.lower(), _ALIASES, limit=2)
                raise FlowError(f"{shown(text)} is not a flow.{hint} {_HOW}")
            source, target = (part.strip() for part in parts)
        own_key = source.lower() == target.lower() == "last"
        return cls(source=source, target=target, heads=heads, keep_self=not (self_too or own_key))

    @property
    def name(self) -> str:
        """The flow without its heads, canonical."""
        if self.target == SAME_FRAMES:
            text = WITHIN_FRAMES
        else:
            text = f"{self.source} -> {self.target}"
        own_key = self.source == self.target == "last"
        return text if self.keep_self or own_key else f"{text} {SELF_TOO}"

    def __str__(self) -> str:
        return self.name if self.heads is None else f"{self.name} @ heads {','.join(map(str, self.heads))}"

    def at_heads(self, *heads: int) -> Flow:
        """The same flow, cut in these query heads only (from 0)."""
        return replace(self, heads=heads)

    def edges(self, layout: TokenLayout) -> Edges:
        """The edges that this flow removes from a prompt, the same in every head it names.

        Rows that the model generated inherit what `last` may not see. Raises SpanError where the prompt lacks
        a span, KnockoutError where nothing would be removed: a cut without effect is never silent.
        """
        if self.source == FRAMES:
            rectangles = _frame_rectangles(layout, later=self.target == LATER_FRAMES)
        else:
            rows = _with_generated(Span.parse(self.target).rows(layout), layout)
            rectangles = [Rectangle(rows, Span.parse(self.source).rows(layout))]
        edges = Edges(length=layout.length, rectangles=tuple(rectangles), keep_self=self.keep_self)
        if not edges.count():
            raise KnockoutError(f"{str(self)!r} removes nothing from this prompt: {self._why_empty(edges)}")
        if not self.keep_self and not any(np.intersect1d(*rectangle).size for rectangle in rectangles):
            raise KnockoutError(
                f"{str(self)!r}: no row is in both spans, so {SELF_TOO!r} would do nothing. Leave it out."
            )
        return edges

    def _why_empty(self, edges: Edges) -> str:
        if self.target == LATER_FRAMES:
            return "it has fewer than two frames. Sample more frames."
        if self.target == SAME_FRAMES:
            return "no frame has more than one token, and each keeps its own key."
        (rectangle,) = edges.rectangles
        for rows, span in ((rectangle.columns, self.source), (rectangle.rows, self.target)):
            if not rows.size:
                why = " before the model has written anything" if span == "generated" else " in it"
                return f"the span {span!r} has no rows{why}. Name another span."
        if rectangle.columns[0] > rectangle.rows[-1]:
            return (
                f"every key of {self.source!r} comes after the queries of {self.target!r}, and a causal "
                f"model never looks ahead. Did you mean '{self.target} -> {self.source}'?"
            )
        return f"only rows' own keys would be left to cut, and they are kept. Add {SELF_TOO!r} to cut them."


def as_flows(flows: Flow | str | Sequence[Flow | str]) -> tuple[Flow, ...]:
    """One flow or several, as text or as data; FlowError for none, for a repeated one or for another type."""
    several = [flows] if isinstance(flows, Flow | str) else flows
    if not isinstance(several, Iterable):
        raise FlowError(f"{shown(several)} is no flow, nor a list of flows. {_HOW}")
    parsed: dict[Flow, None] = {}
    for given in several:
        flow = given if isinstance(given, Flow) else Flow.parse(given)
        if flow in parsed:
            raise FlowError(f"The flow {str(flow)!r} is asked for twice. Name each flow once.")
        parsed[flow] = None
    if not parsed:
        raise FlowError(f"No flow is named. {_HOW}")
    return tuple(parsed)


def _frame_rectangles(layout: TokenLayout, *, later: bool) -> list[Rectangle]:
    """One block a frame: against all frames before it (`later`), or against itself."""
    frames = [np.asarray(frame, dtype=np.int64) for frame in layout.frames]
    if not later:
        return [Rectangle(frame, frame) for frame in frames]
    return [Rectangle(frames[t], np.sort(np.concatenate(frames[:t]))) for t in range(1, len(frames))]


def _with_generated(rows: np.ndarray, layout: TokenLayout) -> np.ndarray:
    if "generated" in layout and np.isin(layout["last"], rows).any():
        return np.union1d(rows, layout["generated"])
    return rows


def _span(text: str, flow: Flow) -> str:
    try:
        return str(Span.parse(text))
    except SpanError as error:
        raise FlowError(f"In the flow {shown(f'{flow.source} -> {flow.target}')}: {error}") from error


def _heads(heads: tuple[int, ...], flow: Flow) -> tuple[int, ...]:
    name = f"{flow.source} -> {flow.target}"
    if not isinstance(heads, tuple | list):
        raise FlowError(f"{name!r}: {shown(heads)} are no heads. Give a tuple of whole numbers from 0.")
    if not heads:
        raise FlowError(f"{name!r} names no head. Leave the heads out to cut all of them.")
    for head in heads:
        if isinstance(head, bool) or not isinstance(head, int) or not 0 <= head <= HIGHEST:
            raise FlowError(f"{name!r}: {shown(head)} is no head. Heads are whole numbers from 0.")
        if heads.count(head) > 1:
            raise FlowError(f"{name!r} names head {head} twice. Name each head once.")
    return tuple(sorted(heads))


def _parse_heads(text: str, whole: str) -> tuple[int, ...]:
    found = re.fullmatch(r"\s*heads?\s+([0-9]{1,9}(?:\s*,\s*[0-9]{1,9})*)\s*", text, flags=re.IGNORECASE)
    if not found:
        raise FlowError(
            f"{shown(whole)}: {shown(f'@{text}')} names no heads. Write '@ heads 0,3', heads counted from 0."
        )
    return tuple(int(head) for head in found[1].split(","))
