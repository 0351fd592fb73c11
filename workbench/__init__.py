"""Find where information flows in a Video-LLM: cut attention edges and see what the answer loses.

Everything below is imported on first use, so that `import workbench` is instant and the command line
can print its help without loading torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.attached import attach
from workbench.lazy import lazily
from workbench.threads import wait_quietly
from workbench.version import __version__

wait_quietly()

# Where each public name lives. A name whose home is "" is a submodule of its own name.
_HOMES = {
    "load": "models",
    "VideoLLM": "models",
    "Prompt": "models",
    "TokenLayout": "models",
    "read_clip": "video",
    "Clip": "video",
    "samples": "data",
    "Sample": "data",
    "Samples": "data",
    "Exit": "interventions",
    "Flow": "interventions",
    "Knockout": "interventions",
    "centred": "interventions",
    "trailing": "interventions",
    "after": "interventions",
    "all_layers": "interventions",
    "first_half": "interventions",
    "second_half": "interventions",
    "layers": "interventions",
    "attention_maps": "analyses.attention.maps",
    "find_sinks": "analyses.attention.sinks",
    "what_mattered": "analyses.places.mattered",
    "attribute": "analyses.attribution",
    "accelerate": "engine.accelerated",
    "sweep": "analyses.sweep.effects",
    "pathways": "analyses.pathways.ranges",
    "patch": "analyses.patching.effects",
    "pairs": "data",
    # Straight to the modules: these need torch, and reading a run does not.
    "logit_lens": "analyses.lens.logit_lens",
    "tuned_lens": "analyses.lens.training",
    "TunedLens": "analyses.lens.tuned",
    "neighbour_lens": "analyses.lens.neighbours",
    "compare_lenses": "analyses.lens.cell_words",
    "keyword_frequencies": "analyses.lens.frequencies",
    "answer_probability": "analyses.lens.answer_probability",
    "flows_while_writing": "analyses.writing.tokens",
    "smallest_pathway": "analyses.smallest.pathway",
    "suffice": "analyses.pathways.sufficiency",
    "use_of_time": "analyses.use_of_time.measurement",
    "edge_count": "interventions",
    "compare_flows": "analyses.sweep.differences",
    "compare_models": "analyses.sweep.differences",
    "findings": "analyses.findings.verdicts",
    "accuracy": "analyses.answers.accuracy",
    "bench_methods": "analyses.methods.bench",
    "from_logs": "analyses.answers.logs",
    "score_answers": "analyses.answers.scored",
    "compare_runs": "analyses.comparison.folders",
    "merge_runs": "runs.merging",
    "export_run": "runs.exports",
    "list_runs": "runs.listing",
    "remote_folder": "runs.remote",
    "load_run": "runs",
    "view": "widgets",
    "workers": "runs.workers",
    "figures": "",
    "errors": "",
}

attach(
    {
        "VideoLLM.generate": "workbench.engine.generation:answer",
        "Run.figure": "workbench.figures.of_results:of_run",
        "Comparison.figure": "workbench.figures.of_results:of_comparison",
        "SmallestPathway.figure": "workbench.figures.of_results:of_smallest_pathway",
        "SmallestPathway.grid_figure": "workbench.figures.of_results:grid_of_smallest_pathway",
        "Sufficiency.figure": "workbench.figures.of_results:of_sufficiency",
        "TwinPatching.figure": "workbench.figures.of_results:of_twin_patching",
        "MethodScores.figure": "workbench.figures.of_results:of_method_scores",
        "TimeUse.figure": "workbench.figures.of_results:of_time_use",
        "AnswerProbability.figure": "workbench.figures.of_results:of_answer_probability",
        "KeywordFrequencies.figure": "workbench.figures.of_results:of_keyword_frequencies",
        "FlowsWhileWriting.figure": "workbench.figures.of_results:of_flows_while_writing",
        "Mattered.figure": "workbench.figures.of_results:of_mattered",
        "Attribution.figure": "workbench.figures.of_results:of_attribution",
        "AttentionMaps.figure": "workbench.figures.of_results:heat_of_maps",
        "AttentionMaps.mass_figure": "workbench.figures.of_results:mass_of_maps",
        "LensComparison.figure": "workbench.figures.of_results:of_lens_comparison",
        "LogitLens.overlay": "workbench.figures.of_results:overlay_of_lens",
        "Run.save_figure": "workbench.pages.drawing:save_figure",
        **{
            f"Figure.{way}": f"workbench.pages.drawing:{way}"
            for way in ("save", "to_png", "to_svg", "to_pdf", "to_image", "write_image")
        },
        # Figures are written by pages, a room above them.
        "figures.Part": "workbench.pages.document:Part",
        "figures.write_html": "workbench.pages.document:write_html",
        "figures.write_page": "workbench.pages.document:write_page",
        "figures.write_png": "workbench.pages.drawing:write_png",
        "figures.try_png": "workbench.pages.drawing:try_png",
    }
)

if TYPE_CHECKING:
    from workbench import errors, figures
    from workbench.analyses.answers.accuracy import accuracy
    from workbench.analyses.answers.logs import from_logs
    from workbench.analyses.answers.scored import score_answers
    from workbench.analyses.attention.maps import attention_maps
    from workbench.analyses.attention.sinks import find_sinks
    from workbench.analyses.attribution import attribute
    from workbench.analyses.comparison.folders import compare_runs
    from workbench.analyses.findings.verdicts import findings
    from workbench.analyses.lens.answer_probability import answer_probability
    from workbench.analyses.lens.cell_words import compare_lenses
    from workbench.analyses.lens.frequencies import keyword_frequencies
    from workbench.analyses.lens.logit_lens import logit_lens
    from workbench.analyses.lens.neighbours import neighbour_lens
    from workbench.analyses.lens.training import tuned_lens
    from workbench.analyses.lens.tuned import TunedLens
    from workbench.analyses.methods.bench import bench_methods
    from workbench.analyses.patching.effects import patch
    from workbench.analyses.pathways.ranges import pathways
    from workbench.analyses.pathways.sufficiency import suffice
    from workbench.analyses.places.mattered import what_mattered
    from workbench.analyses.smallest.pathway import smallest_pathway
    from workbench.analyses.sweep.differences import compare_flows, compare_models
    from workbench.analyses.sweep.effects import sweep
    from workbench.analyses.use_of_time.measurement import use_of_time
    from workbench.analyses.writing.tokens import flows_while_writing
    from workbench.data import Sample, Samples, pairs, samples
    from workbench.engine.accelerated import accelerate
    from workbench.interventions import (
        Exit,
        Flow,
        Knockout,
        after,
        all_layers,
        centred,
        edge_count,
        first_half,
        layers,
        second_half,
        trailing,
    )
    from workbench.models import Prompt, TokenLayout, VideoLLM, load
    from workbench.runs import load_run
    from workbench.runs.exports import export_run
    from workbench.runs.listing import list_runs
    from workbench.runs.merging import merge_runs
    from workbench.runs.remote import remote_folder
    from workbench.runs.workers import workers
    from workbench.video import Clip, read_clip
    from workbench.widgets import view

__all__ = [
    "Clip",
    "Exit",
    "Flow",
    "Knockout",
    "Prompt",
    "Sample",
    "Samples",
    "TokenLayout",
    "TunedLens",
    "VideoLLM",
    "__version__",
    "accelerate",
    "accuracy",
    "after",
    "all_layers",
    "answer_probability",
    "attention_maps",
    "attribute",
    "bench_methods",
    "centred",
    "compare_flows",
    "compare_lenses",
    "compare_models",
    "compare_runs",
    "edge_count",
    "errors",
    "export_run",
    "figures",
    "find_sinks",
    "findings",
    "first_half",
    "flows_while_writing",
    "from_logs",
    "keyword_frequencies",
    "layers",
    "list_runs",
    "load",
    "load_run",
    "logit_lens",
    "merge_runs",
    "neighbour_lens",
    "pairs",
    "patch",
    "pathways",
    "read_clip",
    "remote_folder",
    "samples",
    "score_answers",
    "second_half",
    "smallest_pathway",
    "suffice",
    "sweep",
    "trailing",
    "tuned_lens",
    "use_of_time",
    "view",
    "what_mattered",
    "workers",
]


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
