"""The figure that each result draws of itself: `workbench/__init__.py` attaches these as its methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import RunError
from workbench.figures.answer_probability import answer_probability
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.attribution import attribution
from workbench.figures.information_flow import information_flow
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.lens_comparison import lens_comparison
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.method_scores import method_scores
from workbench.figures.parts.figure import Figure
from workbench.figures.side_by_side import models_compared
from workbench.figures.smallest_pathway import open_blocks, smallest_pathway
from workbench.figures.sufficiency import sufficiency
from workbench.figures.twin_patching import twin_patching
from workbench.figures.use_of_time import use_of_time
from workbench.figures.what_mattered import what_mattered
from workbench.figures.written_tokens import flows_while_writing

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import AttentionMaps
    from workbench.analyses.attribution import Attribution
    from workbench.analyses.lens.answer_probability import AnswerProbability
    from workbench.analyses.lens.cell_words import LensComparison
    from workbench.analyses.lens.frequencies import KeywordFrequencies
    from workbench.analyses.lens.logit_lens import LogitLens
    from workbench.analyses.methods.bench import MethodScores
    from workbench.analyses.patching.effects import TwinPatching
    from workbench.analyses.pathways.points_lost import Sufficiency
    from workbench.analyses.places import Mattered
    from workbench.analyses.smallest.result import SmallestPathway
    from workbench.analyses.sweep.comparison import Comparison
    from workbench.analyses.use_of_time.result import TimeUse
    from workbench.analyses.writing.tokens import FlowsWhileWriting
    from workbench.runs.run import Run


def of_run(run: Run, **settings: Any) -> Figure:
    """The curves of change_percent by layer. Arguments: `workbench.figures.information_flow`."""
    seed = run.manifest["settings"].get("seed", 0)
    return information_flow(run.table, **{"seed": seed, **settings})


def of_comparison(comparison: Comparison, **settings: Any) -> Figure:
    """A panel a task, a line a model. Arguments: `workbench.figures.models_compared`."""
    return models_compared(comparison.curves, comparison.counts, **{"common": comparison.shared, **settings})


def of_smallest_pathway(found: SmallestPathway, **settings: Any) -> Figure:
    """Accuracy and faithfulness against open edges. Arguments: `workbench.figures.smallest_pathway`."""
    note = " ".join(filter(None, (found.note, settings.pop("note", ""))))
    return smallest_pathway(found.table, found.faithfulness, found.areas, note=note, **settings)


def grid_of_smallest_pathway(found: SmallestPathway, **settings: Any) -> Figure:
    """What is left open, flow x layer. Arguments: `workbench.figures.open_blocks`."""
    return open_blocks(found.blocks, found.n_heads, **settings)


def of_sufficiency(found: Sufficiency, **settings: Any) -> Figure:
    """Accuracy by setting. Arguments: `workbench.figures.sufficiency`; controls left out are noted too."""
    note = " ".join(filter(None, (found.note, settings.pop("note", ""))))
    return sufficiency(found.table, note=note, **settings)


def of_time_use(found: TimeUse, **settings: Any) -> Figure:
    """Facts by sample, verdicts by task. Arguments: `workbench.figures.use_of_time`."""
    return use_of_time(found.table, found.verdicts, found.tasks, **settings)


def of_method_scores(found: MethodScores, **settings: Any) -> Figure:
    """A heat map of models and methods. Arguments: `workbench.figures.method_scores`."""
    return method_scores(found.summary, found.table, **settings)


def of_answer_probability(found: AnswerProbability, **settings: Any) -> Figure:
    """Curves by layer, a panel a task. Arguments: `workbench.figures.answer_probability`."""
    return answer_probability(found.table, **settings)


def of_twin_patching(found: TwinPatching, **settings: Any) -> Figure:
    """Heat maps of layers and spans. Arguments: `workbench.figures.twin_patching`."""
    return twin_patching(found.table, **settings)


def of_attribution(found: Attribution, **settings: Any) -> Figure:
    """Heat maps of layers and heads, a panel a flow. Arguments: `workbench.figures.attribution`."""
    return attribution(found.table, **settings)


def of_keyword_frequencies(found: KeywordFrequencies, **settings: Any) -> Figure:
    """Curves of the lists and a heat map of the keywords: `workbench.figures.keyword_frequencies`."""
    about = {"samples": found.samples, "rows": found.rows}
    return keyword_frequencies(found.table, found.lists, **{**about, **settings})


def of_flows_while_writing(found: FlowsWhileWriting, sample_id: str | None = None, **settings: Any) -> Figure:
    """Tokens by flows, for one sample. Arguments: `workbench.figures.flows_while_writing`."""
    return flows_while_writing(found.table, sample_id, **settings)


def of_lens_comparison(found: LensComparison, **settings: Any) -> Figure:
    """Curves by layer, a panel an attribute. Arguments: `workbench.figures.lens_comparison`."""
    return lens_comparison(found.table, **settings)


def of_mattered(found: Mattered, task: str | None = None, **settings: Any) -> Figure:
    """Heat on the clip and on the layer axis, of the only task or of this one: `figures.what_mattered`.

    Raises RunError for a task that was not measured.
    """
    from workbench.prompts.pixels import seen_frames  # needs torch, which tables do not

    tables = found.table, found.sinks
    tasks = list(dict.fromkeys(tables[0]["task"]))
    if task is None and len(tasks) > 1:
        raise RunError(f"This holds {len(tasks)} tasks. Name one: {', '.join(tasks)}.")
    if task is not None and task not in tasks:
        raise RunError(f"There is no task {task!r} here. It has {', '.join(tasks)}.")
    chosen, sinks = (table.loc[(table["task"] == (task or tasks[0])).to_numpy()] for table in tables)
    frames = seen_frames(found.prompt.clip.frames, found.prompt.pixels)
    here = found.of_shown().table if found.each in ("cell", "location") else None
    about = {"here": here, "each": found.each, "to": found.to, "measure": found.measure, "sinks": sinks}
    return what_mattered(chosen, frames, found.prompt.layout, **{**about, **settings})


def heat_of_maps(maps: AttentionMaps, beside: AttentionMaps | None = None, **settings: Any) -> Figure:
    """Heat on the frames, perhaps `beside` other maps: `workbench.figures.attention_heat`."""
    return attention_heat(maps, beside, **settings)


def mass_of_maps(maps: AttentionMaps, beside: AttentionMaps | None = None) -> Figure:
    """Where the attention goes, by span and layer: `workbench.figures.attention_mass`."""
    return attention_mass(maps, beside)


def overlay_of_lens(lens: LogitLens, sample_id: str | None = None, **settings: Any) -> Figure:
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
    about = {"keyword_lists": lens.keyword_lists, "lens": lens.lens}
    return lens_overlay(frames, prompt.layout, table, **{**about, **settings})
