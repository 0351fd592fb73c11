"""The figure that each result draws of itself: `workbench/__init__.py` attaches these as its methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.answer_probability import answer_probability
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.information_flow import information_flow
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.side_by_side import models_compared
from workbench.figures.sufficiency import sufficiency
from workbench.figures.use_of_time import use_of_time

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import AttentionMaps
    from workbench.analyses.lens.answer_probability import AnswerProbability
    from workbench.analyses.lens.frequencies import KeywordFrequencies
    from workbench.analyses.lens.logit_lens import LogitLens
    from workbench.analyses.pathways.points_lost import Sufficiency
    from workbench.analyses.sweep.comparison import Comparison
    from workbench.analyses.use_of_time.result import TimeUse
    from workbench.runs.run import Run


def of_run(run: Run, **settings: Any) -> go.Figure:
    """The curves of change_percent by layer. Arguments: `workbench.figures.information_flow`."""
    seed = run.manifest["settings"].get("seed", 0)
    return information_flow(run.table, **{"seed": seed, **settings})


def of_comparison(comparison: Comparison, **settings: Any) -> go.Figure:
    """A panel a task, a line a model. Arguments: `workbench.figures.models_compared`."""
    return models_compared(comparison.curves, comparison.counts, **{"common": comparison.shared, **settings})


def of_sufficiency(found: Sufficiency, **settings: Any) -> go.Figure:
    """Accuracy by setting. Arguments: `workbench.figures.sufficiency`; controls left out are noted too."""
    note = " ".join(filter(None, (found.note, settings.pop("note", ""))))
    return sufficiency(found.table, note=note, **settings)


def of_time_use(found: TimeUse, **settings: Any) -> go.Figure:
    """Facts by sample, verdicts by task. Arguments: `workbench.figures.use_of_time`."""
    return use_of_time(found.table, found.verdicts, found.tasks, **settings)


def of_answer_probability(found: AnswerProbability, **settings: Any) -> go.Figure:
    """Curves by layer, a panel a task. Arguments: `workbench.figures.answer_probability`."""
    return answer_probability(found.table, **settings)


def of_keyword_frequencies(found: KeywordFrequencies, **settings: Any) -> go.Figure:
    """Curves of the lists and a heat map of the keywords: `workbench.figures.keyword_frequencies`."""
    about = {"samples": found.samples, "rows": found.rows}
    return keyword_frequencies(found.table, found.lists, **{**about, **settings})


def heat_of_maps(maps: AttentionMaps, beside: AttentionMaps | None = None, **settings: Any) -> go.Figure:
    """Heat on the frames, perhaps `beside` other maps: `workbench.figures.attention_heat`."""
    return attention_heat(maps, beside, **settings)


def mass_of_maps(maps: AttentionMaps, beside: AttentionMaps | None = None) -> go.Figure:
    """Where the attention goes, by span and layer: `workbench.figures.attention_mass`."""
    return attention_mass(maps, beside)


def overlay_of_lens(lens: LogitLens, sample_id: str | None = None, **settings: Any) -> go.Figure:
    """Each cell's likeliest word on its frame; the only sample, or that with this id.

    Arguments: `workbench.figures.lens_overlay`. Raises RunError for an unknown id.
    """
    from workbench.prompts.pixels import seen_frames  # needs torch, which tables do not

    known = ", ".join(lens.prompts)
    if sample_id is None and len(lens.prompts) != 1:
        raise RunError(f"This lens has {len(lens.prompts)} samples. Name one: {known}.")
    name = next(iter(lens.prompts)) if sample_id is None else sample_id
    if name not in lens.prompts:
        raise RunError(f"This lens has no sample {name!r}. It has {known}.")
    prompt = lens.prompts[name]
    frames = seen_frames(prompt.clip.frames, prompt.pixels)
    table: pd.DataFrame = lens.table.loc[lens.table["sample_id"] == name]
    return lens_overlay(frames, prompt.layout, table, **{"keyword_lists": lens.keyword_lists, **settings})
