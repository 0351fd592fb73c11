"""A residual stream in float32 around layers in half precision.

Weights and products stay in the model's own type. What is added up over the layers, and the logits, lose no
more digits than float32 does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench.engine.vocabulary import tiles
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


@contextmanager
def float32_residual(model: VideoLLM) -> Iterator[None]:
    """The residual stream of `model` is in float32 while the context is open."""
    layers = list(model.family.decoder_layers(model.hf))
    norms = [child for layer in layers for name, child in layer.named_children() if "norm" in name]

    def widen(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (args[0].float(), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": kwargs["hidden_states"].float()}

    def narrow(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.to(model.dtype)

    handles = [layers[0].register_forward_pre_hook(widen, with_kwargs=True)]
    handles += [norm.register_forward_hook(narrow) for norm in (*norms, model.family.final_norm(model.hf))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@shaped
def head(model: VideoLLM, rows: Float[Tensor, "r d"], *, wide: bool) -> Float[Tensor, "r vocab"]:
    """Logits of residual streams: final norm and unembedding, in float32 where `wide`."""
    normed = model.family.final_norm(model.hf)(rows)
    unembed = model.family.lm_head(model.hf)
    if not wide:
        return unembed(normed)
    return torch.cat([tile.logits for tile in tiles(unembed, normed, wide=True)], dim=-1)
