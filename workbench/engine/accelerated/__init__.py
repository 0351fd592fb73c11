"""Rows that leave, for real: fewer rows in later layers, and blocks instead of masks in early ones."""

from workbench.engine.accelerated.accelerate import Accelerated, AcceleratedEngine, RowLogits, accelerate

__all__ = ["Accelerated", "AcceleratedEngine", "RowLogits", "accelerate"]
