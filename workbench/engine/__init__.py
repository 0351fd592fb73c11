"""How interventions run. `reference` is the definition; `incremental` is the fast one, proved equal to it."""

from __future__ import annotations

from workbench.engine.accelerated import AcceleratedEngine, accelerate
from workbench.engine.acting import layer_masks
from workbench.engine.following import with_text
from workbench.engine.generation import Generation, generate
from workbench.engine.incremental import IncrementalEngine, Slower
from workbench.engine.protocol import (
    Baseline,
    Engine,
    Followed,
    Outcome,
    Outcomes,
    Readout,
    Request,
    TextRequest,
)
from workbench.engine.reference import ReferenceEngine, last_logits, logits
from workbench.engine.restrict import restrict
from workbench.errors import RunError, near_matches

ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        IncrementalEngine(),
        IncrementalEngine(float32=True),
        AcceleratedEngine(),
        ReferenceEngine(),
    )
}


def get_engine(engine: str | Engine) -> Engine:
    """The engine of that name, or the engine itself. Raises RunError with the known names."""
    if not isinstance(engine, str):
        return engine
    if engine not in ENGINES:
        hint = near_matches(engine, ENGINES)
        raise RunError(f"There is no engine {engine!r}.{hint} Engines are: {', '.join(ENGINES)}.")
    return ENGINES[engine]


__all__ = [
    "ENGINES",
    "AcceleratedEngine",
    "Baseline",
    "Engine",
    "Followed",
    "Generation",
    "IncrementalEngine",
    "Outcome",
    "Outcomes",
    "Readout",
    "ReferenceEngine",
    "Request",
    "Slower",
    "TextRequest",
    "accelerate",
    "generate",
    "get_engine",
    "last_logits",
    "layer_masks",
    "logits",
    "restrict",
    "with_text",
]
