"""Rows that leave, for real: fewer rows in later layers, and blocks instead of masks where edges are cut."""

from workbench.engine.accelerated.accelerate import (
    Accelerated,
    AcceleratedEngine,
    RowLogits,
    accelerate,
    accelerated,
)

__all__ = ["Accelerated", "AcceleratedEngine", "RowLogits", "accelerate", "accelerated"]
