"""Are the effective pathways enough? Accuracy with all else closed, next to as many random edges closed.

Map the Flow, section 3.5, Tables 3 and A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pandas as pd

from workbench.analyses.edge_counts import EdgeCount, edge_count, edge_count_by_masks, full_edges
from workbench.analyses.effective import (
    MODES,
    SPREADS,
    Ranges,
    check_mode,
    closed_by,
    effective_knockout,
    random_knockout,
)
from workbench.analyses.judging import UNKNOWN, judge
from workbench.analyses.measuring import check_style, read_frames
from workbench.analyses.pathways import Pathways
from workbench.analyses.progress import progress_bar
from workbench.analyses.suffice_table import suffice_table
from workbench.analyses.sweep import as_samples, nothing_usable
from workbench.errors import KnockoutError, RunError, WorkbenchError, near_matches
from workbench.interventions import Cut, Knockout
from workbench.results import Skip, data_settings, model_settings, new_manifest
from workbench.results.rows import RowStore, SampleRows

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import Prompt, VideoLLM
    from workbench.video import Sampling

FULL, EFFECTIVE, RANDOM = "full", "effective", "random"
NO_SEED = -1


class SufficeRow(NamedTuple):
    """One sample under one setting."""

    sample_id: str
    task: str
    setting: str
    """full (the untouched model), effective (only the pathways are open) or random (its control)."""
    mode: str
    """faithful, strict or general; of `random`, the mode that closes as many edges. Empty for full."""
    seed: int
    """Of `random`; -1 elsewhere."""
    p_base: float
    """Probability of the untouched model's first token, softmax in float32."""
    p: float
    """Probability of the same token under this setting."""
    change_percent: float
    correct: bool
    """Whether the token that is now first is the right answer."""
    edges_full: int
    """(query, key) pairs of the untouched model, all layers of one head."""
    edges_kept: int
    """What this setting leaves of them, from the shapes of the cuts."""
    edges_kept_by_masks: int
    """The same, counted in the masks."""


class Setting(NamedTuple):
    """What one forward pass of a sample is run with."""

    setting: str
    mode: str
    seed: int
    knockout: Knockout | None
    """None closes nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sufficiency:
    """Accuracy of the full model, of its effective pathways, and of random edges."""

    table: pd.DataFrame
    """A row a task (and all together) and setting: `workbench.analyses.suffice_table.suffice_table`."""
    outcomes: pd.DataFrame
    """A row a sample and setting. Columns: `SufficeRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        path = Path(path)
        self.table.to_csv(path, index=False, float_format="%.4f")
        return path

    def figure(self, **settings: Any) -> Any:
        """Accuracy by setting. Arguments: `workbench.figures.sufficiency`."""
        from workbench.figures import sufficiency

        return sufficiency(self.table, **settings)

    def _repr_html_(self) -> str:
        return self.table.round(1).to_html(index=False, border=0)


def suffice(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    ranges: Ranges | Mapping[str, Ranges],
    *,
    modes: Sequence[str] = MODES,
    seeds: int = 3,
    spread: str = "even",
    keep_self: bool = True,
    engine: str | Engine = "reference",
    out: Path | str | None = None,
    style: str | None = None,
    frames: Sampling | int | str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Sufficiency:
    """Answer every question with only the effective pathways open, and with as many random edges closed.

    Args:
        ranges: the open layers of each flow, as `wb.pathways` gives them, or such ranges for each task.
        modes: what else is closed, see `workbench.analyses.effective`.
        seeds: random controls for each mode; they have the seeds `seed`, `seed + 1`, ..
        spread, keep_self: how random edges are drawn, see `random_knockout`.
        engine, out, style, frames: as in `sweep`.
        seed: the first random control, and the bootstrap intervals.

    A sample that cannot be used, or whose answer is not known, is skipped and listed; so is a control that
    finds too few edges to draw from. Raises RunError where no sample can be used, a task has no ranges, or
    `out` holds a run with other settings.
    """
    from workbench.engine import get_engine

    samples = as_samples(samples)
    check_style(style)
    frames = read_frames(frames)
    by_task = _by_task(ranges, samples)
    plan = _Plan(
        model=model,
        engine=get_engine(engine),
        closed=_closed(by_task, modes, model.n_layers),
        seeds=_seeds(seeds, seed),
        spread=_known_spread(spread),
        keep_self=keep_self,
        style=style,
        frames=frames,
    )
    settings = {
        **model_settings(model),
        **data_settings(samples),
        "ranges": {task: {flow: list(span) for flow, span in own.items()} for task, own in by_task.items()},
        "modes": list(modes),
        "seeds": list(plan.seeds),
        "spread": spread,
        "keep_self": keep_self,
        "engine": plan.engine.name,
        "style": style,
        "frames": None if frames is None else str(frames),
        "seed": seed,
    }
    store = RowStore(out, new_manifest("suffice", settings, model), SufficeRow, "outcomes")
    left_out = [Skip(entry.id, "", entry.reason) for entry in samples.skipped]
    with store:
        found: list[SampleRows[SufficeRow]] = []
        with progress_bar(len(samples), what="pathways suffice", unit=" questions", show=progress) as bar:
            for position, sample in enumerate(samples):
                rows = store.get(position)
                if rows is None:
                    rows = _measure(plan, sample)
                    store.put(position, rows)
                found.append(rows)
                bar.update(1)
        outcomes = store.finish(found, left_out)
    skipped = store.skipped(found, left_out)
    if outcomes.empty:
        first = skipped.iloc[-1]
        raise nothing_usable(len(samples), f"{first['sample_id']}: {first['reason']}")
    return Sufficiency(
        table=suffice_table(outcomes, seed=seed),
        outcomes=outcomes,
        skipped=skipped,
        manifest=store.manifest,
        folder=None if out is None else Path(out),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    model: VideoLLM
    engine: Engine
    closed: Mapping[str, Mapping[str, tuple[Cut, ...]]]
    """What each mode closes, by task and mode."""
    seeds: range
    spread: str
    keep_self: bool
    style: str | None
    frames: Any


def settings_of(plan: _Plan, task: str, prompt: Prompt) -> tuple[list[Setting], list[Skip]]:
    """The knockouts of one prompt; a control that cannot be drawn is left out with the reason."""
    made, skipped = [Setting(FULL, "", NO_SEED, None)], []
    for mode, cuts in plan.closed[task].items():
        effective = effective_knockout(cuts, prompt.layout)
        made.append(Setting(EFFECTIVE, mode, NO_SEED, effective))
        for seed in plan.seeds:
            try:
                drawn = None
                if effective is not None:
                    drawn = random_knockout(
                        effective,
                        prompt.layout,
                        plan.model.n_layers,
                        seed=seed,
                        spread=plan.spread,
                        keep_self=plan.keep_self,
                    )
                made.append(Setting(RANDOM, mode, seed, drawn))
            except KnockoutError as error:
                name = "" if prompt.sample is None else prompt.sample.id
                skipped.append(Skip(name, f"{RANDOM} ({mode}, seed {seed})", str(error)))
    return made, skipped


def _measure(plan: _Plan, sample: Sample) -> SampleRows[SufficeRow]:
    model = plan.model
    try:
        prompt = model.encode(sample, frames=plan.frames, style=plan.style)
    except WorkbenchError as error:
        return SampleRows((), (Skip(sample.id, "", str(error)),))
    try:
        verdict = judge(model, sample, prompt)
        if not verdict.knows:
            return SampleRows((), (Skip(sample.id, "", UNKNOWN),))
        settings, skipped = settings_of(plan, sample.task, prompt)
        cutting = [setting.knockout for setting in settings if setting.knockout is not None]
        baseline, results = plan.engine.outcomes(model, prompt, cutting)[:2]
        left = iter(results)
        rows = []
        for setting in settings:
            outcome = None if setting.knockout is None else next(left)
            p = baseline.p if outcome is None else outcome.p
            top = baseline.token_id if outcome is None else outcome.top_id
            kept, by_masks = _edges(setting.knockout, prompt, model.n_layers)
            rows.append(
                SufficeRow(
                    sample_id=sample.id,
                    task=sample.task,
                    setting=setting.setting,
                    mode=setting.mode,
                    seed=setting.seed,
                    p_base=float(baseline.p),
                    p=float(p),
                    change_percent=float((p - baseline.p) / baseline.p * 100),
                    correct=verdict.is_right(top),
                    edges_full=full_edges(model.n_layers, prompt.layout.length),
                    edges_kept=kept.kept,
                    edges_kept_by_masks=by_masks.kept,
                )
            )
    except Exception as error:
        error.add_note(f"This happened on sample {sample.id!r} ({sample.video}).")
        raise
    return SampleRows(tuple(rows), tuple(skipped))


def _edges(knockout: Knockout | None, prompt: Prompt, n_layers: int) -> tuple[EdgeCount, EdgeCount]:
    return (
        edge_count(prompt.layout, n_layers, knockout),
        edge_count_by_masks(prompt.layout, n_layers, knockout),
    )


def _by_task(ranges: Ranges | Mapping[str, Ranges], samples: Samples) -> dict[str, Ranges]:
    """The ranges of every task of the samples."""
    tasks = list(samples.by_task())
    nested = ranges and not isinstance(ranges, Pathways)
    nested = nested and all(isinstance(value, Mapping) for value in ranges.values())
    if not nested:
        return dict.fromkeys(tasks, cast("Ranges", ranges))
    own = cast("Mapping[str, Ranges]", ranges)
    missing = [task for task in tasks if task not in own]
    if missing:
        raise RunError(
            f"There are no ranges for the task {missing[0]!r}; there are for {', '.join(own)}."
            f"{near_matches(missing[0], own)} Give ranges for every task, or one for all of them."
        )
    return {task: own[task] for task in tasks}


def _closed(
    by_task: Mapping[str, Ranges], modes: Sequence[str], n_layers: int
) -> dict[str, dict[str, tuple[Cut, ...]]]:
    if isinstance(modes, str) or not modes or len(set(modes)) < len(modes):
        raise RunError(f"modes={modes!r}: name one or more of {', '.join(MODES)}, each once.")
    named = [check_mode(mode) for mode in modes]
    return {task: {mode: closed_by(own, n_layers, mode) for mode in named} for task, own in by_task.items()}


def _seeds(seeds: int, first: int) -> range:
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 0:
        raise RunError(f"seeds={seeds!r}: give the number of random controls, a whole number from 0.")
    return range(first, first + seeds)


def _known_spread(spread: str) -> str:
    if spread not in SPREADS:
        raise RunError(
            f"There is no spread {spread!r}.{near_matches(spread, SPREADS)} Spreads: {', '.join(SPREADS)}."
        )
    return spread
