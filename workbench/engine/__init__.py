"""How knockouts run. `reference` is the definition; a faster engine is one more entry, proved equal to it."""

from __future__ import annotations

from workbench.engine.masks import restrict
from workbench.engine.protocol import Baseline, Engine, Outcome, Outcomes
from workbench.engine.reference import ReferenceEngine, last_logits, layer_masks, logits
from workbench.errors import RunError, near_matches

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (ReferenceEngine(),)}


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
    "Baseline",
    "Engine",
    "Outcome",
    "Outcomes",
    "ReferenceEngine",
    "get_engine",
    "last_logits",
    "layer_masks",
    "logits",
    "restrict",
]
