"""Analyses: what is measured. Each returns a tidy table."""

from workbench.analyses.pathways import Pathways, pathways
from workbench.analyses.sweep import sweep

__all__ = ["Pathways", "pathways", "sweep"]
