"""The untouched forward of a request, and what its interventions are to compute anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from workbench.engine.incremental.packed_attention import Start
from workbench.engine.incremental.plan import Flows, Job, first_row, make_jobs
from workbench.engine.incremental.untouched import CannotReuse, run_untouched
from workbench.engine.protocol import Request
from workbench.interventions import Knockout, Patch

if TYPE_CHECKING:
    from workbench.engine.incremental.twins import Twins
    from workbench.models.video_llm import VideoLLM


class Launched(NamedTuple):
    """A request whose untouched forward is under way."""

    start: Start
    jobs: list[Job]
    ends: dict[int, Tensor]
    """By place, last rows (d,) after the last layer that are known without computing anything anew."""


def launched(model: VideoLLM, number: int, request: Request, twins: Twins) -> Launched:
    """The forward of the `number`-th request, and its jobs. Raises CannotReuse where it is neither all
    knockouts nor all patches, or where layers cannot be run on their own."""
    flows, asked = Flows(request.prompt.layout), request.interventions
    if patches := [one for one in asked if isinstance(one, Patch)]:
        if len(patches) < len(asked):
            raise CannotReuse("knockouts and patches of one prompt were asked for together")
        untouched, altered, jobs, ends = twins.patched(number, request.prompt, patches)
        return Launched(Start(untouched, flows, altered), jobs, ends)
    knockouts = knockouts_of(request)
    untouched = run_untouched(model, request.prompt, first=first_row(knockouts, flows))
    return Launched(Start(untouched, flows), make_jobs(number, knockouts, flows, model.n_layers), {})


def knockouts_of(request: Request) -> list[Knockout]:
    """What to cut. Raises CannotReuse where something else is to be changed."""
    found = []
    for one in request.interventions:
        if not isinstance(one, Knockout):
            raise CannotReuse(f"'{one}' is no cut but of the kind {one.kind!r}")
        found.append(one)
    return found
