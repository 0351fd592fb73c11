"""Knockouts: which flows are cut in which layers, as data. Layers count from 1 here, from 0 in code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.errors import KnockoutError, shown
from workbench.interventions.flows import Flow
from workbench.interventions.masks import check_flows, keep_mask
from workbench.interventions.protocol import INTERVENTIONS, REMOVALS, Intervention, Removal
from workbench.interventions.windows import LayerSpan, Window
from workbench.shapes import Bool, shaped
from workbench.typed import HIGHEST, typed

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_HOW = "Write 'video -> question in layers 3..11' or 'video -> last in layer 3'; join several cuts by ';'."
_CUT = re.compile(
    r"(?P<flow>.+?)\s+in\s+(?:(?P<none>no\s+layers?)|layers?\s+(?P<first>[0-9]{1,9})(?:\s*(?:\.\.|-)\s*(?P<last>[0-9]{1,9}))?)",
    flags=re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One flow, or something else that attention can lose, cut in a range of layers.

    No layer at all is written first_layer = last_layer + 1.
    """

    flow: Removal
    first_layer: int
    """From 1."""
    last_layer: int
    """Included."""

    def __post_init__(self) -> None:
        for layer in (self.first_layer, self.last_layer):
            if isinstance(layer, bool) or not isinstance(layer, int) or layer > HIGHEST:
                raise KnockoutError(f"{shown(layer)} is no layer. Layers are whole numbers from 1.")
        if self.first_layer < 1:
            raise KnockoutError(
                f"'{self.flow}': there is no layer {self.first_layer}. Layers are counted from 1."
            )
        if self.first_layer > self.last_layer + 1:
            raise KnockoutError(
                f"'{self.flow}' in layers {self.first_layer}..{self.last_layer} is reversed: "
                f"did you mean {self.last_layer}..{self.first_layer}?"
            )

    @property
    def layers(self) -> range:
        """The layers, counted from 1."""
        return range(self.first_layer, self.last_layer + 1)

    def __str__(self) -> str:
        if not self.layers:
            return f"{self.flow} in no layer"
        if len(self.layers) == 1:
            return f"{self.flow} in layer {self.first_layer}"
        return f"{self.flow} in layers {self.first_layer}..{self.last_layer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knockout(Intervention):
    """Attention edges that some layers may not use: one forward pass with these cuts is one result.

    It is ANDed with the model's own mask and never takes its place.
    """

    kind: ClassVar[str] = "cut"
    cuts: tuple[Cut, ...]

    def __post_init__(self) -> None:
        if not self.cuts:
            raise KnockoutError(
                "A knockout needs at least one cut, for example Knockout.parse('video -> last in layer 3')."
            )

    @classmethod
    def of(cls, flow: Removal | str, layers: LayerSpan | tuple[int, int]) -> Knockout:
        """One flow in one range: a LayerSpan of a window, or (first, last), counted from 1, both included."""
        first, last = layers[-2:]
        parsed = _removal(flow) if isinstance(flow, str) else flow
        return cls(cuts=(Cut(flow=parsed, first_layer=first, last_layer=last),))

    @classmethod
    def parse(cls, text: str) -> Knockout:
        """Reads `video -> question in layers 3..11; last -> last in layer 4`.

        Raises KnockoutError or FlowError where the text is no knockout.
        """
        cuts = []
        for part in typed(text, "knockout", _HOW, error=KnockoutError).split(";"):
            found = _CUT.fullmatch(part.strip())
            if not found:
                raise KnockoutError(f"{shown(part.strip())} is not a cut. {_HOW}")
            first = 1 if found["none"] else int(found["first"])
            last = 0 if found["none"] else int(found["last"] or first)
            if last < first and not found["none"]:
                raise KnockoutError(
                    f"{shown(part.strip())} is reversed: did you mean layers {last}..{first}?"
                )
            cuts.append(Cut(flow=_removal(found["flow"]), first_layer=first, last_layer=last))
        return cls(cuts=tuple(cuts))

    def __str__(self) -> str:
        return "; ".join(map(str, self.cuts))

    def layers(self, n_layers: int) -> dict[int, tuple[Removal, ...]]:
        """The flows that are cut in each touched layer, by layer counted from 0, in order.

        Raises KnockoutError for a layer that the model does not have.
        """
        for cut in self.cuts:
            if cut.last_layer > n_layers:
                raise KnockoutError(
                    f"'{cut}' lies outside the model, which has {n_layers} layers (1..{n_layers})."
                )
        if len(self.cuts) == 1:
            flows = (self.cuts[0].flow,)
            return {layer - 1: flows for layer in self.cuts[0].layers}
        touched: dict[int, list[Removal]] = {}
        for cut in self.cuts:
            for layer in cut.layers:
                touched.setdefault(layer - 1, []).append(cut.flow)
        return {layer: tuple(touched[layer]) for layer in sorted(touched)}

    def check(self, layout: TokenLayout, n_layers: int, n_heads: int) -> None:
        """Raises KnockoutError or SpanError where this knockout cannot act on this prompt and model."""
        self.check_all([self], layout, n_layers, n_heads)

    @classmethod
    def check_all(
        cls, interventions: Iterable[Any], layout: TokenLayout, n_layers: int, n_heads: int
    ) -> None:
        """`check` of many: most cut the same flows, only in other layers."""
        for flows in {flows for one in interventions for flows in one.layers(n_layers).values()}:
            check_flows(flows, layout, n_heads)

    @shaped
    def mask(self, layout: TokenLayout, layer0: int, n_heads: int) -> Bool[np.ndarray, "h q k"] | None:
        """What layer `layer0` (from 0) keeps: True = keep, h = 1 or `n_heads`.

        None where the layer is untouched. Raises as `check`.
        """
        flows = tuple(cut.flow for cut in self.cuts if layer0 + 1 in cut.layers)
        return keep_mask(flows, layout, n_heads) if flows else None


def present(cuts: Iterable[Cut], layout: TokenLayout) -> Knockout | None:
    """The knockout of these cuts on one prompt, without those that have nothing to cut in it.

    Not every prompt has a gap, a tail, separators or two frames. None where nothing is cut at all. Raises
    SpanError where the prompt lacks a span that every prompt has.
    """
    kept = []
    for cut in cuts:
        try:
            cut.flow.edges(layout)
        except KnockoutError:
            continue  # no row of this prompt is cut
        kept.append(cut)
    return Knockout(cuts=tuple(kept)) if kept else None


def as_intervention(given: Intervention | str) -> Intervention:
    """Data as it is; a text as what it reads as, which is a knockout unless another kind knows it.

    Raises KnockoutError or FlowError where the text is nothing of any kind.
    """
    if isinstance(given, Intervention):
        return given
    return INTERVENTIONS.read(given) or Knockout.parse(given)


def _removal(text: str) -> Removal:
    return REMOVALS.read(text) or Flow.parse(text)


def knockouts(flows: Iterable[Flow], windows: Iterable[Window], n_layers: int) -> list[Knockout]:
    """One knockout for every flow, window and range of the window, flow by flow."""
    spans = [span for window in windows for span in window.expand(n_layers)]
    return [Knockout.of(flow, span) for flow in flows for span in spans]
