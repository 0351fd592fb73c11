"""Other analyses as methods, where this version of the workbench has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import RunError
from workbench.interventions import Flow
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.analyses.methods.method import Method
    from workbench.data import Sample
    from workbench.models import VideoLLM
    from workbench.planted import Candidate

_OPTIONS = "true_option + false_options"
_ROWS = {
    "later frames": "frame[:]",
    "same frames": "frame[:]",
    "video": "frame[:]",
    "true_option": _OPTIONS,
    "false_options": _OPTIONS,
}
"""Where a flow's target is not one span of both twins: the rows that are patched."""


def adapted() -> dict[str, Method]:
    """By name, those whose function `workbench` has."""
    workbench = import_module("workbench")
    found: dict[str, Method] = {}
    if (patch := getattr(workbench, "patch", None)) is not None:
        found["patching"] = partial(patching, patch)
    if (attribute := getattr(workbench, "attribute", None)) is not None:
        found["attribution"] = partial(attribution, attribute)
    return found


@shaped
def patching(
    patch: Callable[..., Any], model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """What a head's output at the rows that a flow leads to does in the twin: mean of `recovered`, both ways.

    It cannot tell where the head has read, so flows into the same rows have the same number. Samples come in
    pairs of twins; twins of one answer have nothing to recover, and give 0.
    """
    pairs = [
        (one, other)
        for one, other in zip(samples[::2], samples[1::2], strict=True)
        if one.answer != other.answer
    ]
    if not pairs:
        return np.zeros(len(candidates))
    rows = {
        flow: _ROWS.get(target := Flow.parse(flow).target, target) for flow in {c.flow for c in candidates}
    }
    found = patch(model, pairs, sites="z", spans=sorted(set(rows.values())), progress=False)
    mean = found.table.groupby(["span", "layer", "head"])["recovered"].mean().fillna(0.0).to_dict()
    return np.array([mean.get((rows[one.flow], one.layer, one.head), 0.0) for one in candidates])


@shaped
def attribution(
    attribute: Callable[..., Any], model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """The estimates of `attribute` by its own default method, mean over samples; a loss is positive."""
    flows = list(dict.fromkeys(one.flow for one in candidates))
    table = attribute(model, samples, flows=flows, progress=False).table
    mean = table.groupby(["flow", "layer", "head"])["estimate"].mean().to_dict()
    missing = [one for one in candidates if (one.flow, one.layer, one.head) not in mean]
    if missing:
        raise RunError(f"attribute() gave no estimate of {missing[0]}. Ask it for every head.")
    return np.array([-mean[one.flow, one.layer, one.head] for one in candidates])
