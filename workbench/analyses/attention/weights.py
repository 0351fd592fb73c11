"""Attention weights of a few query rows on every key, layer by layer, without anybody's whole pattern.

A pattern of 6,000 rows and 28 heads is gigabytes in every layer. One of its rows is a softmax over one
query's scores, so only the asked rows are computed, beside the model's own attention, which runs as ever.

Axes: l layer, h query head, g key/value head, r query row, s position (key), e head dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench.engine import layer_masks, restrict
from workbench.engine.recurrent import recurrent_cuts
from workbench.engine.reference import attentions
from workbench.errors import ModelError, not_finite
from workbench.models.attention import CUT_BELOW
from workbench.models.placement import present
from workbench.models.quantized import weight_of
from workbench.models.softmax import beyond_softmax
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.interventions import Knockout
    from workbench.models import Prompt, VideoLLM


@shaped
def query_rows(
    model: VideoLLM,
    prompt: Prompt,
    rows: Sequence[int],
    layers: Sequence[int],
    knockout: Knockout | None = None,
    *,
    each: bool = False,
) -> Float[Tensor, "l h s"] | Float[Tensor, "l h r s"]:
    """Weights, float32 on the CPU, the mean over the query `rows`; `layers` count from 0, ascending.

    With `each` there is no mean: (l, h, r, s). Masks go in as in the reference engine; the pass ends after
    the last asked layer. Raises KnockoutError, SpanError for a knockout that cannot act here, ModelError for
    a kind of attention that is not understood.
    """
    if knockout is not None:
        knockout.check(prompt.layout, model.n_layers, model.n_heads)
    keep = layer_masks(model, prompt, knockout)
    picked = torch.as_tensor(list(rows), dtype=torch.long, device=model.device)
    modules = model.family.attentions(model.hf)
    if other := [layer for layer in layers if layer not in modules]:
        raise ModelError(
            f"Layer {other[0] + 1} of {model.name} has no attention weights: it carries a running state from "
            f"row to row. Ask for softmax attention ({', '.join(str(one + 1) for one in modules)})."
        )
    for layer in layers:
        _refuse_unread(modules[layer])
    kept: list[Tensor] = []
    with recurrent_cuts(model, keep), torch.no_grad(), model.trace(prompt) as tracer:
        for layer, attention in attentions(model).items():
            if layer > layers[-1]:
                break
            inputs = restrict(attention.inputs, keep.get(layer), model.attention)
            attention.inputs = inputs
            if layer in layers:
                query, key = attention.hook_rot_q.output, attention.hook_rot_k.output
                mask = inputs.kwargs["attention_mask"]
                weights = _weights(modules[layer], query[0, picked], key[0], mask[0][:, picked])
                kept.append((weights if each else weights.mean(dim=1)).cpu())
        tracer.stop()
    return torch.stack(kept)


def _weights(module: Any, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
    """(h, r, s): query (r, h, e) and key (s, g, e), rotated; mask (1 or h, r, s)."""
    groups = query.shape[1] // key.shape[1]
    key = key.float().repeat_interleave(groups, dim=1)
    scaling = getattr(module, "scaling", None) or query.shape[-1] ** -0.5
    scores = torch.einsum("rhe,she->hrs", query.float(), key) * scaling
    if mask.dtype == torch.bool:
        closed = ~mask
    else:
        scores, closed = scores + mask.float(), mask <= CUT_BELOW
    weights = scores.masked_fill(closed, -torch.inf).softmax(dim=-1)
    if not bool(torch.isfinite(weights).all()):
        raise not_finite(f"Attention weights of layer {getattr(module, 'layer_idx', 0) + 1}", query.dtype)
    return weights


def _refuse_unread(module: Any) -> None:
    if (name := beyond_softmax(module)) is not None:
        raise ModelError(
            f"{type(module).__name__} uses `{name}`, which attention maps would leave out, so they would "
            "be wrong. Read hook_pattern by model.run_with_cache instead, where it is offered."
        )


@shaped
def added_norms(values: Float[Tensor, "g s e"], projection: nn.Module, n_heads: int) -> Float[Tensor, "h s"]:
    """The norm of what each key's value adds to the residual stream through each head, float32.

    `projection` takes the heads of the layer to the residual stream. Source: Kobayashi et al., "Attention is
    Not Only a Weight" (EMNLP 2020), section 3. Raises ModelError in 8 bits.
    """
    wide = values.repeat_interleave(n_heads // len(values), dim=0)
    with present(projection):
        weight = weight_of(projection).float()
    by_head = weight.unflatten(1, (n_heads, -1))  # (d, h, e)
    # A head at a time: all at once are n_heads residual streams.
    return torch.stack([(wide[h].float() @ by_head[:, h].T).norm(dim=-1) for h in range(n_heads)])
