"""The points of a sweep: a flow, or something else that attention can lose, in one range of one window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Knockout, LayerSpan, Removal, Window

if TYPE_CHECKING:
    from workbench.prompts.prompt import Prompt
    from workbench.runs import Encoder


class Cell(NamedTuple):
    """One point of the sweep: a flow, cut in one range of one window."""

    flow: Removal
    window: Window
    span: LayerSpan
    knockout: Knockout


@lru_cache(maxsize=8)
def make_cells(flows: tuple[Removal, ...], windows: tuple[Window, ...], n_layers: int) -> tuple[Cell, ...]:
    """Every flow in every range of every window: flow by flow, window by window, layer by layer.

    Raises WindowError for layers that the model lacks.
    """
    spans = [(window, span) for window in windows for span in window.expand(n_layers)]
    return tuple(
        Cell(flow, window, span, Knockout.of(flow, span)) for flow in flows for window, span in spans
    )


def refuse_missing(encoder: Encoder, missing: Callable[[Prompt], Mapping[Any, WorkbenchError]]) -> None:
    """Raise RunError for a flow that no sample has, and where no sample can be used.

    `missing` says which flows a prompt lacks, each with the reason.
    """
    nowhere: dict[Any, WorkbenchError] | None = None
    for asked in encoder.usable():
        here = missing(asked.prompt)
        nowhere = dict(here) if nowhere is None else {flow: e for flow, e in nowhere.items() if flow in here}
        if not nowhere:
            return
    flow, error = next(iter((nowhere or {}).items()))
    raise RunError(
        f"The flow {str(flow)!r} cannot be cut in any of the {len(encoder.samples)} samples: {error} "
        "Leave it out, or use other samples."
    ) from error
