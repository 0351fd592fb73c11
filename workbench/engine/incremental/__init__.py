"""The exact incremental engine: what a cut does not change is computed once."""

from workbench.engine.incremental.engine import IncrementalEngine, Slower

__all__ = ["IncrementalEngine", "Slower"]
