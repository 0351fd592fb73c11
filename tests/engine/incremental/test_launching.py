"""What a request comes to: knockouts or patches, and not both."""

from __future__ import annotations

import pytest

from tests.engine.incremental.test_twins import pair_of
from tests.tiny import tiny_model
from workbench.engine import Request
from workbench.engine.incremental.launching import knockouts_of, launched
from workbench.engine.incremental.twins import twins_of
from workbench.engine.incremental.untouched import CannotReuse
from workbench.interventions import Intervention, Knockout, Patch


def test_knockouts_and_patches_each_have_their_jobs() -> None:
    model = tiny_model("llava_next_video")
    prompt, source = pair_of(model)
    cut, patch = (
        Knockout.parse("video -> last in layer 2"),
        Patch(site="resid_post", layer=1, span="frame[1]", source=source),
    )

    def of(*asked: Intervention) -> Request:
        return Request(prompt=prompt, interventions=asked)

    twins = twins_of(model, [(prompt, [patch])])
    (job,) = launched(model, 0, of(cut), twins).jobs
    assert (job.begin, job.patch) == (1, 0)
    found = launched(model, 0, of(patch), twins)
    (job,) = found.jobs
    assert (job.begin, job.patch, job.first) == (1, 1, prompt.layout["frame[1]"][0])
    assert found.start.altered[1].rows.tolist() == prompt.layout["frame[1]"].tolist()
    with pytest.raises(CannotReuse, match="together"):
        launched(model, 0, of(cut, patch), twins)
    with pytest.raises(CannotReuse, match="is no cut but of the kind 'patch'"):
        knockouts_of(of(cut, patch))
