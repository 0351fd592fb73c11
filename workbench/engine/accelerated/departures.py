"""Rows leave the residual stream on their way through the decoder: hooks on its layers.

Axes: B prompt of a batch, s row, w row that is left, d width, h head.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.accelerated.blocks import Part, attend_in_parts, parts_of
from workbench.engine.accelerated.left import Left, causal, closed
from workbench.engine.generation import WRITING
from workbench.engine.incremental.memory import to_device
from workbench.errors import InterventionError, ModelError
from workbench.interventions.exits import Acceleration, Exit, Seen, check_leaving
from workbench.models.attention import CUT_BELOW
from workbench.models.softmax import ARGUMENTS

if TYPE_CHECKING:
    from workbench.interventions.edges import Edges
    from workbench.interventions.protocol import Removal
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout


class Departures:
    """What each forward pass does with its rows. Its methods are hooks of the decoder's modules."""

    def __init__(self, model: VideoLLM, what: Acceleration) -> None:
        self.model, self.what = model, what
        self.layouts: Sequence[TokenLayout] = ()
        """Of the prompts that run now. Empty: of those whose answers are being written."""
        self.gone: list[dict[int, np.ndarray]] = []
        """For each prompt that ran last, the rows that left before each layer (from 0)."""
        self._now: Sequence[TokenLayout] = ()
        self._reading = True
        """Whether the pass that runs reads the prompts, and does not write after them."""
        self._total = 0
        """Rows of the padded batch so far, written ones included."""
        self._left: dict[int, Left] = {}
        """From which layer (from 0) on which rows are left; -1 holds them all."""
        self._exits = {one.after: one for one in what.exits}
        chosen = [one.after for one in what.exits if not isinstance(one.rows, str)]
        self._known_until = min(chosen, default=model.n_layers)
        """Before this layer (from 0) the prompt alone says which rows are left, and not its activations."""
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}
        self._cut: list[dict[int, tuple[Removal, ...]]] = []
        """For each prompt, what each layer (from 0) that is cut loses."""
        self._parts: dict[tuple[int, int, tuple[Removal, ...]], list[Part]] = {}
        """By prompt, `_since`, and what is cut."""
        self._lost_to_written: dict[tuple[int, tuple[Removal, ...]], np.ndarray] = {}
        self._shut: dict[tuple[int, tuple[tuple[Removal, ...], ...], int, int], Tensor | None] = {}
        self._positions: tuple[Any, Any] | None = None

    # hooks ----------------------------------------------------------------------------------------------

    def before_layer(self, number: int) -> Any:
        """A pre-hook of decoder layer `number` (from 0): rows leave before it, and its arguments follow."""

        def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            hidden = args[0] if args else kwargs["hidden_states"]
            if number == 0:
                cache = kwargs.get("past_key_values")
                self._reading = cache is None or not cache.get_seq_length(0)
                # Counted here: the cache has fewer where rows left before its first layer.
                self._total = hidden.shape[1] + (0 if self._reading else self._total)
                if self._reading:
                    self._begin(hidden)
            if self._reading and number in self._exits:
                hidden = self._leave(number, self._exits[number], hidden)
            since = self._since(number)
            if since < 0:
                return None
            if any(isinstance(part, Tensor) for part in args[1:]):
                raise ModelError(
                    f"{type(layer).__name__} is given more than the residual stream row by row, and rows "
                    "leave that alone. Give the exit to the reference engine, which masks."
                )
            changed = self._arguments(kwargs, self._left[since], asked=hidden.shape[1])
            if args:
                return (hidden, *args[1:]), changed
            return args, {**changed, "hidden_states": hidden}

        return hook

    def keep_seen(self, number: int, which: int) -> Any:
        """A hook of the tap on a layer's queries (`which` 0) or keys (1), each (B, s, heads, e)."""

        def hook(tap: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
            if self._reading:
                kept = list(self._seen.get(number, (out, out)))
                kept[which] = out
                self._seen[number] = kept[0], kept[1]

        return hook

    def in_blocks(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any,
        default: Any,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Stands in for the attention of a layer that is cut: see `models.attention.stand_in`."""
        if not self._reading:
            layer, asked = int(module.layer_idx), query.shape[2]  # type: ignore[arg-type]
            mask = self._written(layer, mask, asked=asked, keys=key.shape[2])
            return default(module, query, key, value, mask, **options)
        if any(options.get(name) is not None for name in ARGUMENTS):
            raise ModelError(
                f"{type(module).__name__} has more in its attention than a softmax. Leave frame_local and "
                "cuts out."
            )
        if isinstance(mask, Tensor):
            open_ = mask if mask.dtype == torch.bool else mask > CUT_BELOW
            if bool(open_.triu(1).any()):
                raise ModelError(
                    f"{type(module).__name__} lets rows see later ones, and blocks are cut out of causal "
                    "attention only. Leave frame_local and cuts out, or cut them with masks (a knockout)."
                )
        scale = options.get("scaling") or query.shape[-1] ** -0.5
        layer = int(module.layer_idx)  # type: ignore[arg-type]
        since = self._since(layer)
        results = []
        for place, rows in enumerate(self._left[since].own):
            parts, pad = self._parts_of(place, since, layer, query.device), query.shape[2] - rows.size
            asked, shown, values = (part[place, :, pad:] for part in (query, key, value))
            found = attend_in_parts(asked, shown, values, parts, scale)
            results.append(nn.functional.pad(found, (0, 0, 0, 0, pad, 0)) if pad else found)
        stacked = results[0][None] if len(results) == 1 else torch.stack(results)
        return module.hook_z(stacked), None  # type: ignore[operator]

    # what they do ---------------------------------------------------------------------------------------

    def _begin(self, hidden: Tensor) -> None:
        now = self.layouts or [prompt.layout for prompt in WRITING.get()]
        lengths = [layout.length for layout in now]
        if (len(lengths), max(lengths, default=0)) != tuple(hidden.shape[:2]):
            raise InterventionError(
                "Rows leave this model, so that rows of its activations and logits are not those of the "
                "prompt. Inside `with wb.accelerate(..) as fast`, use fast.logits(prompt), "
                "fast.last_logits(prompt) or fast.generate(prompts). To look inside, give the exit to the "
                "reference engine, which masks."
            )
        self._seen, self._shut, self._positions = {}, {}, None
        self.gone = [{} for _ in lengths]
        again = len(now) == len(self._now) and all(map(operator.is_, now, self._now))
        self._now = now
        if not again or not self._left or self._left[-1].rows.device != hidden.device:
            self._left, self._parts = {-1: Left.all(lengths, hidden.device)}, {}
            self._lost_to_written = {}
            cuts = [self.what.cut(layout) for layout in now]
            self._cut = [{} if cut is None else cut.layers(self.model.n_layers) for cut in cuts]
            return
        # The tables of the last pass: a GPU would stand still while they are made.
        self._left = {layer: left for layer, left in self._left.items() if layer < self._known_until}
        self._parts = {key: parts for key, parts in self._parts.items() if key[1] < self._known_until}

    def _parts_of(self, place: int, since: int, layer: int, device: torch.device) -> list[Part]:
        """The attention of a prompt in a layer that is cut."""
        flows = self._cut[place].get(layer, ())
        key = place, since, flows
        if key not in self._parts:
            layout = self._now[place]
            edges = cast("list[Edges]", [flow.edges(layout) for flow in flows])  # blocks: `check` saw to it
            self._parts[key] = parts_of(edges, layout.length, self._left[since].own[place], device)
        return self._parts[key]

    def _written(self, layer: int, mask: Tensor | None, *, asked: int, keys: int) -> Tensor | None:
        """The mask of the last `asked` rows that were written, which inherit what `last` may not see."""
        since = self._since(layer)
        key = since, tuple(cut.get(layer, ()) for cut in self._cut), asked, keys
        if key not in self._shut:
            for old in [old for old in self._shut if old[3] != keys]:
                del self._shut[old]
            self._shut[key] = self._shut_to_written(*key)
        if (shut := self._shut[key]) is None:
            return mask
        return closed(causal(asked, keys, shut.device) if mask is None else mask, shut)

    def _shut_to_written(
        self, since: int, flows: tuple[tuple[Removal, ...], ...], asked: int, keys: int
    ) -> Tensor | None:
        """Which keys each of these rows loses, (B, 1, asked, keys); None where it is none."""
        left = self._left[since]
        new = keys - left.rows.shape[1]
        shut = np.zeros((len(left.own), 1, asked, keys), dtype=bool)
        own = np.arange(new - asked, new)[:, None] == np.arange(new)
        for place, rows in enumerate(left.own):
            if not flows[place]:
                continue
            lost = self._lost(place, flows[place])
            shut[place, 0, :, keys - new - rows.size : keys - new] = lost[rows]
            shut[place, 0, :, keys - new :] = np.where(own, lost[-1], lost[-2])
        return to_device(shut, left.rows.device) if shut.any() else None

    def _lost(self, place: int, flows: tuple[Removal, ...]) -> np.ndarray:
        """Which rows of a prompt, which of those written before, and whether itself, a written row loses."""
        if (place, flows) not in self._lost_to_written:
            layout = self._now[place]
            # Written rows are all of the same spans: two stand for any number.
            grown = layout.with_generated(2, tokens=["", ""] if layout.tokens else [])
            lost = np.zeros(grown.length, dtype=bool)
            for flow in flows:
                lost[flow.edges(grown).keys_lost(layout.length + 1)] = True
            self._lost_to_written[place, flows] = lost
        return self._lost_to_written[place, flows]

    def _since(self, number: int) -> int:
        """The last layer up to `number` (from 0) before which rows left; -1 for none."""
        return max(layer for layer in self._left if layer <= number)

    def _leave(self, number: int, one: Exit, hidden: Tensor) -> Tensor:
        before = self._left[self._since(number - 1)]
        if number not in self._left:
            leaving = [
                np.intersect1d(self._choose(number, one, place, rows, hidden[place]), rows)
                for place, rows in enumerate(before.own)
            ]
            kept = [np.setdiff1d(rows, gone) for rows, gone in zip(before.own, leaving, strict=True)]
            self._left[number] = Left(kept, [layout.length for layout in self._now], hidden.device)
        left, self._positions = self._left[number], None
        for gone, rows, kept in zip(self.gone, before.own, left.own, strict=True):
            gone[number] = np.setdiff1d(rows, kept)
        return before.of(hidden, left)

    def _choose(self, number: int, one: Exit, place: int, rows: np.ndarray, resid: Tensor) -> np.ndarray:
        """The rows of a prompt that leave: of the span, or what the rule says of resid (w, d)."""
        layout = self._now[place]
        if isinstance(one.rows, str):
            return one.leaving(layout)

        def attention(row: int) -> Tensor:
            return self._weights(number - 1, place, rows, row)

        found = one.rows(Seen(layout, to_device(rows, resid.device), resid[-rows.size :], attention))
        leaving = found.cpu().numpy()
        check_leaving(str(one), leaving, layout)
        return leaving

    def _weights(self, layer: int, place: int, rows: np.ndarray, row: int) -> Tensor:
        """How much a row attended to `rows` in a layer, by head: (h, s), float32."""
        at = int(np.searchsorted(rows, row))
        if at == rows.size or rows[at] != row:
            raise InterventionError(f"Row {row} left before layer {layer + 1}: it attends to nothing there.")
        query, key = (part[place, -rows.size :] for part in self._seen[layer])
        module = list(self.model.family.decoder_layers(self.model.hf))[layer].self_attn
        groups = query.shape[1] // key.shape[1]
        scores = torch.einsum("he,she->hs", query[at].float(), key.repeat_interleave(groups, dim=1).float())
        closed = np.arange(rows.size) > at
        for flow in self._cut[place].get(layer, ()):
            closed |= np.isin(rows, flow.edges(self._now[place]).keys_lost(row))
        masked = (scores * module.scaling).masked_fill(to_device(closed, scores.device), -torch.inf)
        return masked.softmax(-1)

    def _arguments(self, kwargs: dict[str, Any], left: Left, *, asked: int) -> dict[str, Any]:
        """A layer's arguments for the rows that are left."""
        changed = dict(kwargs)
        if self._reading:
            embeddings = kwargs.get("position_embeddings")
            if self._positions is None or self._positions[0] is not embeddings:
                self._positions = embeddings, tuple(left.along(part, -2) for part in embeddings or ())
            if embeddings is not None:
                changed["position_embeddings"] = self._positions[1]
            if kwargs.get("position_ids") is not None:
                changed["position_ids"] = left.along(kwargs["position_ids"], -1)
        mask = kwargs.get("attention_mask")
        changed["attention_mask"] = left.mask(mask, reading=self._reading, asked=asked, total=self._total)
        return changed
