"""What one clip's activations do in its counterfactual."""

from workbench.analyses.patching.effects import TwinPatching, flipping, patch_means
from workbench.analyses.patching.measurement import ALL_OPTIONS, DIRECTIONS, PatchRow

__all__ = ["ALL_OPTIONS", "DIRECTIONS", "PatchRow", "TwinPatching", "flipping", "patch_means"]
