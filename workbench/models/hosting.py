"""Models that run elsewhere: which can, as what they are asked for, and what is here of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError, shown
from workbench.models.deferred import Deferred
from workbench.models.families import Family
from workbench.models.video_llm import VideoLLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.models.attention import AttentionKind


def remote_of(remote: object) -> str | None:
    """Where traces run, "ndif", "local" or an address; None for here. Raises ModelError for anything else."""
    if remote is None or remote is False:
        return None
    if remote is True:
        return "ndif"
    if isinstance(remote, str):
        where = remote in ("ndif", "local") or remote.startswith(("http://", "https://"))
        if where:
            return remote
    raise ModelError(
        f"remote={shown(remote)} is no place that runs traces: write True or 'ndif' for NDIF, 'local' "
        "for nnsight's simulation of them, or the address of a server ('http://HOST:8001')."
    )


def refuse_beside(remote: str, others: Mapping[str, object]) -> None:
    """Raise ModelError for what says how weights are held here, where they are not."""
    for name, value in others.items():
        if value is not None:
            raise ModelError(
                f"{name}={shown(value)} and remote={remote!r} exclude each other: a server has the "
                "checkpoint as it is on the hub. Leave one of them out."
            )


def check_family(family: Family, name_or_path: object) -> None:
    """Raises ModelError where a family cannot be cut by its masks alone, or nothing is known of it."""
    if family.recurrent or family.guessed:
        why = "has layers without softmax attention" if family.recurrent else "has no family module"
        raise ModelError(
            f"{name_or_path} is a {family.model_type}, which {why}: what is cut there needs hooks in this "
            "process. Load it without remote=."
        )


def hosted_model(
    structure: PreTrainedModel, dtype: torch.dtype, revision: str | None, fields: Mapping[str, Any]
) -> VideoLLM:
    """A model whose weights are on a server: prompts are made here, and traces run there.

    Raises ModelError where a folder is named, which no server knows.
    """
    from workbench.models.hosted import Hosted

    name, told = str(fields["loaded_as"]["name_or_path"]), fields["remote"]
    if Path(name).exists() or name.count("/") != 1 or name.startswith("mini/"):
        raise ModelError(
            f"{name!r} is no id on the hub, by which servers know models, and remote={told!r} is asked for. "
            "Give the id, as 'llava-hf/LLaVA-NeXT-Video-7B-hf', or remote='local' for a simulation."
        )

    def refuse() -> VideoLLM:
        raise ModelError(
            f"The weights of {name} are not here: it runs elsewhere (remote={told!r}), where the reference "
            "engine (engine='reference') and model.trace run it. For all else load it without remote=."
        )

    nn = Hosted(structure, name=name, revision=revision, attention=fields["attention"])
    place = torch.device("cpu")
    return Deferred(structure, refuse, device=place, dtype=dtype, nn=nn, **fields)


def simulated(hf: PreTrainedModel, name: str, attention: AttentionKind) -> Any:
    """nnsight around a model that is here, for its simulation of a server."""
    from workbench.models.hosted import Hosted

    return Hosted(hf, name=name, revision=None, attention=attention)
