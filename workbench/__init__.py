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
    "load_run": "results",
    "view": "widgets",
    "figures": "",
    "errors": "",
}

if TYPE_CHECKING:
    from workbench import errors, figures
    from workbench.analyses import attention_maps, pathways, sweep
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
    "attention_maps",
    "centred",
    "errors",
    "figures",
    "first_half",
    "layers",
    "load",
    "load_run",
    "pathways",
    "read_clip",
    "samples",
    "second_half",
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
