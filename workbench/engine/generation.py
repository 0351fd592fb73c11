"""Answers in words, with or without an intervention: greedy decoding, each new row under the same cut.

Rows that the model writes inherit what `last` may not see (Map the Flow, appendix C). Earlier rows never
change when a row is added, so their keys and values are kept, as always in decoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import DynamicCache, GenerationConfig

from workbench.engine.readout import probabilities
from workbench.engine.restrict import restrict
from workbench.errors import InterventionError, PromptError
from workbench.interventions import Intervention, Knockout, as_intervention, keep_mask
from workbench.models.defaults import fresh_defaults

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt


class Generation(NamedTuple):
    """What a model wrote."""

    text: str
    """Without special tokens and surrounding space."""
    token_ids: tuple[int, ...]
    """Every token, the one that ended it included."""


def generate(
    model: VideoLLM, prompt: Prompt, intervention: Intervention | None = None, *, max_new_tokens: int = 16
) -> Generation:
    """The model's likeliest token again and again, until it stops or `max_new_tokens`.

    It stops at the tokens that end an answer in generation_config.json. Whatever else that file or
    config.json says (penalties, beams, forbidden words, caches) has no part in it.

    Raises PromptError for fewer than one new token, InterventionError or SpanError where the intervention
    cannot act, or is of a kind that has no way to act on rows that are written, NotFinite for logits that
    are no numbers.
    """
    if max_new_tokens < 1:
        raise PromptError(f"max_new_tokens={max_new_tokens} leaves nothing to generate. Give 1 or more.")
    if intervention is not None:
        intervention.check(prompt.layout, model.n_layers, model.n_heads)
    ends: Any = model.hf.generation_config
    with torch.no_grad(), fresh_defaults(), writing(intervention, model, prompt.layout):
        ids = model.hf.generate(  # type: ignore[operator]
            **prompt.inputs,
            # Nothing is padded; said, since transformers would otherwise guess from the padding token.
            attention_mask=torch.ones_like(prompt.input_ids),
            # Of numbers that are none, the likeliest token is whatever comes first.
            logits_processor=[_finite],
            # Plain: a cache that forgets rows behind a sliding window would not fit the masks.
            past_key_values=DynamicCache(),
            generation_config=GenerationConfig(
                max_new_tokens=max_new_tokens,
                do_sample=False,
                use_cache=True,
                eos_token_id=ends.eos_token_id,
                pad_token_id=ends.pad_token_id,
            ),
        )
    new = ids[0, len(prompt) :]
    text = str(model.tokenizer.decode(new, skip_special_tokens=True)).strip()
    return Generation(text, tuple(int(token) for token in new))


def _finite(ids: Tensor, logits: Tensor) -> Tensor:
    """The logits as they are. Raises NotFinite."""
    probabilities(logits)
    return logits


def answer(
    model: VideoLLM, prompt: Prompt, max_new_tokens: int = 16, *, knockout: Intervention | str | None = None
) -> str:
    """The model's answer: its likeliest token again and again, until it stops or `max_new_tokens`.

    With a knockout, also as text ("video -> last in layers 3..8"), new rows inherit what `last` may not see:
    see `generate`. Attached to `VideoLLM` as its method `generate`.
    """
    intervention = None if knockout is None else as_intervention(knockout)
    return generate(model, prompt, intervention, max_new_tokens=max_new_tokens).text


@singledispatch
def writing(
    intervention: Intervention | None, model: VideoLLM, layout: TokenLayout
) -> AbstractContextManager[None]:
    """The intervention acts while the context is open, in the prompt and in the rows that are written after
    it. A kind registers its own way here."""
    raise InterventionError(
        f"'{intervention}' is a {type(intervention).__name__}, and answers cannot be written under that yet. "
        "Give a knockout."
    )


@writing.register(type(None))
def _untouched(intervention: None, model: VideoLLM, layout: TokenLayout) -> AbstractContextManager[None]:
    return nullcontext()


@writing.register(Knockout)
@contextmanager
def _cut(intervention: Knockout, model: VideoLLM, layout: TokenLayout) -> Iterator[None]:
    cut = intervention.layers(model.n_layers)
    layers = list(model.family.decoder_layers(model.hf))
    made: dict[tuple[int, Any], Tensor] = {}

    def keep(rows: int, length: int, flows: Any) -> Tensor:
        """What the last `rows` of `length` rows may see: bool (1, h, rows, length)."""
        if (length, flows) not in made:
            tokens = [""] * (length - layout.length) if layout.tokens else []
            grown = layout.with_generated(length - layout.length, tokens=tokens)
            for old in [key for key in made if key[0] != length]:
                del made[old]
            mask = keep_mask(flows, grown, model.n_heads)[None, :, -rows:]
            made[length, flows] = torch.from_numpy(mask).to(model.device)
        return made[length, flows]

    def put(flows: Any) -> Any:
        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            hidden = args[0] if args else kwargs["hidden_states"]
            past = kwargs["past_key_values"].get_seq_length(module.layer_idx)
            rows = hidden.shape[1]
            return restrict((args, kwargs), keep(rows, past + rows, flows), model.attention)

        return before

    handles = [
        layers[number].self_attn.register_forward_pre_hook(put(flows), with_kwargs=True)
        for number, flows in cut.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
