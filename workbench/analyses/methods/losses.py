"""How much of the logit difference cuts take, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.engine import Request, get_engine
from workbench.errors import RunError
from workbench.measures import MEASURES
from workbench.measures.correctness import judge
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.engine import Engine
    from workbench.interventions import Knockout
    from workbench.models import VideoLLM


@shaped
def losses(
    model: VideoLLM,
    samples: Sequence[Sample],
    knockouts: Sequence[Knockout],
    *,
    engine: str | Engine = "incremental",
) -> Float[np.ndarray, "n k"]:
    """The share of the untouched logit difference (the answer's letter against the best other one) that each
    knockout takes: 1 all of it, 0 nothing, less than 0 where the answer gains.

    Raises RunError for a sample whose answer is no letter; KnockoutError, SpanError.
    """
    readout = MEASURES["logit_difference"].readout
    assert readout is not None
    requests = []
    for sample in samples:
        prompt = model.encode(sample)
        read = readout(judge(model, sample, prompt))
        requests.append(Request(prompt=prompt, interventions=knockouts, readouts=[read]))
    outcomes = get_engine(engine).run(model, requests)
    found = np.array([[one.measured for one in sample.changed] for sample in outcomes]).reshape(
        len(requests), len(knockouts), 2
    )
    base, change = found[..., 0], found[..., 1]
    if np.isnan(base).any():
        raise RunError("A sample's answer is no letter of its options. Use questions that the model answers.")
    return -change / base
