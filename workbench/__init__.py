"""Find where information flows in a Video-LLM: cut attention edges and see what the answer loses.

Everything below is imported on first use, so that `import workbench` is instant and the command line
can print its help without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

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
    "Flow": "interventions",
    "Knockout": "interventions",
    "centred": "interventions",
    "trailing": "interventions",
    "after": "interventions",
    "all_layers": "interventions",
    "first_half": "interventions",
    "second_half": "interventions",
    "layers": "interventions",
    "attention_maps": "analyses",
    "sweep": "analyses",
    "pathways": "analyses",
    # Straight to the modules: these need torch, and reading a run does not.
    "logit_lens": "analyses.logit_lens",
    "keyword_frequencies": "analyses.keyword_frequencies",
    "answer_probability": "analyses.answer_probability",
    "suffice": "analyses.suffice",
    "edge_count": "analyses.edge_counts",
    "compare_flows": "analyses.comparison",
    "compare_models": "analyses.comparison",
    "findings": "analyses.findings",
    "load_run": "results",
    "view": "widgets",
    "figures": "",
    "errors": "",
}

if TYPE_CHECKING:
    from workbench import errors, figures
    from workbench.analyses import attention_maps, pathways, sweep
    from workbench.analyses.answer_probability import answer_probability
    from workbench.analyses.comparison import compare_flows, compare_models
    from workbench.analyses.edge_counts import edge_count
    from workbench.analyses.findings import findings
    from workbench.analyses.keyword_frequencies import keyword_frequencies
    from workbench.analyses.logit_lens import logit_lens
    from workbench.analyses.suffice import suffice
    from workbench.data import Sample, Samples, samples
    from workbench.interventions import (
        Flow,
        Knockout,
        after,
        all_layers,
        centred,
        first_half,
        layers,
        second_half,
        trailing,
    )
    from workbench.models import Prompt, TokenLayout, VideoLLM, load
    from workbench.results import load_run
    from workbench.video import Clip, read_clip
    from workbench.widgets import view

__all__ = [
    "Clip",
    "Flow",
    "Knockout",
    "Prompt",
    "Sample",
    "Samples",
    "TokenLayout",
    "VideoLLM",
    "__version__",
    "after",
    "all_layers",
    "answer_probability",
    "attention_maps",
    "centred",
    "compare_flows",
    "compare_models",
    "edge_count",
    "errors",
    "figures",
    "findings",
    "first_half",
    "keyword_frequencies",
    "layers",
    "load",
    "load_run",
    "logit_lens",
    "pathways",
    "read_clip",
    "samples",
    "second_half",
    "suffice",
    "sweep",
    "trailing",
    "view",
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
