"""Find where information flows in a Video-LLM: cut attention edges and see what the answer loses.

Everything below is imported on first use, so that `import workbench` is instant and the command line
can print its help without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from workbench.attached import attach
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
    "accelerate": "engine.accelerated",
    "sweep": "analyses.sweep.effects",
    "pathways": "analyses.pathways.ranges",
    # Straight to the modules: these need torch, and reading a run does not.
    "logit_lens": "analyses.lens.logit_lens",
    "keyword_frequencies": "analyses.lens.frequencies",
    "answer_probability": "analyses.lens.answer_probability",
    "suffice": "analyses.pathways.sufficiency",
    "use_of_time": "analyses.use_of_time.measurement",
    "edge_count": "interventions",
    "compare_flows": "analyses.sweep.differences",
    "compare_models": "analyses.sweep.differences",
    "findings": "analyses.findings.verdicts",
    "accuracy": "analyses.answers.accuracy",
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
        "Sufficiency.figure": "workbench.figures.of_results:of_sufficiency",
        "TimeUse.figure": "workbench.figures.of_results:of_time_use",
        "AnswerProbability.figure": "workbench.figures.of_results:of_answer_probability",
        "KeywordFrequencies.figure": "workbench.figures.of_results:of_keyword_frequencies",
        "AttentionMaps.figure": "workbench.figures.of_results:heat_of_maps",
        "AttentionMaps.mass_figure": "workbench.figures.of_results:mass_of_maps",
        "LogitLens.overlay": "workbench.figures.of_results:overlay_of_lens",
        # Figures are written by pages, a room above them.
        "figures.Part": "workbench.pages.document:Part",
        "figures.write_html": "workbench.pages.document:write_html",
        "figures.write_page": "workbench.pages.document:write_page",
        "figures.write_png": "workbench.pages.png:write_png",
        "figures.try_png": "workbench.pages.png:try_png",
    }
)

if TYPE_CHECKING:
    from workbench import errors, figures
    from workbench.analyses.answers.accuracy import accuracy
    from workbench.analyses.answers.logs import from_logs
    from workbench.analyses.answers.scored import score_answers
    from workbench.analyses.attention.maps import attention_maps
    from workbench.analyses.comparison.folders import compare_runs
    from workbench.analyses.findings.verdicts import findings
    from workbench.analyses.lens.answer_probability import answer_probability
    from workbench.analyses.lens.frequencies import keyword_frequencies
    from workbench.analyses.lens.logit_lens import logit_lens
    from workbench.analyses.pathways.ranges import pathways
    from workbench.analyses.pathways.sufficiency import suffice
    from workbench.analyses.sweep.differences import compare_flows, compare_models
    from workbench.analyses.sweep.effects import sweep
    from workbench.analyses.use_of_time.measurement import use_of_time
    from workbench.data import Sample, Samples, samples
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
    "VideoLLM",
    "__version__",
    "accelerate",
    "accuracy",
    "after",
    "all_layers",
    "answer_probability",
    "attention_maps",
    "centred",
    "compare_flows",
    "compare_models",
    "compare_runs",
    "edge_count",
    "errors",
    "export_run",
    "figures",
    "findings",
    "first_half",
    "from_logs",
    "keyword_frequencies",
    "layers",
    "list_runs",
    "load",
    "load_run",
    "logit_lens",
    "merge_runs",
    "pathways",
    "read_clip",
    "remote_folder",
    "samples",
    "score_answers",
    "second_half",
    "suffice",
    "sweep",
    "trailing",
    "use_of_time",
    "view",
    "workers",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    home = _HOMES[name]
    if not home:
        return importlib.import_module(f"workbench.{name}")
    value = getattr(importlib.import_module(f"workbench.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
