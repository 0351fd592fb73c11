"""Which of a flow's edges the model has at all, so that a structural zero is no finding.

A layer with a sliding window or chunks closes edges of its own: where all of a flow's are closed, cutting
them does nothing, and that says nothing about what the model uses. Sweeps of models whose layers have masks
of their own record it always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.measures.registry import Measure, register

if TYPE_CHECKING:
    from workbench.models import VideoLLM

MEASURE = register(
    Measure(
        name="edges",
        columns={
            "edges_percent": "edges of the flow that the model's own masks leave open in the cut layers, "
            "percent; 0: none, so that there was nothing to cut (a structural zero)"
        },
        of_masks=True,
    )
)


def with_edges(measures: tuple[Measure, ...], model: VideoLLM) -> tuple[Measure, ...]:
    """The measures, and `edges` behind them where the model's layers have masks of their own."""
    own = MEASURE not in measures and model.family.masks_of_its_own(model.config)
    return (*measures, MEASURE) if own else measures
