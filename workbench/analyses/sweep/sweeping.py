"""Sweeps: cut every flow in every layer range, on every sample, and see what the answer loses.

The measure is Map the Flow's (section 2.2, appendix H): p_base is the highest probability at the last prompt
position, p_knockout the probability of the same token after the cut, both by a softmax in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.analyses.sweep.effects import Plan, make_cells, measure, read_frames
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Flow, Window, as_flows, as_windows
from workbench.prompts import check_style
from workbench.runs import (
    Run,
    Skip,
    data_settings,
    holds_run,
    make_run,
    model_settings,
    new_manifest,
    open_store,
)
from workbench.runs.progress import progress_bar

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import VideoLLM
    from workbench.video import Sampling


class NothingCorrect(RunError):
    """The model answers no sample correctly, so nothing was cut. `run` holds its answers."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"The model answers none of the {len(run.samples)} samples correctly, so nothing was cut. "
            "Pass only_correct=False to keep all samples, or try another prompt style."
        )
        self.run = run


def sweep(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    flows: Flow | str | Sequence[Flow | str],
    windows: Window | str | Sequence[Window | str],
    *,
    only_correct: bool = True,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    frames: Sampling | int | str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Run:
    """Cut every flow in every range of every window, on every sample.

    Args:
        only_correct: keep to the samples that the untouched model answers correctly, as Map the Flow does.
        engine: how knockouts are run. "incremental" computes only what a cut changes; "incremental-float32"
            too, with residual stream, softmax and logits in float32 around weights of less;
            "reference" runs one forward a knockout. All give the same table, up to rounding.
        out: a folder for the results, written sample by sample. Where it holds a part of this run already
            (it was stopped, or killed), the run goes on from there. None keeps everything in memory.
        style: how the question is put, a name of `workbench.data.STYLES`; None is "mvbench" for samples with
            options and "open" for those without.
        frames: how the clip's frames are chosen, for example 16 or "uniform(32)"; None is 8 midpoints.
        seed: draws the bootstrap bands of the run's figures; written into the manifest.
        progress: show a bar with the time left, where somebody can see it.

    A sample whose clip, annotation or prompt cannot be used is skipped and listed in `run.skipped`; so is a
    flow that a sample's prompt does not have and, with only_correct, a sample whose answer is not known.
    Raises RunError where no sample can be used, a flow exists in none of them, or `out` holds a run with
    other settings; FlowError and WindowError for what cannot be read.
    """
    samples = as_samples(samples)
    check_style(style)
    plan = Plan(
        model=model,
        engine=_engine(engine),
        flows=as_flows(flows),
        cells=make_cells(as_flows(flows), as_windows(windows), model.n_layers),
        only_correct=only_correct,
        style=style,
        frames=read_frames(frames),
    )
    manifest = new_manifest("sweep", _settings(plan, samples, seed), model)
    if not holds_run(out):
        refuse_missing_flows(plan, samples)
    with open_store(out, manifest) as store:
        records = []
        with progress_bar(
            len(samples) * plan.forwards, what="sweep", unit=" knockouts", show=progress
        ) as bar:
            for group in _groups(plan, samples):
                before = bar.n
                found = {position: store.get(position) for position in group}
                if None in found.values():
                    # A group is measured as a whole, so that a run that goes on gives the same bits.
                    made = measure(plan, {position: samples[position] for position in group}, bar.update)
                    for position in group:
                        if found[position] is None:
                            found[position] = made[position]
                            store.put(position, made[position])
                # What was done in an earlier run, skipped or answered wrongly needs no knockouts now.
                bar.total -= plan.forwards * len(group) - (bar.n - before)
                records.extend(record for record in found.values() if record is not None)
        left_out = [Skip(entry.id, "", entry.reason) for entry in samples.skipped]
        store.finish(records, left_out)
        run = make_run(records, store.manifest, folder=out, skipped=left_out)
    _refuse_empty(run, only_correct)
    return run


def _groups(plan: Plan, samples: Samples) -> list[range]:
    """Positions of samples that the engine runs together: as many as it likes of one like the first."""
    size = 1
    for sample in samples:
        try:
            size = plan.at_once(sample)
        except WorkbenchError:
            continue
        break
    return [range(start, min(start + size, len(samples))) for start in range(0, len(samples), size)]


def _settings(plan: Plan, samples: Samples, seed: int) -> dict[str, Any]:
    """All that decides the numbers, and therefore must be the same when a run goes on."""
    return {
        **model_settings(plan.model),
        **data_settings(samples),
        "flows": [str(flow) for flow in plan.flows],
        "windows": list(dict.fromkeys(str(cell.window) for cell in plan.cells)),
        "only_correct": plan.only_correct,
        "engine": plan.engine.name,
        "style": plan.style,
        "frames": None if plan.frames is None else str(plan.frames),
        "seed": seed,
    }


def as_samples(samples: Samples | Sequence[Sample]) -> Samples:
    """Samples from a list of them, or from a single one. Raises RunError where there is none."""
    from workbench.data import Sample, Samples

    if isinstance(samples, Sample):
        samples = [samples]
    found = samples if isinstance(samples, Samples) else Samples(samples, name="own")
    if not len(found):
        raise RunError("There are no samples to go through. Pass wb.samples(...), or a list of Sample.")
    return found


def _engine(engine: str | Engine) -> Engine:
    # Here and not above: engines need torch, reading a run does not.
    from workbench.engine import get_engine

    return get_engine(engine)


def refuse_missing_flows(plan: Plan, samples: Samples) -> None:
    """Raise RunError, before anything is computed, for a flow that no sample has."""
    missing: dict[Flow, WorkbenchError] | None = None
    unusable = ""
    for sample in samples:
        try:
            here = plan.missing_flows(plan.encode(sample))
        except WorkbenchError as error:
            unusable = unusable or f"{sample.id}: {error}"
            continue
        missing = here if missing is None else {flow: e for flow, e in missing.items() if flow in here}
        if not missing:
            return
    if missing is None:
        raise nothing_usable(len(samples), unusable)
    flow, error = next(iter(missing.items()))
    raise RunError(
        f"The flow {str(flow)!r} cannot be cut in any of the {len(samples)} samples: {error} "
        "Leave it out, or use other samples."
    ) from error


def nothing_usable(n: int, first: str) -> RunError:
    """The error for samples of which none can be encoded; `first` is an id and a reason."""
    return RunError(
        f"None of the {n} samples can be used. The first, {first} "
        "Check the data set's folder, the frames asked for and the prompt style."
    )


def _refuse_empty(run: Run, only_correct: bool) -> None:
    if not run.table.empty:
        return
    if run.samples.empty:
        first = run.skipped.iloc[-1]
        raise nothing_usable(len(run.skipped), f"{first['sample_id']}: {first['reason']}")
    if only_correct:
        raise NothingCorrect(run)
