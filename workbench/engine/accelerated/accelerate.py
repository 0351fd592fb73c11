"""`wb.accelerate`: a model that takes rows out of its sequence, and keeps early layers inside frames.

Axes: s row, v token of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch
from torch import Tensor

from workbench.engine.accelerated.departures import Departures
from workbench.engine.generation import Generation, generate_batch
from workbench.engine.protocol import Engine, Outcomes, Request
from workbench.engine.readout import baseline_of, check, is_wanted, measured, outcomes_of, probabilities
from workbench.engine.reference import last_logits
from workbench.errors import InterventionError, ModelError
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.knockouts import Cut, Knockout
from workbench.models.attention import stand_in
from workbench.models.softmax import has_keys_of_others
from workbench.prompts.rows import PosSlice, chosen_rows
from workbench.shapes import Float, Int

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowLogits:
    """Logits of the rows that reached the end."""

    rows: Int[np.ndarray, " s"]
    """Rows of the prompt, ascending."""
    values: Float[Tensor, "s v"]
    layout: TokenLayout
    left_after: dict[int, Int[np.ndarray, " n"]]
    """Layer (from 1; 0 is before the first) after which rows left, and which."""

    def __getitem__(self, asked: PosSlice) -> Float[Tensor, "s v"]:
        """The logits of a span, a row or rows of the prompt.

        Raises InterventionError, naming rows and layer, for rows that left.
        """
        wanted = chosen_rows(asked, self.layout) % self.layout.length
        for layer, gone in self.left_after.items():
            lost = np.intersect1d(wanted, gone)
            if lost.size:
                raise InterventionError(
                    f"{asked!r}: {_some(lost)} of this prompt left after layer {layer}, so there are no "
                    "logits of them. Ask for rows that stay, such as 'question' or 'last'."
                )
        return self.values[torch.as_tensor(np.searchsorted(self.rows, wanted), device=self.values.device)]


class Accelerated:
    """A model while rows leave it: `with wb.accelerate(model, exit_after=18) as fast: ...`"""

    def __init__(self, model: VideoLLM, what: Acceleration) -> None:
        self.model, self.what = model, what
        self._departures = Departures(model, what)
        self._open = False

    def logits(self, prompt: Prompt) -> RowLogits:
        """Logits of the rows that reach the end; raises InterventionError where the exits do not fit."""
        values = self._forward([prompt])[0]
        gone = {layer: rows for layer, rows in self._departures.gone[0].items() if rows.size}
        stayed = np.setdiff1d(np.arange(len(prompt)), np.concatenate([np.empty(0, np.int64), *gone.values()]))
        return RowLogits(rows=stayed, values=values, layout=prompt.layout, left_after=gone)

    def last_logits(self, prompt: Prompt) -> Float[Tensor, " v"]:
        """Logits of the last row."""
        return self._forward([prompt], **self.model.only_last_logits)[0, -1]

    @overload
    def generate(self, prompts: Prompt, *, max_new_tokens: int = 16) -> str: ...
    @overload
    def generate(self, prompts: Sequence[Prompt], *, max_new_tokens: int = 16) -> list[str]: ...
    def generate(self, prompts: Prompt | Sequence[Prompt], *, max_new_tokens: int = 16) -> str | list[str]:
        """Answers in words, greedy; of several prompts in one batch, padded on the left."""
        several = prompts if isinstance(prompts, Sequence) else [prompts]
        found = [one.text for one in self.generations(several, max_new_tokens=max_new_tokens)]
        return found if isinstance(prompts, Sequence) else found[0]

    def generations(self, prompts: Sequence[Prompt], *, max_new_tokens: int = 16) -> list[Generation]:
        """The same with token ids."""
        with self.running(prompts):
            return generate_batch(self.model, prompts, max_new_tokens=max_new_tokens)

    def left_before(self) -> list[dict[int, Int[np.ndarray, " n"]]]:
        """For each prompt that ran last: which of its rows left before which layer, counted from 0."""
        return [dict(gone) for gone in self._departures.gone]

    def _forward(self, prompts: Sequence[Prompt], **extra: Any) -> Tensor:
        with self.running(prompts), torch.no_grad():
            return self.model.hf(**prompts[0].inputs, use_cache=False, **extra).logits

    @contextmanager
    def running(self, prompts: Sequence[Prompt]) -> Iterator[None]:
        """Forward passes of the model itself, `model.hf(..)`, are of these prompts while the context is open.

        Raises InterventionError where the exits do not fit them.
        """
        if not self._open:
            raise InterventionError("It is closed. Use it inside `with wb.accelerate(..) as fast`.")
        self._check_between_layers()
        for prompt in prompts:
            self.what.check(prompt.layout, self.model.n_layers, self.model.n_heads)
        self._departures.layouts = [prompt.layout for prompt in prompts]
        try:
            yield
        finally:
            self._departures.layouts = ()

    def _check_between_layers(self) -> None:
        """The decoder itself adds DeepStack's features, to rows by their places in the whole prompt."""
        further = len(self.model.family.deepstack(self.model.hf))
        if early := [one for one in self.what.exits if one.after < further]:
            raise InterventionError(
                f"'{early[0]}': {self.model.name} adds visual features to the rows of the video after its "
                f"first {further} layers (DeepStack), so all rows stay until then. Let rows leave after "
                f"layer {further} or later."
            )

    @contextmanager
    def opened(self) -> Iterator[Accelerated]:
        """The model's decoder has the hooks while the context is open, and is as before afterwards."""
        layers = list(self.model.family.decoder_layers(self.model.hf))
        if self.model.family.recurrent_layers(self.model.hf):
            raise InterventionError(
                f"{self.model.name} has layers that carry a running state from row to row, which rows cannot "
                "leave yet. Use the reference engine: get_engine('reference')."
            )
        with ExitStack() as stack:
            apart = [layers[number].self_attn for number in _cut_layers(self.what, len(layers))]
            stack.enter_context(stand_in(apart, self._departures.in_blocks))
            for number, layer in enumerate(layers):
                hook = self._departures.before_layer(number)
                stack.callback(layer.register_forward_pre_hook(hook, with_kwargs=True).remove)
            for one in self.what.exits:
                if not isinstance(one.rows, str) and one.rows.reads_attention:
                    seen = layers[one.after - 1].self_attn
                    for which, name in enumerate(("hook_rot_q", "hook_rot_k")):
                        hook = self._departures.keep_seen(one.after - 1, which)
                        stack.callback(getattr(seen, name).register_forward_hook(hook).remove)
            self._open = True
            stack.callback(setattr, self, "_open", False)
            yield self


@contextmanager
def accelerate(
    model: VideoLLM,
    *,
    exit_after: int | None = None,
    frame_local: tuple[int, int] | None = None,
    exits: Sequence[Exit] = (),
    cuts: str | Knockout | Sequence[Cut] = (),
) -> Iterator[Accelerated]:
    """Run a model with rows that leave, and edges that layers do not compute.

    Inside, `fast.logits(prompt)`, `fast.last_logits(prompt)` and `fast.generate(prompt or prompts)` run it;
    positions are unchanged. What is computed equals the same edges cut by masks. Afterwards the model is as
    before, after errors too.

    Args:
        exit_after: the video leaves after this layer, counted from 1.
        frame_local: first and last layer (from 1) in which frames see no earlier frame.
        cuts: other edges that are not computed, "video -> question in layers 12..28". These and the edges of
            `frame_local` are left out block by block: no mask over all pairs is made.
        exits: other rows that leave, by layer: `[Exit(after=2, rows=FastV(share=0.5))]`.

    Raises InterventionError for what makes no sense, ModelError for a model that cannot do it.
    Source: An Empirical Study, section 5, Table 1: exit_after=18 of 28 layers, frame_local=(1, 8).
    """
    leaving = [*exits, *([] if exit_after is None else [Exit(after=exit_after)])]
    knockout = Knockout.parse(cuts) if isinstance(cuts, str) else cuts
    what = Acceleration(
        exits=tuple(sorted(leaving, key=lambda one: one.after)),
        frame_local=frame_local,
        cuts=knockout.cuts if isinstance(knockout, Knockout) else tuple(knockout),
    )
    with accelerated(model, what) as fast:
        yield fast


@contextmanager
def accelerated(model: VideoLLM, what: Acceleration) -> Iterator[Accelerated]:
    """`accelerate`, given as data. Raises as it does."""
    what.layers(model.n_layers)
    _refuse(model, what)
    with Accelerated(model, what).opened() as fast:
        yield fast


def _some(rows: Int[np.ndarray, " n"]) -> str:
    if rows.size == 1:
        return f"row {rows[0]}"
    return f"{rows.size} rows ({rows[0]}..{rows[-1]})"


def _refuse(model: VideoLLM, what: Acceleration) -> None:
    """Raises ModelError where the model's attention is not what this computes."""
    if model.attention != "sdpa":
        raise ModelError(
            f"{model.name} was loaded with attention={model.attention!r}, whose patterns are over all pairs. "
            "Load it with attention='sdpa' to accelerate it."
        )
    attentions = model.family.attentions(model.hf)
    shared = [number + 1 for number, one in attentions.items() if has_keys_of_others(one)]
    if shared and what.exits:
        raise ModelError(
            f"Layers {shared[0]}..{shared[-1]} of {model.name} attend to keys and values of earlier layers, "
            "which rows cannot leave. Give the exit to the reference engine, which masks: "
            "get_engine('reference')."
        )
    kinds = (
        getattr(model.config.get_text_config(), "layer_types", None) or ["full_attention"] * model.n_layers
    )
    touched = _cut_layers(what, model.n_layers)
    other = {kinds[layer] for layer in touched} - {"full_attention"}
    if other:
        raise ModelError(
            f"Layers {touched[0] + 1}..{touched[-1] + 1} of {model.name} have {', '.join(sorted(other))}; "
            "edges are left out of full attention only. Choose other layers, or leave frame_local and cuts "
            "out."
        )


def _cut_layers(what: Acceleration, n_layers: int) -> list[int]:
    """The layers, from 0, in which edges are cut."""
    return list(Knockout(cuts=what.all_cuts).layers(n_layers)) if what.all_cuts else []


class AcceleratedEngine(Engine):
    """Runs exits by taking rows out. The reference engine computes the same by masks."""

    name = "accelerated"
    runs = (Acceleration, Exit)

    def run(
        self, model: VideoLLM, requests: Sequence[Request], on_done: Callable[[int], object] | None = None
    ) -> list[Outcomes]:
        """See Engine. Raises InterventionError for another kind of intervention."""
        check(model, requests)
        return [self._run(model, request, on_done) for request in requests]

    def _run(self, model: VideoLLM, request: Request, on_done: Callable[[int], object] | None) -> Outcomes:
        base = last_logits(model, request.prompt)
        baseline = baseline_of(probabilities(base), request.token_id)
        results = []
        for one in request.interventions if is_wanted(request, baseline) else ():
            what = Acceleration(exits=(one,)) if isinstance(one, Exit) else one
            if not isinstance(what, Acceleration):
                raise InterventionError(f"'{one}': this engine runs exits. Use engine='incremental'.")
            with accelerated(model, what) as fast:
                found = fast.last_logits(request.prompt)[None]
            results += outcomes_of(
                probabilities(found), [baseline.token_id], measured(request, baseline, base, found)
            )
            if on_done is not None:
                on_done(1)
        return Outcomes(baseline, results)
