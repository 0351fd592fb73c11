"""A keep-mask in the form that an attention implementation reads, ANDed with the model's own mask.

Axes: b batch (1), h query head (1 where all heads share it), q query row, k key column. True = keep.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from workbench.errors import KnockoutError
from workbench.shapes import Bool


class Call(NamedTuple):
    """The arguments of a module's forward, as nnsight hands them out."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def restrict(
    inputs: tuple[tuple[Any, ...], dict[str, Any]], keep: Bool[Tensor, "b h q k"] | None, attention: str
) -> Call:
    """The inputs of one attention module with its own mask ANDed with `keep` (None keeps all).

    The mask is written out in either case, so that a cut and an untouched layer run the same kernel. Raises
    KnockoutError where the module's own mask cannot be read, or where a row would be left without a key.
    """
    args, kwargs = inputs
    hidden = args[0] if args else kwargs["hidden_states"]
    rows = hidden.shape[1]
    keys = rows if keep is None else keep.shape[-1]
    own = _own_mask(kwargs.get("attention_mask"), hidden, keys, attention)
    return Call(args, {**kwargs, "attention_mask": _for_kernel(own, keep, hidden.dtype, attention)})


def _own_mask(own: object, hidden: Tensor, keys: int, attention: str) -> Tensor:
    rows = hidden.shape[1]
    if own is None and attention == "sdpa":
        # Nothing is padded: the kernel is told to be causal instead, and so every layer is, sliding or not
        # (a sliding window that matters comes as a mask).
        ones = torch.ones(1, 1, rows, keys, dtype=torch.bool, device=hidden.device)
        return ones.tril(keys - rows)
    if not isinstance(own, Tensor) or own.ndim != 4 or own.shape[-2:] != (rows, keys) or own.shape[0] != 1:
        shape = tuple(own.shape) if isinstance(own, Tensor) else type(own).__name__
        raise KnockoutError(
            f"The model's own attention mask is {shape}, and a knockout of {rows} rows needs (1, 1, {rows}, "
            f"{keys}). Load the model with attention='sdpa' or 'eager', and run one prompt without a cache."
        )
    return own


def _for_kernel(own: Tensor, keep: Tensor | None, dtype: torch.dtype, attention: str) -> Tensor:
    mask = own if keep is None else _and(own, keep.to(own.device))
    if attention == "eager" and mask.dtype == torch.bool:
        # Eager attention adds its mask to the scores: it would read True and False as 1 and 0.
        bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        return bias.masked_fill(~mask, torch.finfo(dtype).min)
    return mask


def _and(own: Tensor, keep: Tensor) -> Tensor:
    """`own` with every edge closed that `keep` closes, as bool or additive like `own`."""
    if own.dtype == torch.bool:
        mask = own & keep
        visible, remaining = own, mask
    else:
        lowest = torch.finfo(own.dtype).min
        mask = own.masked_fill(~keep, lowest)
        visible, remaining = own > lowest, mask > lowest
    starved = visible.any(-1) & ~remaining.any(-1)
    if starved.any():
        row = int(starved.nonzero()[0, -1])
        raise KnockoutError(
            f"This cut leaves row {row} without any key that the model's own mask shows it. Cut fewer keys, "
            "or let rows keep their own (leave out '(self too)')."
        )
    return mask
