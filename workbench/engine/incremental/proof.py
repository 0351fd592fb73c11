"""Whether reuse gives the reference engine's numbers on a model that no family module describes.

A family's module is tested with both engines. A model that is read as transformers' class says has no such
test, so the first prompt that the engine is given is one: a few cuts are run by both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from workbench.engine.incremental.untouched import CannotReuse
from workbench.engine.protocol import Outcomes, Request
from workbench.engine.reference import ReferenceEngine
from workbench.interventions import Knockout

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

Run = Callable[["VideoLLM", Sequence[Request], None], list[Outcomes]]

_NEAR = {torch.float32: 2e-4, torch.float64: 1e-8}
_HALF = 0.1
"""Of a probability, what rounding in half precision may do."""
_known: WeakKeyDictionary[torch.nn.Module, str] = WeakKeyDictionary()


def prove(model: VideoLLM, prompt: Prompt, run: Run) -> None:
    """Compares `run` with the reference engine on this prompt, once a model: a forward a cut, and one.

    Raises CannotReuse where they differ, and whenever they did before.
    """
    if model.hf not in _known:
        _known[model.hf] = _difference(model, prompt, run)
    if reason := _known[model.hf]:
        raise CannotReuse(reason)


def near(model: VideoLLM, one: float, other: float) -> bool:
    """Whether two probabilities are the same, up to what rounding may do in the model's type."""
    return abs(one - other) <= _NEAR.get(model.dtype, _HALF) * max(abs(one), abs(other), 1e-6)


def _difference(model: VideoLLM, prompt: Prompt, run: Run) -> str:
    """Why reuse is wrong for this model; empty where it is right. Raises CannotReuse as `run` does."""
    asked = list(_cuts(model, prompt))
    request = Request(prompt=prompt, interventions=asked)
    (found,) = run(model, [request], None)
    (exact,) = ReferenceEngine().run(model, [request])
    for cut, one, other in zip(asked, found.changed, exact.changed, strict=True):
        if not near(model, one.p, other.p):
            return (
                f"what it saves is not what a forward computes: '{cut}' gives {one.p:.6g}, and by the "
                f"reference {other.p:.6g}"
            )
    return ""


def _cuts(model: VideoLLM, prompt: Prompt) -> Iterator[Knockout]:
    """Of whole stretches and of single layers, so that every layer is both cut and run behind a cut."""
    last, middle = model.n_layers, max(model.n_layers // 2, 1)
    yield Knockout.of("video -> text", (1, middle))
    yield Knockout.of("video -> last", (middle, last))
    yield Knockout.of("text -> last", (1, 1))
    if prompt.layout.n_frames > 1:
        yield Knockout.of("frames -> later frames", (1, last))
