"""One pass forward and one back: the gradient of the answer's log-odds at the output of every head, and what
each layer's attention was called with, from which the local change of a cut is computed exactly.

Axes: b batch (1), H query head, K key/value head, q query row, k key row, r rows that a flow cuts, e head
dim, m MLP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import KnockoutError, ModelError, not_finite
from workbench.models.attention import CUT_BELOW, stand_in
from workbench.models.softmax import check_not_compiled
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.interventions import Flow
    from workbench.models import Prompt, VideoLLM
    from workbench.prompts.layout import TokenLayout

_AT_ONCE = 2**26
"""Attention weights that are held at once: bounds memory."""


class Cut(NamedTuple):
    """What one flow cuts from one prompt, on the model's device."""

    rows: Tensor
    """(r,), the rows that lose a key."""
    keys: Tensor
    """bool (r, k): True where the edge is cut."""

    @classmethod
    def of(cls, flow: Flow, layout: TokenLayout, device: torch.device) -> Cut:
        """Raises SpanError, KnockoutError where the prompt has nothing to cut."""
        edges = flow.edges(layout)
        rows = edges.rows
        keys = torch.from_numpy(np.ascontiguousarray(edges.dense()[rows]))
        return cls(torch.as_tensor(rows, device=device), keys.to(device))

    def parts(self, numbers_a_row: int) -> Iterator[Cut]:
        """The same in pieces of bounded memory."""
        size = max(1, _AT_ONCE // max(1, numbers_a_row))
        for rows, keys in zip(self.rows.split(size), self.keys.split(size), strict=True):
            yield Cut(rows, keys)


@dataclass(kw_only=True, eq=False)
class Attended:
    """What the attention of one layer was given and gave."""

    module: Any
    query: Float[Tensor, "1 H q e"]
    """Rotated, as the keys."""
    key: Float[Tensor, "1 K k e"]
    value: Float[Tensor, "1 K k e"]
    mask: Tensor | None
    default: Callable[..., Any]
    options: Mapping[str, Any]
    z: Float[Tensor, "1 q H e"]
    """The output of every head; mixed with that of the cut where the pass is one of a path."""
    moved: Tensor | None = None
    """(r, H, e): the cut's output minus the untouched one, in a pass of a path."""
    gradient: Tensor | None = None
    """(q, H, e): of the log-odds at z."""

    def at(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Float[Tensor, "r H e"]:
        """The layer's own attention of some rows."""
        return self.default(self.module, query, key, value, mask, **self.options)[0][0]

    def wide(self) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value in float32 at least: in halves a local change would be mostly rounding."""
        parts = (self.query.detach(), self.key.detach(), self.value.detach())
        if self.query.dtype in (torch.float32, torch.float64):
            return parts
        query, key, value = (part.float() for part in parts)
        return query, key, value

    @torch.no_grad()
    def local_change(self, cut: Cut) -> Iterator[tuple[Tensor, Float[Tensor, "r H e"]]]:
        """Rows, and how the output of every head changes there where the cut is made in this layer alone.

        Exact: the softmax is taken again without the edges, as a knockout does. Raises KnockoutError where a
        row would be left without a key.
        """
        query, key, value = self.wide()
        same = query.dtype == self.z.dtype
        for rows, keys in cut.parts(query.shape[1] * key.shape[2]):
            some = query[:, :, rows]
            own = visible(self.mask, rows, key.shape[2])
            before = self.z[0, rows].detach() if same else self.at(some, key, value, own)
            yield rows, self.at(some, key, value, without(own, keys)) - before

    @torch.no_grad()
    def weights(self, cut: Cut) -> Iterator[tuple[Cut, Float[Tensor, "H r k"]]]:
        """The attention weights of the rows that a cut touches, float32, some rows at a time."""
        query, key, _ = self.wide()
        key = key[0].repeat_interleave(query.shape[1] // key.shape[1], dim=0)
        scaling = self.options.get("scaling") or query.shape[-1] ** -0.5
        for part in cut.parts(query.shape[1] * key.shape[1]):
            own = visible(self.mask, part.rows, key.shape[1])
            scores = query[0, :, part.rows] @ key.mT * scaling
            closed = ~own if own.dtype == torch.bool else own <= CUT_BELOW
            if own.dtype != torch.bool:
                scores = scores + own[0]
            yield part, scores.masked_fill(closed[0], -torch.inf).softmax(-1)


@shaped
def visible(mask: Tensor | None, rows: Tensor, keys: int) -> Tensor:
    """A layer's own mask at some rows, (1, 1 or H, r, k), bool (True keeps) or additive."""
    if mask is None:  # causal, and nothing more
        return (torch.arange(keys, device=rows.device) <= rows[:, None])[None, None]
    return mask[:, :, rows]


@shaped
def without(own: Tensor, keys: Tensor) -> Tensor:
    """That mask with the cut edges (r, k) closed. Raises KnockoutError for a row left without a key."""
    if own.dtype == torch.bool:
        closed, open_before = own & ~keys, own
        open_after = closed
    else:
        closed = own.masked_fill(keys, torch.finfo(own.dtype).min)
        open_before, open_after = own > CUT_BELOW, closed > CUT_BELOW
    if bool((open_before.any(-1) & ~open_after.any(-1)).any()):
        raise KnockoutError(
            "A flow leaves a row without any key that the model's own mask shows it. Cut fewer keys, or let "
            "rows keep their own (leave out '(self too)')."
        )
    return closed


@dataclass(kw_only=True, eq=False)
class Pass:
    """One forward and one backward."""

    token_id: int
    """The traced token."""
    log_odds: float
    """Of the traced token at the last row."""
    layers: dict[int, Attended] = field(default_factory=dict)
    """By layer, from 0."""


def log_odds_of(logits: Float[Tensor, " vocab"], token_id: int) -> Tensor:
    """log(p / (1 - p)) of one token, in float64 and with its gradient."""
    wide = logits.double()
    others = torch.cat([wide[:token_id], wide[token_id + 1 :]])
    return wide[token_id] - others.logsumexp(0)


def forward_backward(
    model: VideoLLM,
    prompt: Prompt,
    *,
    token_id: int | None = None,
    cut: Cut | None = None,
    dose: float = 0.0,
    rules: AbstractContextManager[object] | None = None,
    constant_pattern: bool = False,
) -> Pass:
    """The log-odds of the traced token (if not given, the likeliest) and its gradient at every head's output.

    With `cut`, the output of every head in every layer is mixed: (1 - dose) of the untouched attention and
    `dose` of attention without these edges, both of the stream as it then is. `rules` is a context in which
    the forward runs, `constant_pattern` stops gradients at queries and keys. Raises NotFinite.
    """
    numbers = {module: number for number, module in model.family.attentions(model.hf).items()}
    found = Pass(token_id=-1, log_odds=0.0)

    def attend(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, default: Any, **o: Any
    ):
        if constant_pattern:
            query, key = query.detach(), key.detach()
        z, pattern = default(module, query, key, value, mask, **o)
        here: dict[str, Any] = {"module": module, "query": query, "key": key, "value": value, "mask": mask}
        at = Attended(**here, default=default, options=o, z=z)
        if cut is not None:
            own = visible(mask, cut.rows, key.shape[2])
            moved = at.at(query[:, :, cut.rows], key, value, without(own, cut.keys)) - z[0, cut.rows]
            at.moved = moved.detach()
            z = z.index_add(1, cut.rows, dose * moved[None])
        if not z.requires_grad:
            z = z.detach().requires_grad_()  # the graph begins at the first layer
        at.z = z
        found.layers[numbers[module]] = at
        return z, pattern

    with (
        frozen(model.hf),
        rules or nullcontext(),
        stand_in(numbers, attend),
        torch.enable_grad(),
    ):
        logits = model.hf(**prompt.inputs, use_cache=False, **model.only_last_logits).logits[0, -1]
        if not bool(torch.isfinite(logits).all()):
            raise not_finite("The model's logits", logits.dtype)
        found.token_id = int(logits.argmax()) if token_id is None else token_id
        scalar = log_odds_of(logits, found.token_id)
        found.log_odds = float(scalar.detach())
        wanted = [at.z for at in found.layers.values()]
        gradients = torch.autograd.grad(scalar, wanted, materialize_grads=True)
    for at, gradient in zip(found.layers.values(), gradients, strict=True):
        if not bool(torch.isfinite(gradient).all()):
            raise not_finite("The gradients of the answer", gradient.dtype)
        at.gradient, at.z = gradient[0], at.z.detach()
        at.query, at.key, at.value = at.query.detach(), at.key.detach(), at.value.detach()
    return found


def check_differentiable(model: VideoLLM) -> None:
    """Raises ModelError for a model that has no gradients, or where a cut is more than a mask."""
    advice = "Measure its knockouts instead, with wb.sweep."
    if model.remote is not None:
        raise ModelError(f"{model.name} runs elsewhere ({model.remote}), without gradients here. {advice}")
    if model.load_in is not None:
        raise ModelError(
            f"{model.name} is loaded in {model.load_in}: its weights are rounded, and nothing here says that "
            f"gradients through them are those of the model. Load it with dtype='bfloat16'. Or: {advice}"
        )
    if recurrent := model.family.recurrent_layers(model.structure):
        raise ModelError(
            f"Layer {min(recurrent) + 1} of {model.name} carries a running state from row to row: a cut "
            f"there is no change of a softmax, so attribution has no estimate of it. {advice}"
        )
    if set(getattr(model.hf, "hf_device_map", {}).values()) & {"cpu", "disk"}:
        raise ModelError(
            f"{model.name} lies partly outside its GPUs: weights that are moved in for one layer at a time "
            f"cannot be differentiated through. Use a device that holds it. Or: {advice}"
        )
    check_not_compiled(model.family.decoder_layers(model.structure))


@contextmanager
def frozen(hf: nn.Module) -> Iterator[None]:
    """Weights need no gradients meanwhile, which spares the memory of what they would be made from."""
    loose = [weight for weight in hf.parameters() if weight.requires_grad]
    for weight in loose:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in loose:
            weight.requires_grad_(True)
