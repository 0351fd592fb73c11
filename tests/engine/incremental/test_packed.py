"""Many knockouts through the decoder at once: what is packed together is told apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Case
from tests.engine.incremental.test_engine import REFERENCE, same
from tests.tiny import DECODER_NAMES, tiny_clip, tiny_model, tiny_sample
from workbench.engine import Request, get_engine
from workbench.interventions import Flow, Knockout, centred, knockouts


@pytest.mark.parametrize("family", DECODER_NAMES)
def test_prompts_of_unlike_lengths_run_together(family: Any) -> None:
    model = tiny_model(family)
    prompts = [
        model.encode(tiny_sample(n_options=n_options), clip=tiny_clip(n_frames, seed=n_frames))
        for n_options, n_frames in ((2, 4), (4, 6), (3, 8))
    ]
    assert len({len(prompt) for prompt in prompts}) == 3
    asked = [
        knockouts([Flow.parse(flow)], [centred(1)], model.n_layers)
        for flow in ("video -> last", "frames -> later frames", "question -> last")
    ]
    requests = [
        Request(prompt=prompt, interventions=some + asked[0])
        for prompt, some in zip(prompts, asked, strict=True)
    ]
    together = get_engine("incremental").run(model, requests)
    for request, found in zip(requests, together, strict=True):
        same(found, REFERENCE.outcomes(model, request.prompt, request.interventions), request.interventions)


def test_the_last_row_changes_by_nothing_where_nothing_is_cut(tiny: Case) -> None:
    model, prompt = tiny
    nothing = Knockout.of("video -> last", (model.n_layers + 1, model.n_layers))
    found = get_engine("incremental").outcomes(model, prompt, [nothing])
    assert found.changed[0].p == found.baseline.p
