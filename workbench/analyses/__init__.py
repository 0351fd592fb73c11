"""Analyses: what is measured. Each returns a tidy table."""

from workbench.analyses.attention_maps import AttentionMaps, attention_maps
from workbench.analyses.pathways import Pathways, pathways
from workbench.analyses.sweep import sweep

__all__ = ["AttentionMaps", "Pathways", "attention_maps", "pathways", "sweep"]
