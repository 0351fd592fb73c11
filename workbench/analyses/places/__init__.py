"""Which frames, pairs of frames, cells and heads mattered, each beside as many random edges."""

from workbench.analyses.places.mattered import Mattered, what_mattered
from workbench.analyses.places.units import EACH, Unit, check_each

__all__ = ["EACH", "Mattered", "Unit", "check_each", "what_mattered"]
