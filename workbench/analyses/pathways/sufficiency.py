"""Are the effective pathways enough? Accuracy with all else closed, next to as many random edges closed.

Map the Flow, section 3.5, Tables 3 and A.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from workbench.analyses.pathways.closing import (
    MODES,
    Ranges,
    check_modes,
    check_spread,
    closed_by,
    random_knockout,
)
from workbench.analyses.pathways.points_lost import (
    ALL_SEEDS,
    CONTROL,
    EFFECTIVE,
    FULL,
    RANDOM,
    Sufficiency,
    suffice_table,
)
from workbench.analyses.pathways.ranges import Pathways
from workbench.data import as_samples
from workbench.errors import KnockoutError, RunError, near_matches
from workbench.interventions import Cut, Knockout, edge_count, present
from workbench.interventions.counts import edge_count_by_masks, full_edges
from workbench.measures.correctness import UNKNOWN, judge
from workbench.measures.probability import change_percent
from workbench.runs import PromptMeasurement, Skip, Unusable, as_seed, measure_samples

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.runs import Asked, Done, Record
    from workbench.video import Sampling


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


def suffice(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    ranges: Ranges | Mapping[str, Ranges],
    *,
    modes: Sequence[str] = MODES,
    seeds: int = 3,
    spread: str = "even",
    keep_self: bool = True,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Sufficiency:
    """Answer every question with only the effective pathways open, and with as many random edges closed.

    Args:
        ranges: the open layers of each flow, as `wb.pathways` gives them, or such ranges for each task.
        modes: what else is closed, see `workbench.analyses.pathways.closing`.
        seeds: random controls for each mode; they have the seeds `seed`, `seed + 1`, ..
        spread, keep_self: how random edges are drawn, see `random_knockout`.
        engine, out, style, separators, frames: as in `sweep`.
        seed: the first random control, and the bootstrap intervals.

    A sample that cannot be used, or whose answer is not known, is skipped and listed. So is the control of a
    sample that has fewer edges to draw from than are to be closed; table, figure and headline say so. Raises
    RunError where no sample can be used, a task has no ranges, or `out` holds a run with other settings.
    """
    from workbench.engine import get_engine

    samples, seed = as_samples(samples), as_seed(seed)
    by_task = _by_task(ranges, samples)
    found = measure_samples(
        model,
        samples,
        SufficiencyTest(
            ranges=by_task,
            closed=_closed(by_task, modes, model.n_layers),
            seeds=_seeds(seeds, seed),
            spread=check_spread(spread),
            keep_self=keep_self,
            engine=get_engine(engine),
            seed=seed,
        ),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return Sufficiency(
        table=suffice_table(found.table, found.skipped, seed=seed),
        outcomes=found.table,
        skipped=found.skipped,
        manifest=found.manifest,
        folder=found.folder,
    )


@dataclass(frozen=True, kw_only=True)
class SufficiencyTest(PromptMeasurement):
    """Every sample with all edges, with its task's pathways alone, and with as many random edges closed."""

    name: ClassVar[str] = "suffice"
    table: ClassVar[str] = "suffice"
    row: ClassVar[type] = SufficeRow

    ranges: Mapping[str, Ranges]
    """By task."""
    closed: Mapping[str, Mapping[str, tuple[Cut, ...]]]
    """What each mode closes, by task and mode."""
    seeds: range
    spread: str
    keep_self: bool
    engine: Engine
    seed: int

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "ranges": {
                task: {flow: list(span) for flow, span in own.items()} for task, own in self.ranges.items()
            },
            "modes": list(next(iter(self.closed.values()))),
            "seeds": list(self.seeds),
            "spread": self.spread,
            "keep_self": self.keep_self,
            "engine": self.engine.name,
            "seed": self.seed,
        }

    def asked(self, model: VideoLLM, task: str, prompt: Prompt) -> tuple[list[Setting], dict[str, str]]:
        """What one prompt is run with; and the modes whose control is left out, each with the reason."""
        made, left_out = [Setting(FULL, "", ALL_SEEDS, None)], {}
        for mode, cuts in self.closed[task].items():
            effective = present(cuts, prompt.layout)
            made.append(Setting(EFFECTIVE, mode, ALL_SEEDS, effective))
            try:
                made += [
                    Setting(RANDOM, mode, seed, effective and self._drawn(model, prompt, effective, seed))
                    for seed in self.seeds
                ]
            except KnockoutError as error:  # of all seeds or of none: they close as many edges
                left_out[mode] = str(error)
        return made, left_out

    def _drawn(self, model: VideoLLM, prompt: Prompt, effective: Knockout, seed: int) -> Knockout:
        told = {"spread": self.spread, "keep_self": self.keep_self}
        return random_knockout(effective, prompt.layout, model.n_layers, seed=seed, **told)

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        records = super().measure(model, group, on_done)
        return [
            record if record.skipped else record._replace(skipped=self._left_out(model, one))
            for record, one in zip(records, group, strict=True)
        ]

    def _left_out(self, model: VideoLLM, one: Asked) -> tuple[Skip, ...]:
        _, left_out = self.asked(model, one.sample.task, one.prompt)
        return tuple(Skip(one.sample.id, CONTROL.format(mode), why) for mode, why in left_out.items())

    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterator[SufficeRow]:
        verdict = judge(model, sample, prompt)
        if not verdict.knows:
            raise Unusable(UNKNOWN)
        layout, n_layers = prompt.layout, model.n_layers
        settings, _ = self.asked(model, sample.task, prompt)
        cutting = [setting.knockout for setting in settings if setting.knockout is not None]
        baseline, results = self.engine.outcomes(model, prompt, cutting)[:2]
        left = iter(results)
        for setting in settings:
            outcome = None if setting.knockout is None else next(left)
            p = baseline.p if outcome is None else outcome.p
            top = baseline.token_id if outcome is None else outcome.top_id
            yield SufficeRow(
                sample_id=sample.id,
                task=sample.task,
                setting=setting.setting,
                mode=setting.mode,
                seed=setting.seed,
                p_base=float(baseline.p),
                p=float(p),
                change_percent=change_percent(float(p), float(baseline.p)),
                correct=verdict.is_right(top),
                edges_full=full_edges(n_layers, layout.length),
                edges_kept=edge_count(layout, n_layers, setting.knockout).kept,
                edges_kept_by_masks=edge_count_by_masks(layout, n_layers, setting.knockout).kept,
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
    named = check_modes(modes)
    return {task: {mode: closed_by(own, n_layers, mode) for mode in named} for task, own in by_task.items()}


def _seeds(seeds: int, first: int) -> range:
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 0:
        raise RunError(f"seeds={seeds!r}: give the number of random controls, a whole number from 0.")
    return range(first, first + seeds)
