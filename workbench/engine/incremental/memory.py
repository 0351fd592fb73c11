"""How many rows fit: what a packed row costs, and what is free."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from workbench.shapes import Shaped, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

CPU_ROWS = 4096
"""Rows at once on a CPU: enough to keep its cores busy. A fixed number, so that results repeat to the bit."""
GPU_ROWS = 32768
"""Rows at once on a GPU: weights are then read once for so many that more would gain nothing but memory."""
SHARE = 0.7
"""Of the memory that is free, what rows may take: allocators need room between blocks."""


def bytes_per_row(model: VideoLLM) -> int:
    """Memory of one packed row while a layer runs, in bytes.

    At the widest point the MLP holds its input, its residual and three activations of its width; a norm
    before it holds two rows in float32. Attention holds query, key, value, result, and parts to join.
    """
    text = model.config.get_text_config()
    size = model.dtype.itemsize
    wide = getattr(text, "intermediate_size", None) or 4 * model.d_model
    heads = model.n_heads * model.d_head
    keys = model.n_kv_heads * model.d_head
    attention = size * (3 * model.d_model + 5 * heads + 4 * keys)
    mlp = size * (3 * model.d_model + 3 * wide)
    norm = 8 * model.d_model + 4 * size * model.d_model
    return max(attention, mlp, norm)


def most_rows(model: VideoLLM, limit_bytes: int | None = None) -> int:
    """Rows that one packed pass may have: as many as keep the device busy, if the memory that is free, or
    `limit_bytes`, holds them. Of several GPUs, which rows pass one after another, the fullest decides."""
    if limit_bytes is not None:
        return max(1, limit_bytes // bytes_per_row(model))
    if not (gpus := gpus_of(model)):
        return CPU_ROWS
    free = min(_free(gpu) for gpu in gpus)
    return max(1, min(GPU_ROWS, int(SHARE * free) // bytes_per_row(model)))


def most_prompts(model: VideoLLM, length: int) -> int:
    """Prompts of so many rows whose untouched residual stream, keys and values a GPU holds beside the
    weights, in a third of what these leave; 1 where weights lie on several. What is free now has no part in
    it: a run that goes on forms the same groups."""
    if len(gpus := gpus_of(model)) != 1:
        return 1
    weights = sum(weight.nbytes for weight in model.hf.parameters())
    room = (torch.cuda.get_device_properties(gpus[0]).total_memory - weights) / 3
    row = model.n_layers * (model.d_model + 2 * model.n_kv_heads * model.d_head) * model.dtype.itemsize
    return max(1, int(room // (row * length)))


def gpus_of(model: VideoLLM) -> list[torch.device]:
    """The GPUs that hold weights of the model, or run those that lie elsewhere."""
    # To look at every weight would take longer than many a knockout; without a map all lie on one device.
    spread = getattr(model.hf, "hf_device_map", None) or {}
    held = {model.device, *(weight.device for weight in (model.hf.parameters() if spread else ()))}
    run = set(spread.values())
    held |= {torch.device("cuda", place) for place in run if isinstance(place, int)}
    numbers = {
        torch.cuda.current_device() if one.index is None else one.index for one in held if one.type == "cuda"
    }
    return [torch.device("cuda", number) for number in sorted(numbers)]


def _free(gpu: torch.device) -> int:
    """Bytes that this process may still take there."""
    free, _ = torch.cuda.mem_get_info(gpu)
    return free + torch.cuda.memory_reserved(gpu) - torch.cuda.memory_allocated(gpu)


@shaped
def to_device(array: Shaped[np.ndarray, "*axes"], device: torch.device) -> Shaped[Tensor, "*axes"]:
    """An array as a tensor there. On a GPU it is on its way: work already queued there goes on meanwhile."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


@dataclass
class Peak:
    """The most memory that tensors took on the GPU; on the fullest, where the model lies on several."""

    bytes: int | None = None
    """None on a CPU, where it is not measured."""


@contextmanager
def peak_memory(model: VideoLLM) -> Iterator[Peak]:
    """Measures while the context is open; the number is there afterwards."""
    peak, gpus = Peak(), gpus_of(model)
    for gpu in gpus:
        torch.cuda.reset_peak_memory_stats(gpu)
    yield peak
    if gpus:
        peak.bytes = max(map(torch.cuda.max_memory_allocated, gpus))


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the garbage collector, whose full rounds go through every object of torch and transformers and
    can take longer than the knockouts of a sample. What the engine holds has no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
