"""A text behind a prompt, token by token under every knockout, by exact reuse.

The rows that predict tokens are read together: one untouched forward of the prompt and its text, then for
each knockout only the rows that it changes. Where every token is to be measured under a cut at its own step
alone, a flow into rows that write changes nothing but the row that predicts the token: the rows of all steps
are computed side by side, and each reads the untouched keys of all rows before it and, of new ones, its own
(`pieces.apart`). Flows that act in the prompt alone are the same at every step. What does both takes a
knockout a step.

Axes: t token, N packed rows, d model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.following import token_probabilities
from workbench.engine.incremental.packed import Prepared, run_rows
from workbench.engine.incremental.packed_attention import Start
from workbench.engine.incremental.plan import Flows, Job, first_row, make_jobs
from workbench.engine.incremental.precision import head
from workbench.engine.incremental.untouched import run_untouched, untouched_logits
from workbench.engine.protocol import Followed, TextRequest
from workbench.interventions import Knockout, at_steps, writing_rows
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_ROWS_OF_LOGITS = 1024
"""Rows whose logits over the vocabulary exist at once."""


class _Asked(NamedTuple):
    """One knockout as it is run, and what it is for."""

    knockout: Knockout
    place: int
    """Of the knockout that it stands for, among those of the request."""
    steps: np.ndarray
    """The steps (from 0) that it is read at."""


class TextPass:
    """One text, from its untouched forward to the probabilities after every knockout."""

    def __init__(self, model: VideoLLM, request: TextRequest, *, wide: bool) -> None:
        self._model, self._request, self._wide = model, request, wide
        layout, self._count = request.prompt.layout, len(request.token_ids)
        self._first = layout.length - self._count
        flows = Flows(layout)
        together, alone = self._sorted(flows)
        self._asked = [*together, *alone]
        first = min(first_row([asked.knockout for asked in self._asked], flows), self._first)
        untouched = run_untouched(model, request.prompt, first=first, read=self._count)
        untouched_logits(model, untouched, wide=wide)  # whether they come from the residual stream alone
        self._base = self._probabilities(untouched.last, request.token_ids).cpu().numpy()
        self._changed = np.tile(self._base, (len(request.knockouts), 1))
        jobs = make_jobs(0, [asked.knockout for asked in self._asked], flows, model.n_layers, self._count)
        self._waiting = Counter(self._asked[job.place].place for job in jobs)
        parts = [[], []]
        for job in jobs:
            parts[job.place >= len(together)].append(job)
        self.parts = [
            (Start(untouched, flows, apart=bool(apart)), part) for apart, part in enumerate(parts) if part
        ]
        """What runs in passes of its own: a start, and its jobs."""

    @property
    def waiting(self) -> int:
        """Knockouts that are not done."""
        return len(self._waiting)

    def read(self, packed: Prepared) -> list[Tensor]:
        """Probabilities (t,) of each job's tokens, those of the rows that change. Not waited for."""
        hidden, plan = run_rows(packed), packed.plan
        length = self._request.prompt.layout.length
        starts = [node.stop_start for node in plan.layers[-1]]
        tokens = [token for start in starts for token in self._request.token_ids[start - self._first :]]
        parts = self._probabilities(hidden, tokens).split([length - start for start in starts])
        return [parts[leaf] for leaf in plan.leaves]

    def take(self, jobs: Sequence[Job], found: Sequence[Tensor]) -> int:
        """What was read of these jobs. Gives back how many knockouts are done with it."""
        before = self.waiting
        for job, p in zip(jobs, found, strict=True):
            _, place, steps = self._asked[job.place]
            begun = job.starts[-1] - self._first
            steps = steps[steps >= begun]
            self._changed[place, steps] = p.cpu().numpy()[steps - begun]
            self._waiting[place] -= 1
        self._waiting = +self._waiting
        return before - self.waiting

    def result(self) -> Followed:
        """All that was read; what no job changes is as it was."""
        return Followed(self._base, self._changed)

    def _sorted(self, flows: Flows) -> tuple[list[_Asked], list[_Asked]]:
        """What runs with all its rows new, and what has each row read untouched ones."""
        layout, every = flows.layout, np.arange(self._count)
        together: list[_Asked] = []
        alone: list[_Asked] = []
        recurrent = bool(self._model.family.recurrent_layers(self._model.hf))
        writing = writing_rows(layout)
        for place, knockout in enumerate(self._request.knockouts):
            cut = np.unique(np.concatenate([flows.edges(one.flow).rows for one in knockout.cuts]))
            steps = np.flatnonzero(np.isin(writing, cut))
            if not self._request.own_step or not steps.size:
                together.append(_Asked(knockout, place, every))
            elif cut[0] >= self._first and not recurrent:
                alone.append(_Asked(knockout, place, steps))
            else:
                for step in range(self._count):
                    if (one := at_steps(knockout, (step + 1,), layout)) is not None:
                        together.append(_Asked(one, place, every[step : step + 1]))
        return together, alone

    @shaped
    def _probabilities(self, rows: Float[Tensor, "N d"], tokens: Sequence[int]) -> Float[Tensor, " N"]:
        """The probability of the token that each row predicts, a stretch of rows at a time."""
        found = []
        for start in range(0, len(tokens), _ROWS_OF_LOGITS):
            part = slice(start, start + _ROWS_OF_LOGITS)
            logits = head(self._model, rows[part], wide=self._wide).float()
            found.append(token_probabilities(logits, tokens[part]))
        return torch.cat(found)
