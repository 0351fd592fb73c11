"""Errors that a user can cause. Each message says what came in, what is allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(ValueError):
    """Base of every error that the workbench raises on purpose."""


class ClipError(WorkbenchError):
    """A video file, or the frames asked of it, cannot be used."""


class SampleError(WorkbenchError):
    """An annotation or a data set cannot be used."""


class PromptError(WorkbenchError):
    """A prompt cannot be built for this model."""


class SpanError(WorkbenchError):
    """A token span does not exist in this prompt."""


class FlowError(WorkbenchError):
    """A flow cannot be read."""


class WindowError(WorkbenchError):
    """A window of layers cannot be read, or lies outside the model."""


class InterventionError(WorkbenchError):
    """What is to be changed in the model cannot be changed."""


class KnockoutError(InterventionError):
    """A knockout cannot be applied to this prompt or model."""


class HookError(WorkbenchError):
    """A hook point does not exist, or cannot act on this model."""


class ModelError(WorkbenchError):
    """A model cannot be loaded or used."""


class RunError(WorkbenchError):
    """A run folder, recipe or setting cannot be used."""


def near_matches(name: str, known: Iterable[str], *, limit: int = 4) -> str:
    """A sentence naming the entries of `known` that look like `name`; empty where none does."""
    found = difflib.get_close_matches(name, list(known), n=limit, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(entry) for entry in found)}?" if found else ""
