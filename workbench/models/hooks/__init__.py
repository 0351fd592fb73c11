"""Hook points: TransformerLens' names for places in a model, and running it with them read or edited."""

from __future__ import annotations

from workbench.models.hooks.cache import ActivationCache
from workbench.models.hooks.filter import NamesFilter
from workbench.models.hooks.points import HookPoint, get_act_name, hook_names, hook_points
from workbench.models.hooks.running import (
    HookFunction,
    KeptLogits,
    RunWithCache,
    edited,
    materialise,
    run_with_cache,
    run_with_hooks,
)
from workbench.prompts.rows import PosSlice

__all__ = [
    "ActivationCache",
    "HookFunction",
    "HookPoint",
    "KeptLogits",
    "NamesFilter",
    "PosSlice",
    "RunWithCache",
    "edited",
    "get_act_name",
    "hook_names",
    "hook_points",
    "materialise",
    "run_with_cache",
    "run_with_hooks",
]
