"""Traces of a model that runs elsewhere: what can be asked of it, and what its server's refusals mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor

from workbench.errors import InterventionError, ModelError, WorkbenchError
from workbench.interventions import Intervention, Knockout

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

SHIPPED = ("workbench.engine.restrict", "workbench.errors")
"""Modules whose functions go with a trace, as source: servers have torch and nnsight, and nothing of ours."""


@contextmanager
def elsewhere(model: VideoLLM, intervention: Intervention | None) -> Iterator[None]:
    """A trace of a model with `remote` can be made while the context is open; nothing for another.

    Raises InterventionError for what is no knockout, ModelError where the server does not run it.
    """
    if model.remote is None:
        yield
        return
    import nnsight

    if intervention is not None and not isinstance(intervention, Knockout):
        raise InterventionError(
            f"'{intervention}' acts by hooks in this process, and {model.name} runs elsewhere "
            f"(remote={model.remote!r}): knockouts alone can be traced there. Load the model without remote=."
        )
    for module in SHIPPED:
        nnsight.register(module)
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:  # of the network, of the server, and of the block that runs there
        if model.remote == "local":
            raise
        told = next(iter(str(error).strip().splitlines()), "")[:300]
        raise ModelError(
            f"{model.name} could not be run at {model.remote} ({type(error).__name__}: {told}). See whether "
            "the server has it (nnsight.ndif_status()), and whether nnsight knows your API key "
            "(NDIF_API_KEY, or nnsight.CONFIG.set_default_api_key)."
        ) from error


def as_asked(model: VideoLLM, logits: Tensor) -> Tensor:
    """The logits, where they are of the model's dtype. Raises ModelError where a server has it in another."""
    if model.remote is not None and logits.dtype != model.dtype:
        served = str(logits.dtype).removeprefix("torch.")
        raise ModelError(
            f"{model.name} runs in {served} at {model.remote}, and "
            f"{str(model.dtype).removeprefix('torch.')} is asked for. Load it with dtype={served!r}."
        )
    return logits
