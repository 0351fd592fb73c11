"""What a run leaves behind: activations by hook name, and which rows of them were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import HookError, near_matches
from workbench.models.hooks.points import get_act_name
from workbench.prompts.rows import Positions


class ActivationCache(Mapping[str, Tensor]):
    """Activations by hook name, in forward order.

    Besides full names it takes TransformerLens' shorthand: `cache["resid_post", 3]`, `cache["pattern", 3,
    "attn"]`, `cache["resid_post", -1]` (the last layer), `cache["embed"]`. Neighbouring points may share
    memory.
    """

    def __init__(
        self,
        activations: Mapping[str, Tensor],
        *,
        n_layers: int,
        gradients: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._activations = dict(activations)
        self._n_layers = n_layers
        self._gradients = None if gradients is None else ActivationCache(gradients, n_layers=n_layers)

    @property
    def grad(self) -> ActivationCache:
        """Gradients of the scalar of `gradients_of`, by the same names and in the same shapes.

        Raises HookError where none were asked for.
        """
        if self._gradients is None:
            raise HookError(
                "This run kept no gradients. Ask for them with run_with_cache(..., gradients_of=), "
                "a function from logits to one number."
            )
        return self._gradients

    def __getitem__(self, key: str | tuple[object, ...]) -> Tensor:
        """Raises HookError where the activation is not in the cache."""
        name = self._full_name(key)
        if name not in self._activations:
            kept = ", ".join(list(self._activations)[:8]) + (", ..." if len(self) > 8 else "")
            raise HookError(
                f"The cache does not hold {name!r}.{near_matches(name, self._activations)} "
                f"It holds {len(self)} activations: {kept}. names_filter says what run_with_cache keeps."
            )
        return self._activations[name]

    def _full_name(self, key: object) -> str:
        if isinstance(key, str):
            return key if key in self._activations else get_act_name(key)
        if not isinstance(key, tuple) or not 1 <= len(key) <= 3 or not isinstance(key[0], str):
            raise HookError(
                f"A cache is indexed by a name, or by (name, layer[, type]) such as ('resid_post', 3); "
                f"not by {key!r}."
            )
        name, layer, kind = (*key, None, None)[:3]
        if isinstance(layer, int) and layer < 0:
            layer += self._n_layers
        return get_act_name(
            str(name), layer if isinstance(layer, int) else None, kind if isinstance(kind, str) else None
        )

    def get(self, key: Any, default: Any = None) -> Any:
        """The activation, or `default` where the cache does not hold it."""
        if key in self:
            return self[key]
        return default

    def __contains__(self, key: object) -> bool:
        try:
            return self._full_name(key) in self._activations
        except HookError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._activations)

    def __len__(self) -> int:
        return len(self._activations)

    def __repr__(self) -> str:
        lines = [f"  {name}: {tuple(value.shape)} {value.dtype}" for name, value in list(self.items())[:40]]
        more = [f"  and {len(self) - 40} more"] if len(self) > 40 else []
        return "\n".join([f"ActivationCache of {len(self)} activations", *lines, *more])


def sliced(activation: Tensor, rows: Positions | None, axis: int | None) -> Tensor:
    """These rows of the axis that counts positions, in memory of their own; all where there is no such
    axis."""
    if rows is None or axis is None:
        return activation
    if isinstance(rows, int):
        return activation.select(axis, rows).clone()
    if isinstance(rows, slice):
        rows = np.arange(activation.shape[axis])[rows]
    return activation.index_select(
        axis, torch.as_tensor(rows % activation.shape[axis], device=activation.device)
    )
