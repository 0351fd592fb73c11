"""The exact incremental engine: a whole sweep for the price of a few forwards.

One untouched forward a prompt; then only rows that a cut changes, in layers from the first cut on, all
knockouts packed into one sequence. What is saved is saved by identities of causal attention, so the results
are the reference engine's up to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor

from workbench.engine.following import check_text
from workbench.engine.incremental.fused import fused
from workbench.engine.incremental.launching import knockouts_of, launched
from workbench.engine.incremental.memory import most_prompts, no_collection, peak_memory
from workbench.engine.incremental.packed import Packing, Prepared, run_packed
from workbench.engine.incremental.packed_attention import Start
from workbench.engine.incremental.plan import Flows, Job, chunks, idle_job, make_jobs
from workbench.engine.incremental.precision import float32_residual, head
from workbench.engine.incremental.proof import prove
from workbench.engine.incremental.text import TextPass
from workbench.engine.incremental.twins import Twins, twins_of
from workbench.engine.incremental.untouched import CannotReuse, untouched_logits
from workbench.engine.protocol import Baseline, Engine, Followed, Outcome, Outcomes, Request, TextRequest
from workbench.engine.readout import baseline_of, check, is_wanted, measured, outcomes_of, probabilities
from workbench.engine.reference import ReferenceEngine, last_logits
from workbench.errors import NO_ROOM, ModelError, OutOfMemory
from workbench.interventions import Intervention, Knockout, Patch

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

Done = Callable[[int], object]
T = TypeVar("T")

_BUSY_ROWS = 2048
"""Requests run together until their rows are this many: then reading the weights costs little."""
_BUSY_GPU_ROWS = 32_768
"""On a GPU, which is to compute for longer than it takes to tell it what."""
_MOST_TOGETHER = 16


class Slower(UserWarning):
    """A model whose layers cannot be run on their own, or an intervention that is no knockout: the reference
    engine does the work."""


@dataclass(frozen=True, kw_only=True)
class IncrementalEngine(Engine):
    """Reuses all that a knockout does not change. Results are the reference engine's up to rounding."""

    runs: ClassVar[tuple[type[Intervention], ...]] = (Knockout, Patch)
    limit_bytes: int | None = None
    """Memory for the rows that are computed at once; None takes most of what is free."""
    float32: bool = False
    """Keep the residual stream, the softmax and the logits in float32, whatever the weights are in."""

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "incremental-float32" if self.float32 else "incremental"

    def run(
        self, model: VideoLLM, requests: Sequence[Request], on_done: Done | None = None
    ) -> list[Outcomes]:
        """See Engine. What cannot be done here is done by the reference engine, with a warning (Slower): all
        requests where a model's layers cannot be run on their own, or where one intervention is no knockout.
        """
        check(model, requests)
        try:
            self._check_model(model, requests)
            return self._run(model, requests, on_done)
        except CannotReuse as reason:
            _warn(model, reason)
            return ReferenceEngine().run(model, requests, on_done)

    def follow(self, model: VideoLLM, request: TextRequest, on_done: Done | None = None) -> Followed:
        """See Engine. What cannot be done here is done by the reference engine, as in `run`."""
        check_text(model, request)
        try:
            self._check_model(model, [request])
            return self._follow(model, request, on_done)
        except CannotReuse as reason:
            _warn(model, reason)
            return ReferenceEngine().follow(model, request, on_done)

    def _check_model(self, model: VideoLLM, requests: Sequence[Request | TextRequest]) -> None:
        """Raises ModelError for one that runs elsewhere, CannotReuse where reuse is not exact."""
        if model.remote is not None:
            raise ModelError(
                f"engine={self.name!r} runs a model's layers one by one, and {model.name} runs elsewhere "
                f"(remote={model.remote!r}). Use engine='reference', or load it without remote=."
            )
        if model.family.guessed and requests:
            prove(model, requests[0].prompt, self._run)

    def at_once(self, model: VideoLLM, request: Request) -> int:
        """Thin knockouts of many samples share one reading of the weights; see Engine."""
        try:
            knockouts = knockouts_of(request)
        except CannotReuse:
            return 1
        jobs = make_jobs(0, knockouts, Flows(request.prompt.layout), model.n_layers)
        rows = sum(job.rows for job in jobs)
        few = min(_MOST_TOGETHER, _BUSY_ROWS // max(rows, 1))
        if model.device.type != "cuda":
            return max(1, few)
        many = min(_MOST_TOGETHER, _BUSY_GPU_ROWS // max(rows, 1), most_prompts(model, len(request.prompt)))
        return max(1, few, many)

    def _run(self, model: VideoLLM, requests: Sequence[Request], on_done: Done | None) -> list[Outcomes]:
        with (
            float32_residual(model) if self.float32 else nullcontext(),
            peak_memory(model) as peak,
            no_collection(),
        ):
            # Every forward is under way, and what follows is planned, before the first is waited for.
            twins = twins_of(model, [(request.prompt, request.interventions) for request in requests])
            there = [self._launch(model, *one, twins) for one in enumerate(requests)]
            packing = Packing(model, [start for start, *_ in there], self.limit_bytes)
            packing.prepare([job for _, asked, _ in there for job in asked])
            begun = [
                self._begin(model, request, *ready) for request, ready in zip(requests, there, strict=True)
            ]
            results: dict[tuple[int, int], Outcome] = {}
            for number, start in enumerate(begun):
                results |= self._ended(model, number, requests[number], start)
            unchanged = sum(start.places - sum(job.place >= 0 for job in start.jobs) for start in begun)
            if on_done is not None and unchanged:
                on_done(unchanged)
            jobs = [job for start in begun for job in start.jobs]
            for chunk, found in self._fitting(model, packing, jobs, partial(run_packed, wide=self.float32)):
                tokens = [begun[job.prompt].baseline.token_id for job in chunk]
                p = probabilities(found)
                read = _measured(requests, begun, chunk, found)
                for job, outcome in zip(chunk, outcomes_of(p, tokens, read), strict=True):
                    results[job.prompt, job.place] = outcome
                if on_done is not None:
                    on_done(sum(job.place >= 0 for job in chunk))
        return [start.finish(number, results, peak.bytes) for number, start in enumerate(begun)]

    def _follow(self, model: VideoLLM, request: TextRequest, on_done: Done | None) -> Followed:
        done = on_done or (lambda n: None)
        with float32_residual(model) if self.float32 else nullcontext(), no_collection():
            with self._fused(model):
                text = TextPass(model, request, wide=self.float32)
            done(len(request.knockouts) - text.waiting)
            for start, jobs in text.parts:
                packing = Packing(model, [start], self.limit_bytes)
                for chunk, found in self._fitting(model, packing, jobs, text.read):
                    done(text.take(chunk, found))
            return text.result()

    def _launch(
        self, model: VideoLLM, number: int, request: Request, twins: Twins
    ) -> tuple[Start, list[Job], dict[int, Tensor]]:
        """The untouched forward, which is not waited for, and what is to be computed anew; by place, last
        rows after the last layer that are known without."""
        with self._fused(model):
            start, jobs, ends = launched(model, number, request, twins)
        if request.noise:
            length, rows = len(request.prompt), sorted({job.first for job in jobs})
            jobs += [idle_job(number, -1 - at, row, length, model.n_layers) for at, row in enumerate(rows)]
        return start, jobs, ends

    def _begin(
        self, model: VideoLLM, request: Request, ready: Start, asked: list[Job], ends: dict[int, Tensor]
    ) -> _Begun:
        untouched = ready.untouched
        logits, p = untouched_logits(model, untouched, wide=self.float32)
        baseline = baseline_of(p, request.token_id)
        wanted = is_wanted(request, baseline)
        moved = []
        if request.noise and wanted:
            moved = [float(probabilities(last_logits(model, request.prompt))[baseline.token_id])]
        return _Begun(
            ready=ready,
            baseline=baseline,
            logits=logits,
            # A knockout in no layer at all is the untouched model.
            unchanged=outcomes_of(
                p[None], [baseline.token_id], measured(request, baseline, logits, logits[None])
            )[0],
            jobs=asked if wanted else [],
            ends=ends if wanted else {},
            places=len(request.interventions) if wanted else 0,
            moved=moved,
        )

    def _ended(
        self, model: VideoLLM, number: int, request: Request, begun: _Begun
    ) -> dict[tuple[int, int], Outcome]:
        """The outcomes of what needs the head alone."""
        if not begun.ends:
            return {}
        with torch.no_grad():
            found = head(model, torch.stack([*begun.ends.values()]), wide=self.float32).float()
        tokens = [begun.baseline.token_id] * len(found)
        read = measured(request, begun.baseline, begun.logits, found)
        outcomes = outcomes_of(probabilities(found), tokens, read)
        return {(number, place): outcome for place, outcome in zip(begun.ends, outcomes, strict=True)}

    def _fused(self, model: VideoLLM) -> AbstractContextManager[None]:
        """Norms, rotations and gates wait for memory; float32 around half precision needs the model's. On a
        CPU there is little to gain in half precision, and weights of few bits look at all rows at once."""
        wide = model.dtype.itemsize >= 4 and model.load_in is None
        gains = model.device.type == "cuda" or (model.device.type == "cpu" and wide)
        if self.float32 or not gains:
            return nullcontext()
        return fused(model.family.decoder_layers(model.hf))

    def _fitting(
        self, model: VideoLLM, packing: Packing, jobs: list[Job], run: Callable[[Prepared], T]
    ) -> Iterator[tuple[list[Job], T]]:
        """Chunks of jobs and what `run` makes of them; where memory runs out, in smaller chunks.

        The next chunk is under way before the results of one are read, so that a device need not wait.
        """
        rows = packing.most_rows
        waiting = chunks(jobs, rows)
        begun: tuple[list[Job], T] | None = None
        while waiting:
            chunk = waiting[0]
            try:
                packed = packing.packed(chunk)
                with self._fused(model):
                    found = run(packed)
            except torch.OutOfMemoryError as error:
                if len(chunk) == 1:
                    raise OutOfMemory(
                        f"It {NO_ROOM}, not even a single knockout of {chunk[0].rows} rows. Use fewer "
                        "frames, a smaller dtype or a device with more memory."
                    ) from error
                found = None
            if found is None:
                # Outside the except block: its traceback would keep the tensors alive.
                torch.cuda.empty_cache()
                rows = max(1, min(rows, sum(job.rows for job in chunk)) // 2)
                waiting = chunks([job for part in waiting for job in part], rows)
                continue
            if begun is not None:
                yield begun
            begun = chunk, found
            waiting = waiting[1:]
        if begun is not None:
            yield begun


def _warn(model: VideoLLM, reason: CannotReuse) -> None:
    warnings.warn(
        f"{model.name} is run by the reference engine, one forward at a time, because {reason}.",
        Slower,
        stacklevel=3,
    )


def _measured(
    requests: Sequence[Request], begun: Sequence[_Begun], chunk: Sequence[Job], logits: Tensor
) -> list[tuple[float, ...]]:
    """What the readouts find in the logits of a chunk (job, vocab), whose jobs lie prompt by prompt."""
    found, done = [], 0
    for prompt, jobs in groupby(chunk, key=lambda job: job.prompt):
        rows = slice(done, done := done + len(list(jobs)))
        start = begun[prompt]
        found += measured(requests[prompt], start.baseline, start.logits, logits[rows])
    return found


class _Begun(NamedTuple):
    """One request after its untouched forward."""

    ready: Start
    baseline: Baseline
    logits: Tensor
    """Of the untouched model (vocab,)."""
    unchanged: Outcome
    jobs: list[Job]
    """Knockouts or patches, and jobs without a cut at places below 0, which measure the noise."""
    ends: dict[int, Tensor]
    """By place, last rows (d,) after the last layer."""
    places: int
    moved: list[float]
    """The traced probability as the reference engine computes it, where noise is asked for."""

    def finish(self, number: int, results: Mapping[tuple[int, int], Outcome], peak: int | None) -> Outcomes:
        """The results of this request, the `number`-th of those that run together."""
        found = [results.get((number, place)) or self.unchanged for place in range(self.places)]
        idle = [outcome.p for (prompt, place), outcome in results.items() if prompt == number and place < 0]
        moved = [abs(p - self.baseline.p) / self.baseline.p * 100 for p in (*self.moved, *idle)]
        own = [None if keep is None else keep.numpy() for keep in self.ready.untouched.keep]
        return Outcomes(self.baseline, found, max(moved, default=None), peak, own)
