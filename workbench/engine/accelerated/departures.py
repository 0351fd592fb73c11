"""Rows leave the residual stream on their way through the decoder: hooks on its layers.

Axes: B prompt of a batch, s row, w row that is left (left-padded to the same number), d width, h head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.accelerated.frames import Part, attend_in_frames, parts_of
from workbench.engine.generation import WRITING
from workbench.errors import InterventionError, ModelError
from workbench.interventions.exits import Acceleration, Exit, Seen, check_leaving
from workbench.models.attention import UNREAD

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout


class Left(NamedTuple):
    """The rows of a batch that are still there, from one layer on."""

    rows: Tensor
    """(B, w) rows of the padded batch, ascending; padding before them."""
    real: Tensor | None
    """(B, w) bool, False for padding; None where there is none."""


class Departures:
    """What each forward pass does with its rows. Its methods are hooks of the decoder's modules."""

    def __init__(self, model: VideoLLM, what: Acceleration) -> None:
        self.model, self.what = model, what
        self.layouts: Sequence[TokenLayout] = ()
        """Of the prompts that run now. Empty: of those whose answers are being written."""
        self._now: Sequence[TokenLayout] = ()
        self.rows = 0
        """Rows of the padded batch that was read last."""
        self.reading = True
        """Whether the pass that runs reads the prompts, and does not write after them."""
        self.total = 0
        """Rows of the batch so far, written ones included."""
        self.left: dict[int, Left] = {}
        """From which layer (from 0) on which rows are left, of that batch."""
        self.gone: list[dict[int, np.ndarray]] = []
        """For each prompt, the rows (of the prompt) that leave before each layer (from 0)."""
        self._exits = {one.after: one for one in what.exits}
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}
        self._parts: dict[tuple[int, int], tuple[list[Part], int]] = {}
        self._embeddings: tuple[Any, Any] | None = None

    # hooks ----------------------------------------------------------------------------------------------

    def before_layer(self, number: int) -> Any:
        """A pre-hook of decoder layer `number` (from 0): rows leave before it, and its arguments follow."""

        def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            hidden = args[0] if args else kwargs["hidden_states"]
            if number == 0:
                cache = kwargs.get("past_key_values")
                past = 0 if cache is None else int(cache.get_seq_length(0))
                self.reading, self.total = not past, past + hidden.shape[1]
                if self.reading:
                    self._begin(hidden)
            if self.reading and number in self._exits:
                hidden = self._leave(number, self._exits[number], hidden)
            left = self.left_in(number)
            if left is None:
                return None
            changed = self._arguments(kwargs, left, rows=hidden.shape[1])
            if args:
                return (hidden, *args[1:]), changed
            return args, {**changed, "hidden_states": hidden}

        return hook

    def keep_seen(self, number: int, which: int) -> Any:
        """A hook of the tap on a layer's queries (`which` 0) or keys (1), each (B, s, heads, e)."""

        def hook(tap: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
            if out.shape[1] > 1:
                kept = list(self._seen.get(number, (out, out)))
                kept[which] = out
                self._seen[number] = kept[0], kept[1]

        return hook

    def in_frames(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any,
        default: Any,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Stands in for the attention of a layer in which frames are apart: see `models.attention.stand_in`.

        Rows that are written later see everything, as in the cut.
        """
        if not self.reading:
            return default(module, query, key, value, mask, **options)
        if any(options.get(name) is not None for name in UNREAD):
            raise ModelError(
                f"{type(module).__name__} has more in its attention than a softmax. Leave frame_local out."
            )
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        out = torch.zeros_like(query).transpose(1, 2)
        for place in range(len(self._now)):
            parts, rows = self._parts_in(int(module.layer_idx), place)  # type: ignore[arg-type]
            own = slice(query.shape[2] - rows, None)
            out[place, own] = attend_in_frames(
                query[place, :, own], key[place, :, own], value[place, :, own], parts, scale
            )
        return module.hook_z(out.contiguous()), None  # type: ignore[operator]

    def _parts_in(self, number: int, place: int) -> tuple[list[Part], int]:
        """How a prompt attends in layer `number`, and the number of its rows there."""
        since = max((layer for layer in self.left if layer <= number), default=-1)
        if (place, since) not in self._parts:
            rows = self._rows(self.left_in(number) or self._all(), place).cpu().numpy()
            self._parts[place, since] = parts_of(self._now[place], rows, self.model.device), rows.size
        return self._parts[place, since]

    def _rows(self, left: Left, place: int) -> Tensor:
        """The rows of a prompt that are left, without padding."""
        here = left.rows[place] if left.real is None else left.rows[place][left.real[place]]
        return here - (self.rows - self._now[place].length)

    # what they do ---------------------------------------------------------------------------------------

    def _begin(self, hidden: Tensor) -> None:
        batch, self.rows = hidden.shape[:2]
        self._now = self.layouts or [prompt.layout for prompt in WRITING.get()]
        lengths = [layout.length for layout in self._now]
        if len(lengths) != batch or max(lengths, default=0) != self.rows:
            raise InterventionError(
                "Rows leave this model, so that rows of its activations and logits are not those of the "
                "prompt. Inside `with wb.accelerate(..) as fast`, use fast.logits(prompt), "
                "fast.last_logits(prompt) or fast.generate(prompts). To look inside, give the exit to the "
                "reference engine, which masks."
            )
        self.left, self._seen, self._parts, self._embeddings = {}, {}, {}, None
        self.gone = [{} for _ in lengths]

    def _leave(self, number: int, one: Exit, hidden: Tensor) -> Tensor:
        before = self.left_in(number) or self._all()
        kept: list[Tensor] = []
        for place, layout in enumerate(self._now):
            rows = self._rows(before, place)
            leaving = self._choose(number, one, layout, rows, hidden[place, -len(rows) :], place)
            self.gone[place][number] = leaving.cpu().numpy()
            kept.append(rows[~torch.isin(rows, leaving)] + (self.rows - layout.length))
        width = max(map(len, kept))
        index = torch.stack([nn.functional.pad(rows, (width - len(rows), 0)) for rows in kept])
        real = torch.stack([torch.arange(width, device=hidden.device) >= width - len(rows) for rows in kept])
        # Places of the kept rows among those that came in.
        came = before.rows if before.real is None else before.rows.masked_fill(~before.real, -1)
        places = torch.searchsorted(came.contiguous(), index)
        self.left[number] = Left(index, None if bool(real.all()) else real)
        self._embeddings = None
        return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[2]))

    def _choose(
        self, number: int, one: Exit, layout: TokenLayout, rows: Tensor, resid: Tensor, place: int
    ) -> Tensor:
        if isinstance(one.rows, str):
            found = torch.as_tensor(one.leaving(layout), device=rows.device)
            return found[torch.isin(found, rows)]

        def attention(row: int) -> Tensor:
            return self._weights(number - 1, place, layout, rows, row)

        found = one.rows(Seen(layout, rows, resid, attention))
        check_leaving(str(one), found.tolist(), layout)
        return found

    def _weights(self, layer: int, place: int, layout: TokenLayout, rows: Tensor, row: int) -> Tensor:
        """How much a row attended to `rows` in a layer, by head: (h, s), float32."""
        at = int((rows == row).nonzero()[0, 0]) if bool((rows == row).any()) else -1
        if at < 0:
            raise InterventionError(f"Row {row} left before layer {layer + 1}: it attends to nothing there.")
        query, key = (part[place, -len(rows) :] for part in self._seen[layer])
        module = list(self.model.family.decoder_layers(self.model.hf))[layer].self_attn
        groups = query.shape[1] // key.shape[1]
        scores = torch.einsum("he,she->hs", query[at].float(), key.repeat_interleave(groups, dim=1).float())
        closed = torch.arange(len(rows), device=rows.device) > at
        first, last = self.what.frame_local or (1, 0)
        if first <= layer + 1 <= last:
            closed |= torch.isin(rows, torch.as_tensor(_earlier_frames(layout, row), device=rows.device))
        return (scores * module.scaling).masked_fill(closed, -torch.inf).softmax(-1)

    def left_in(self, number: int) -> Left | None:
        """The rows that are left in layer `number` (from 0); None for all."""
        changes = [layer for layer in self.left if layer <= number]
        return self.left[max(changes)] if changes else None

    def _all(self) -> Left:
        index = torch.arange(self.rows, device=self.model.device).expand(len(self._now), -1)
        pads = torch.tensor([self.rows - layout.length for layout in self._now], device=index.device)
        return Left(index, index >= pads[:, None] if bool(pads.any()) else None)

    def _arguments(self, kwargs: dict[str, Any], left: Left, *, rows: int) -> dict[str, Any]:
        """A layer's arguments for the rows that are left."""
        changed = dict(kwargs)
        if self.reading:
            embeddings = kwargs.get("position_embeddings")
            if self._embeddings is None or self._embeddings[0] is not embeddings:
                self._embeddings = embeddings, tuple(_rows_of(part, left, -2) for part in embeddings or ())
            if embeddings is not None:
                changed["position_embeddings"] = self._embeddings[1]
            if kwargs.get("position_ids") is not None:
                changed["position_ids"] = _rows_of(kwargs["position_ids"], left, -1)
        changed["attention_mask"] = self._mask(kwargs.get("attention_mask"), left, rows=rows)
        return changed

    def _mask(self, mask: Tensor | None, left: Left, *, rows: int) -> Tensor | None:
        """The layer's own mask (B, 1 or h, q, k) for the rows that are left, which see no padding."""
        if mask is None and left.real is None:
            return None
        batch, width = left.rows.shape
        columns, real = left.rows, left.rows.new_ones(batch, width, dtype=torch.bool)
        if left.real is not None:
            real = left.real
        if mask is None:  # only a batch without padding has none, and it has some now
            asked = self.rows if self.reading else rows
            open_ = torch.ones(asked, self.total, dtype=torch.bool, device=real.device)
            mask = open_.tril(self.total - asked)[None, None]
        mask = mask.expand(batch, -1, -1, -1)
        if self.reading:
            mask = mask.gather(2, columns[:, None, :, None].expand(-1, mask.shape[1], -1, mask.shape[3]))
        else:  # rows that were written follow the prompt's
            written = torch.arange(self.rows, mask.shape[3], device=mask.device).expand(batch, -1)
            columns = torch.cat([columns, written], dim=1)
            real = torch.cat([real, real.new_ones(written.shape)], dim=1)
        mask = mask.gather(3, columns[:, None, None, :].expand(-1, mask.shape[1], mask.shape[2], -1))
        lowest = False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min
        return mask.masked_fill(~real[:, None, None, :], lowest)


def _rows_of(values: Tensor, left: Left, axis: int) -> Tensor:
    """The rows that are left along `axis`; the axis before it (or none) is the batch's."""
    batch = left.rows.shape[0]
    axis += values.ndim
    at = axis - 1
    if values.shape[at] not in (1, batch):
        raise InterventionError(f"Positions of shape {tuple(values.shape)} do not fit a batch of {batch}.")
    if values.shape[at] == 1:
        values = values.expand(*values.shape[:at], batch, *values.shape[at + 1 :])
    index = left.rows.reshape(*(1,) * at, batch, -1, *(1,) * (values.ndim - axis - 1))
    wanted = list(values.shape)
    wanted[axis] = left.rows.shape[1]
    return values.gather(axis, index.expand(wanted))


def _earlier_frames(layout: TokenLayout, row: int) -> np.ndarray:
    """Rows of the frames before the one that a row is in; none for a row outside frames."""
    for number, frame in enumerate(layout.frames):
        if row in frame:
            return np.concatenate([frame[:0], *layout.frames[:number]])
    return np.empty(0, np.int64)
