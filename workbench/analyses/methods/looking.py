"""Methods that look at attention and cut nothing: its weights, and its weights times what values add.

Of the rows that a flow leads to, the one that looks most at it counts; mean over samples.

Axes: l layer, h head, q query row, k key row, e head dim, d model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from workbench.analyses.attention.weights import added_norms, query_rows
from workbench.interventions import Flow
from workbench.models.hooks.points import hook_points
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import Prompt, VideoLLM
    from workbench.planted import Candidate


@shaped
def attention(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """The summed weight on the flow's keys."""
    return _looked(model, samples, candidates, by_value=False)


@shaped
def attention_value(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """The weight times the norm of what the key's value adds to the residual stream, summed over the keys.

    Source: Kobayashi et al., "Attention is Not Only a Weight" (EMNLP 2020), section 3.
    """
    return _looked(model, samples, candidates, by_value=True)


def _looked(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate], *, by_value: bool
) -> np.ndarray:
    total = np.zeros(len(candidates))
    for sample in samples:
        prompt = model.encode(sample)
        length, layers = prompt.layout.length, range(model.n_layers)
        weights = query_rows(model, prompt, range(length), layers, each=True)
        if by_value:
            weights = weights * _added_norms(model, prompt)[:, :, None]
        by_flow = {}
        for flow in dict.fromkeys(one.flow for one in candidates):
            edges = torch.from_numpy(Flow.parse(flow).edges(prompt.layout).dense())
            by_flow[flow] = (weights * edges).sum(-1).amax(-1).numpy()
        total += [by_flow[one.flow][one.layer - 1, one.head] for one in candidates]
    return total / len(samples)


@shaped
def _added_norms(model: VideoLLM, prompt: Prompt) -> Float[torch.Tensor, "l h k"]:
    """The norm of what each row's value adds to the residual stream through each head."""
    _, cache = model.run_with_cache(prompt, "blocks.*.attn.hook_v", return_logits="last")
    found = []
    for layer in range(model.n_layers):
        values = cache[f"blocks.{layer}.attn.hook_v"][0].transpose(0, 1)
        point = hook_points(model)[f"blocks.{layer}.attn.hook_result"]
        found.append(added_norms(values, point.module, model.n_heads).cpu())
    return torch.stack(found)
