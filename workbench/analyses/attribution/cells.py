"""What attribution speaks of: a flow, cut in one range of layers, in one head or in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.errors import FlowError, RunError, shown
from workbench.interventions import Flow, Knockout, LayerSpan, Window, as_flows

if TYPE_CHECKING:
    import pandas as pd

ALL_HEADS = -1
FLOW, LAYER, HEAD = "flow", "layer", "head"
ESTIMATED, VERIFIED = "estimated", "verified"


class AttributionRow(NamedTuple):
    """One cell of one sample by one method."""

    sample_id: str
    task: str
    flow: str
    layer: int
    """From 1: the place of the window on the layer axis."""
    head: int
    """From 0; -1: all heads of the layer together."""
    method: str
    estimate: float
    """Estimated change_percent: the change of the answer's probability in percent of itself, from the
    estimated change of its log-odds. Of "attention" and "value_norm": their own number (see
    `estimates.py`)."""
    status: str
    """ "estimated", or "verified": `change_percent` is that of the exact knockout."""
    change_percent: float
    """Of the exact knockout, as in `run.table` of a sweep; NaN before it was made."""
    estimate_log_odds: float
    """Estimated change of the answer's log-odds, natural logarithm, from which `estimate` follows; NaN for
    the naive methods."""
    change_log_odds: float
    """Of the exact knockout; NaN before it was made."""
    p_base: float
    """Probability of the traced token in the untouched model."""
    correct_base: bool
    """Whether that token is the right answer."""
    first_layer: int
    last_layer: int
    """The layers that are cut, both included."""


KEYS = ["sample_id", "flow", "first_layer", "last_layer", "head"]
"""Columns that name a cell of a sample."""


class Cell(NamedTuple):
    """A flow, in one range of layers, in one head or in all (-1)."""

    flow: Flow
    span: LayerSpan
    head: int

    @property
    def knockout(self) -> Knockout:
        """The exact cut of this cell."""
        return Knockout.of(self.flow if self.head == ALL_HEADS else self.flow.at_heads(self.head), self.span)


def cells_of(table: pd.DataFrame) -> dict[str, tuple[Cell, ...]]:
    """The cells that a table speaks of, each once, by sample."""
    found: dict[str, dict[Cell, None]] = {}
    flows = {text: Flow.parse(text) for text in dict.fromkeys(table["flow"])}
    columns = ["sample_id", "flow", "layer", "first_layer", "last_layer", "head"]
    for sample, flow, *span, head in zip(*(table[name].tolist() for name in columns), strict=True):
        found.setdefault(sample, {})[Cell(flows[flow], LayerSpan(*span), head)] = None
    return {sample: tuple(cells) for sample, cells in found.items()}


def every_cell(
    flows: Iterable[Flow], spans: Sequence[LayerSpan], heads: Sequence[int]
) -> Iterator[tuple[int, Cell]]:
    """All cells, flow by flow, range by range, head by head; with the number of the flow."""
    for number, flow in enumerate(flows):
        for span in spans:
            for head in heads:
                yield number, Cell(flow, span, head)


def as_whole_flows(given: Flow | str | Sequence[Flow | str]) -> tuple[Flow, ...]:
    """Flows without heads of their own. Raises FlowError."""
    flows = as_flows(given)
    for flow in flows:
        if flow.heads is not None:
            raise FlowError(
                f"{str(flow)!r} names heads, and attribution tells them apart by itself. Give {flow.name!r}."
            )
    return flows


def as_heads(by: Sequence[str], n_heads: int) -> tuple[int, ...]:
    """The heads of a table by these parts: each, and all together; or all together only. Raises RunError."""
    given = (by,) if isinstance(by, str) else tuple(by)
    if given == (FLOW, LAYER, HEAD):
        return (*range(n_heads), ALL_HEADS)
    if given == (FLOW, LAYER):
        return (ALL_HEADS,)
    raise RunError(f"by={shown(given)} is not offered. Use ('flow', 'layer', 'head') or ('flow', 'layer').")


def as_window(given: Window | str) -> Window:
    """A window. Raises WindowError."""
    from workbench.interventions import parse_window

    return given if isinstance(given, Window) else parse_window(given)
