"""What a cut is in a layer that carries a running state from row to row, in place of softmax attention.

Linear attention (three of four layers of Qwen3.5) and short convolutions (LFM2) have no edges whose weight
could be set to 0. There a cut source -> target means: the layer also runs on the sequence without the source
rows, and the target rows take what they get there. So nothing of a source row reaches a target row through
the layer, not even the place that it took, and no other row changes.

Axes: b batch (1), h query head (1), q query row, k key column, s position, d model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import KnockoutError
from workbench.interventions import Removal, Window, check_flows
from workbench.shapes import Bool, Int, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout


_HEADS = (
    "A cut of single attention heads means nothing in a layer with linear attention or a convolution, which "
    "has no such heads. Cut all heads, or name layers with softmax attention only."
)
_ITSELF = (
    "In a layer with linear attention or a convolution a row cannot be without itself. Leave out last -> "
    "last and '(self too)', or name layers with softmax attention only."
)


def check_cut(model: VideoLLM, flow: Removal, windows: Sequence[Window], layout: TokenLayout) -> None:
    """Raises as `check_flows`, and KnockoutError where a window has layers with a running state, in which the
    flow means nothing."""
    check_flows([flow], layout, model.n_heads)
    running = model.family.recurrent_layers(model.structure).keys()
    spans = [span for window in windows for span in window.expand(model.n_layers)]
    if not any(span.first_layer <= layer + 1 <= span.last_layer for layer in running for span in spans):
        return
    if flow.heads is not None:
        raise KnockoutError(_HEADS)
    if not flow.keep_self:
        raise KnockoutError(_ITSELF)


class Without(NamedTuple):
    """Rows that see the same of what is before them."""

    rows: Int[np.ndarray, " t"]
    """The rows, ascending."""
    kept: Int[np.ndarray, " k"]
    """The rows that stay in the sequence on which the layer runs for them, these included."""


@shaped
def without(keep: Bool[Tensor, "1 h q k"]) -> list[Without]:
    """What a mask asks of a layer with a running state: rows that some earlier row is hidden from, by which.

    Raises KnockoutError where heads differ (such a layer has others), or where a row is to lose itself.
    """
    if keep.shape[1] > 1 and not bool((keep == keep[:, :1]).all()):
        raise KnockoutError(_HEADS)
    hidden = ~keep[0, 0].cpu().numpy()
    if (lost := np.flatnonzero(hidden.diagonal())).size:
        raise KnockoutError(f"Row {lost[0]} is to lose itself. {_ITSELF}")
    hidden = np.tril(hidden, -1)
    groups: list[tuple[np.ndarray, list[int]]] = []
    # From the last row: a row joins one behind it that hides the same of what is before this row, and not it.
    for row in np.flatnonzero(hidden.any(1))[::-1]:
        own = hidden[row]
        for other, rows in groups:
            if not other[row] and np.array_equal(own[:row], other[:row]):
                rows.append(int(row))
                break
        else:
            groups.append((own, [int(row)]))
    return [
        Without(np.array(rows[::-1]), np.setdiff1d(np.arange(rows[0] + 1), np.flatnonzero(own)))
        for own, rows in groups
    ]


@contextmanager
def recurrent_cuts(model: VideoLLM, keep: Mapping[int, Bool[Tensor, "1 h q k"]]) -> Iterator[None]:
    """Layers (from 0) with a running state lose what `keep` closes while the context is open.

    Layers with softmax attention are left to their masks. Raises KnockoutError as `without` does.
    """
    with ExitStack() as stack:
        made: dict[int, list[Without]] = {}
        layers = model.family.recurrent_layers(model.hf) if model.family.recurrent else {}
        for number, module in layers.items():
            if number in keep:
                mask = keep[number]
                if id(mask) not in made:
                    made[id(mask)] = without(mask)
                hook = _Cut(made[id(mask)])
                stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        yield


class _Cut:
    """Puts into a module's output what rows get without others."""

    def __init__(self, groups: list[Without]) -> None:
        self.groups = groups

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        if any(kwargs.get(name) is not None for name in ("cache_params", "past_key_values")):
            raise KnockoutError(
                f"{type(module).__name__} has a running state, and a cut there needs the whole prompt: run "
                "it without a cache."
            )
        first = output[0] if isinstance(output, tuple) else output
        hidden = args[0] if args else kwargs["hidden_states"]
        changed = first.clone()
        for rows, kept in self.groups:
            index = torch.as_tensor(kept, device=hidden.device)
            given = hidden.index_select(1, index)
            # What marks padding is of these rows too.
            others = dict(kwargs)
            if isinstance(padding := kwargs.get("attention_mask"), Tensor) and padding.ndim == 2:
                others["attention_mask"] = padding.index_select(1, index.to(padding.device))
            # Not the module itself, whose hooks have run.
            found = (
                module.forward(given, *args[1:], **others)
                if args
                else module.forward(**{**others, "hidden_states": given})
            )
            found = found[0] if isinstance(found, tuple) else found
            places = torch.as_tensor(np.searchsorted(kept, rows), device=hidden.device)
            changed[:, torch.as_tensor(rows, device=hidden.device)] = found.index_select(1, places)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed
