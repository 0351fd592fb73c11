"""Decoders with attention written out: a query sees the keys in its list, and there is no mask anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

Keys = Callable[[int, int, int], list[int]]
"""(layer from 0, head, row) -> the keys that this row sees."""


def logits_by_hand(hf: Any, inputs: Mapping[str, Tensor], keys: Keys) -> Tensor:
    """Logits (s, vocab) of a Llama or Qwen2 decoder whose queries see `keys` and nothing else.

    Embeddings (the video's among them) and rotary angles are the model's own; norms, projections and MLPs are
    its modules; the attention between them is done here, one query at a time.
    """
    decoder = hf.model.language_model
    hidden, (cos, sin) = _first_layer_inputs(hf, inputs)
    for number, layer in enumerate(decoder.layers):
        attention = layer.self_attn
        normed = layer.input_layernorm(hidden)
        rows, d_head = hidden.shape[1], attention.head_dim
        q, k, v = (
            project(normed).view(1, rows, -1, d_head).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        q, k = apply_rotary_pos_emb(q, k, cos, sin)
        groups = q.shape[1] // k.shape[1]
        z = torch.zeros(rows, q.shape[1], d_head)
        for head in range(q.shape[1]):
            for row in range(rows):
                seen = keys(number, head, row)
                scores = k[0, head // groups, seen] @ q[0, head, row] / d_head**0.5
                z[row, head] = scores.softmax(0) @ v[0, head // groups, seen]
        hidden = hidden + attention.o_proj(z.reshape(1, rows, -1))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return hf.lm_head(decoder.norm(hidden))[0]


def _first_layer_inputs(hf: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    seen: list[Any] = []

    def look(module: Any, args: Any, kwargs: Any) -> None:
        seen.extend([args[0] if args else kwargs["hidden_states"], kwargs["position_embeddings"]])

    handle = hf.model.language_model.layers[0].register_forward_pre_hook(look, with_kwargs=True)
    try:
        hf(**inputs, use_cache=False)
    finally:
        handle.remove()
    return seen[0], seen[1]
