"""Other analyses as methods: patching of twins, and attribution by its methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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


@shaped
def patching(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """What a head's output at the rows that a flow leads to does in the twin: mean of `recovered`, both ways.

    It cannot tell where the head has read, so flows into the same rows have the same number. Samples come in
    pairs of twins; twins of one answer have nothing to recover, and give 0.
    """
    from workbench.analyses.patching.effects import patch  # needs torch, which naming methods does not

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
    means: Any = found.table.groupby(["span", "layer", "head"])["recovered"].mean()
    mean = means.fillna(0.0).to_dict()
    return np.array([mean.get((rows[one.flow], one.layer, one.head), 0.0) for one in candidates])


def attribution(method: str) -> Method:
    """The estimates of `wb.attribute` by one of its methods, mean over samples; a loss is positive."""

    def estimated(
        model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
    ) -> Float[np.ndarray, " candidate"]:
        from workbench.analyses.attribution import attribute  # needs torch, which naming methods does not

        flows = list(dict.fromkeys(one.flow for one in candidates))
        table = attribute(model, samples, flows=flows, method=method, progress=False).table
        mean: Any = table.groupby(["flow", "layer", "head"])["estimate"].mean()
        return np.array([-mean[one.flow, one.layer, one.head] for one in candidates])

    return estimated
