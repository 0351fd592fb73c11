"""Attention that can be looked into: two implementations for the text decoder, SDPA and eager.

Both are registered with transformers and put into use by `install`. The vision tower has transformers' SDPA
(eager where it has none), whatever was asked for and config.json says. Under "sdpa" scores and patterns exist
only in layers that someone asked for (`materialised`), and others run the fused kernel; under "eager" in all.

Axes: b batch, H query heads, K key/value heads, q query, k key, s position, e head dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

from workbench.errors import HookError, KnockoutError, ModelError, near_matches
from workbench.models.families.base import AttentionKind
from workbench.models.softmax import check_arguments, check_modules

TAPS = ("hook_rot_q", "hook_rot_k", "hook_attn_scores", "hook_pattern", "hook_z")
"""Modules that `install` puts on each attention module, named as the hook points that they serve."""

_REGISTERED = {"sdpa": "workbench_sdpa", "eager": "workbench_eager"}
_COUNT = "workbench_materialised"
_STAND_IN = "workbench_stand_in"
CUT_BELOW = -1e4
"""An additive mask closes an edge at or below this value: e^-10000 is 0 in every floating-point format."""


class Tap(nn.Module):
    """Gives back its input. A place where a hook or a trace reads and writes what passes."""

    def forward(self, value: Tensor) -> Tensor:
        return value


class Mask(NamedTuple):
    """An attention mask in the two forms that attention needs, either of which may be absent."""

    keep: Tensor | None
    """bool, broadcasts to (b, H, q, k): True where the edge is open. None: every edge is open."""
    bias: Tensor | None
    """Additive, same shape, in the dtype of the scores; None where the mask only opens and closes."""


def check_kind(kind: str) -> None:
    """Raises ModelError for a kind of attention that there is not."""
    if not isinstance(kind, str) or kind not in _REGISTERED:
        allowed = " or ".join(repr(known) for known in get_args(AttentionKind))
        raise ModelError(
            f"attention={kind!r} is not offered: use {allowed}.{near_matches(str(kind), _REGISTERED)}"
        )


def install(hf: PreTrainedModel, kind: AttentionKind = "sdpa", *, recurrent: tuple[str, ...] = ()) -> None:
    """Make the text decoder of `hf` run an attention of ours. Call it before nnsight wraps the model.

    Layers may have a module `recurrent` instead, but not all. Calling it again changes the kind. ModelError:
    the kind is not offered, scores go through more than a softmax, or attention is not AttentionInterface's.
    """
    check_kind(kind)
    decoder = hf.get_decoder()
    layers = list(getattr(decoder, "layers", ()))
    attentions = [layer.self_attn for layer in layers if hasattr(layer, "self_attn")]
    others = [layer for layer in layers if not hasattr(layer, "self_attn")]
    if not attentions or not all(any(hasattr(layer, name) for name in recurrent) for layer in others):
        what = "layers without softmax attention under" if layers else "no `layers` with"
        raise ModelError(
            f"The decoder of {type(hf).__name__} ({type(decoder).__name__}) has {what} `self_attn`. Points "
            "and knockouts would be pretence there, so the model is refused."
        )
    check_modules(attentions)
    try:
        decoder.set_attn_implementation(_REGISTERED[kind])
    except ValueError as error:
        raise ModelError(
            f"{type(decoder).__name__} does not offer attention={kind!r} in transformers. "
            f"Load it with attention={'eager' if kind == 'sdpa' else 'sdpa'!r}."
        ) from error
    for attention in attentions:
        if getattr(getattr(attention, "config", None), "_attn_implementation", None) != _REGISTERED[kind]:
            raise ModelError(
                f"{type(attention).__name__} of {type(hf).__name__} does not take its attention from "
                "transformers' AttentionInterface: edges cannot be cut there. Load the class that it ships."
            )
        for name in TAPS:
            if not isinstance(getattr(attention, name, None), Tap):
                attention.add_module(name, Tap())
        setattr(attention, _COUNT, 0)


def kind_of(attention: nn.Module) -> AttentionKind | None:
    """The kind that `install` gave this attention module; None where there is none."""
    used = getattr(getattr(attention, "config", None), "_attn_implementation", None)
    for kind in get_args(AttentionKind):
        if used == _REGISTERED[kind] and hasattr(attention, _COUNT):
            return kind
    return None


@contextmanager
def materialised(attentions: Iterable[nn.Module]) -> Iterator[None]:
    """Scores and patterns exist in these attention modules while the context is open; contexts nest."""
    chosen = list(attentions)
    for attention in chosen:
        setattr(attention, _COUNT, getattr(attention, _COUNT) + 1)
    try:
        yield
    finally:
        for attention in chosen:
            setattr(attention, _COUNT, getattr(attention, _COUNT) - 1)


@contextmanager
def stand_in(attentions: Iterable[nn.Module], function: Callable[..., Any]) -> Iterator[None]:
    """`function` computes attention in these modules while the context is open.

    It is called as function(module, query (b, H, q, e), key (b, K, k, e), value, mask, default, **options)
    with query and key rotated, and gives (b, q, H, e) and a pattern or None, as `default` would.
    """
    chosen = list(attentions)
    for attention in chosen:
        object.__setattr__(attention, _STAND_IN, function)
    try:
        yield
    finally:
        for attention in chosen:
            object.__delattr__(attention, _STAND_IN)


def _sdpa(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, Tensor | None]:
    """Attention of kind "sdpa": query (b, H, q, e), key and value (b, K, k, e) -> (b, q, H, e), pattern
    or None."""
    query, key = _tapped(module, query, key)
    return _answer(module, _fused, query, key, value, attention_mask, **options)


def _answer(module: Any, default: Callable[..., Any], *parts: Any, **options: Any) -> Any:
    """What the module's stand-in gives, or else `default`."""
    other = vars(module).get(_STAND_IN)
    return default(module, *parts, **options) if other is None else other(module, *parts, default, **options)


def _fused(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, Tensor | None]:
    if getattr(module, _COUNT) > 0:
        return _in_the_open(module, query, key, value, attention_mask, **options)
    mask, empty = _for_kernel(attention_mask, query, key)
    z, _ = sdpa_attention_forward(module, query, key, value, mask, **options)
    if empty is not None:
        z = z.masked_fill(empty.transpose(1, 2), 0.0)
    return module.hook_z(z), None


def _eager(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, Tensor]:
    """Attention of kind "eager": the same, with the pattern (b, H, q, k) in every layer."""
    query, key = _tapped(module, query, key)
    return _answer(module, _in_the_open, query, key, value, attention_mask, **options)


def _tapped(module: Any, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Query and key after their taps, which see them as (b, s, heads, e)."""
    query = module.hook_rot_q(query.transpose(1, 2)).transpose(1, 2)
    return query, module.hook_rot_k(key.transpose(1, 2)).transpose(1, 2)


def _in_the_open(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    **options: Any,
) -> tuple[Tensor, Tensor]:
    """Softmax attention step by step, with taps; the same arithmetic as transformers' eager attention.

    A row without an open edge has weight 0 everywhere, so its output is 0.
    """
    check_arguments(module, options)
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    mask = _read(attention_mask, query, key, causal=causal)

    scores = torch.matmul(query, key.transpose(2, 3)) * (
        query.shape[-1] ** -0.5 if scaling is None else scaling
    )
    if mask.bias is not None:
        scores = scores + mask.bias
    if mask.keep is not None:
        scores = scores.masked_fill(~mask.keep, -torch.inf)
    before = _state(scores)
    edited = module.hook_attn_scores(scores)
    if edited is not scores or _state(edited) != before or before is None:
        scores = _still_closed(edited, mask.keep, module)
        empty = torch.isneginf(scores).all(-1, keepdim=True)
    else:
        empty = None if mask.keep is None else ~mask.keep.any(-1, keepdim=True)
    if empty is not None and bool(empty.any()):
        pattern = _softmax(scores.masked_fill(empty, 0.0), query.dtype).masked_fill(empty, 0.0)
    else:
        pattern = _softmax(scores, query.dtype)
    pattern = F.dropout(module.hook_pattern(pattern), p=dropout, training=module.training)
    z = torch.matmul(pattern, value).transpose(1, 2).contiguous()
    return module.hook_z(z), pattern


def _softmax(scores: Tensor, dtype: torch.dtype) -> Tensor:
    return F.softmax(scores, dim=-1, dtype=torch.float32).to(dtype)


def _state(scores: Tensor) -> int | None:
    """A number that changes when the tensor is edited in place; None where torch keeps none."""
    return None if scores.is_inference() else scores._version


def _still_closed(scores: Tensor, keep: Tensor | None, module: nn.Module) -> Tensor:
    """Edited scores (b, H, q, k) with the closed edges closed: arithmetic on -inf may have left NaN there.

    Raises HookError where an edit wrote a finite score to a closed edge, which would open it.
    """
    if keep is None:
        return scores
    opened = torch.isfinite(scores) & ~keep
    if bool(opened.any()):
        _, head, row, column = opened.nonzero()[0].tolist()
        raise HookError(
            f"blocks.{getattr(module, 'layer_idx', '?')}.attn.hook_attn_scores: an edit gave a finite "
            f"score to {int(opened.sum())} edges that the mask closes (first: head {head}, query {row}, "
            f"key {column}). Leave -inf there (torch.where(scores.isneginf(), scores, new)), "
            "or edit hook_pattern, which may open an edge."
        )
    return scores.masked_fill(~keep, -torch.inf)


def _read(mask: Any, query: Tensor, key: Tensor, *, causal: bool) -> Mask:
    """The mask handed to a layer: None (causal), bool (True keeps) or additive, (1 or b, 1 or H, q, k)."""
    rows, columns = query.shape[2], key.shape[2]
    if mask is None:
        if not causal or rows == 1:
            return Mask(None, None)
        return Mask(torch.ones(rows, columns, dtype=torch.bool, device=query.device).tril()[None, None], None)
    _check(mask, query, columns)
    if mask.dtype == torch.bool:
        return Mask(mask, None)
    return Mask(mask > CUT_BELOW, mask.to(query.dtype))


def _for_kernel(mask: Any, query: Tensor, key: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """The mask for the fused kernel, and the rows (b, H, q, 1) without an open edge; None where there are
    none.

    Kernels disagree on such rows (zeros, NaN, the mean of all values), so they are opened here, and their
    output is set to 0 afterwards.
    """
    if mask is None:
        return None, None
    read = _read(mask, query, key, causal=False)
    assert read.keep is not None
    kernel_mask = read.keep if read.bias is None else read.bias
    empty = ~read.keep.any(-1, keepdim=True)
    if not bool(empty.any()):
        return kernel_mask, None
    return (read.keep | empty if read.bias is None else read.bias.masked_fill(empty, 0.0)), empty


def _check(mask: Any, query: Tensor, columns: int) -> None:
    batch, heads, rows, _ = query.shape
    wanted = (
        f"a 4-D tensor (1 or {batch}, 1 or {heads}, {rows}, {columns}), bool (True keeps) or additive floats"
    )
    if not isinstance(mask, Tensor):
        raise KnockoutError(f"An attention mask came as {type(mask).__name__}; it must be {wanted}.")
    fits = mask.ndim == 4 and mask.shape[0] in (1, batch) and mask.shape[1] in (1, heads)
    if not fits or mask.shape[2:] != (rows, columns):
        raise KnockoutError(f"An attention mask has shape {tuple(mask.shape)}; it must be {wanted}.")
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise KnockoutError(f"An attention mask has dtype {mask.dtype}; it must be {wanted}.")


AttentionInterface.register(_REGISTERED["sdpa"], _sdpa)
AttentionInterface.register(_REGISTERED["eager"], _eager)
AttentionMaskInterface.register(_REGISTERED["sdpa"], sdpa_mask)
AttentionMaskInterface.register(_REGISTERED["eager"], eager_mask)
