"""The same model held in other ways: in half precision, in few bits, with layers on the disk.

Each way reads the checkpoint once more, so these checks take as long as loading does.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from workbench.analyses.conformance.asking import must, prompt_of, told
from workbench.analyses.conformance.checks import check
from workbench.engine import get_engine
from workbench.engine.incremental.proof import near
from workbench.interventions import Flow, centred, knockouts
from workbench.models import load
from workbench.models.trial import Undescribed

if TYPE_CHECKING:
    from torch import nn

    from workbench.engine import Outcomes
    from workbench.models import VideoLLM

_FEW_BITS = 0.02
"""Of a probability: rows are rounded to 8 bits too, and the last digit of one may fall either way."""


@check("in half precision", "packing that rounds otherwise than a forward of one prompt")
def in_half_precision(model: VideoLLM) -> str:
    """In bfloat16 the fast engine is as near to the reference engine as rounding lets it be."""
    held = _again(model, dtype="bfloat16", device=model.device)
    for one, other in zip(
        *(_outcomes(held, name).changed for name in ("incremental", "reference")), strict=True
    ):
        must(near(held, one.p, other.p), f"{one.p:.4g}, and {other.p:.4g} by the reference engine")
    return ""


@check("in 4 and 8 bits", "numbers that depend on the rows computed beside")
def in_few_bits(model: VideoLLM) -> str:
    """With load_in="4bit" and "8bit" both engines give the same."""
    for bits in ("4bit", "8bit"):
        held = _again(model, load_in=bits, dtype=model.dtype, device=model.device)
        found, exact = (_outcomes(held, name) for name in ("incremental", "reference"))
        for one, other in zip(found.changed, exact.changed, strict=True):
            apart = abs(one.p - other.p) / max(other.p, 1e-6)
            must(apart <= _FEW_BITS, f"{bits}: {one.p:.6g}, and {other.p:.6g} by the reference engine")
    return ""


@check("on the disk", "weights that are read past the module that holds them")
def on_the_disk(model: VideoLLM) -> str:
    """With its decoder layers on the disk the model gives the same by both engines."""
    layers = {id(layer) for layer in model.family.decoder_layers(model.hf)}
    held = _again(model, device_map=dict(_places(model.hf, "", layers)), dtype=model.dtype)
    for name in ("incremental", "reference"):
        for one, other in zip(_outcomes(held, name).changed, _outcomes(model, name).changed, strict=True):
            must(near(model, one.p, other.p), f"{name}: {one.p:.6g}, and {other.p:.6g} in memory")
    return ""


def _again(model: VideoLLM, **how: Any) -> VideoLLM:
    """The model from its folder. Raises ModelError where it cannot be held so, or a package is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Undescribed)  # it was said when the model was loaded
        return load(model.folder, attention=model.attention, **how)


def _outcomes(model: VideoLLM, engine: str) -> Outcomes:
    asked = knockouts([Flow.parse("video -> question")], [centred(1)], model.n_layers)
    with told():
        return get_engine(engine).outcomes(model, prompt_of(model), asked)


def _places(module: nn.Module, name: str, layers: set[int]) -> list[tuple[str, str]]:
    """A device_map: these modules on the disk, and all other parts in memory."""
    if id(module) in layers:
        return [(name, "disk")]
    if not any(id(part) in layers for part in module.modules()):
        return [(name, "cpu")]
    within = f"{name}." if name else ""
    found = [(within + key, "cpu") for key, _ in module.named_parameters(recurse=False)]
    found += [(within + key, "cpu") for key, _ in module.named_buffers(recurse=False)]
    for key, part in module.named_children():
        found += _places(part, within + key, layers)
    return found
