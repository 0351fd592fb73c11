"""Answers in words, with or without an intervention: greedy decoding, each new row under the same cut.

Rows that the model writes inherit what `last` may not see (Map the Flow, appendix C). Earlier rows never
change when a row is added, so their keys and values are kept, as always in decoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import DynamicCache, GenerationConfig

from workbench.engine.readout import probabilities
from workbench.engine.restrict import restrict
from workbench.errors import InterventionError, KnockoutError, PromptError
from workbench.interventions import Intervention, Knockout, as_intervention, keep_mask
from workbench.models.defaults import fresh_defaults
from workbench.shapes import Float

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt


_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

WRITING: ContextVar[tuple[Prompt, ...]] = ContextVar("writing", default=())
"""The prompts whose answers are being written, where nothing is cut: `accelerate` looks at their layouts."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote."""

    text: str
    """Without special tokens and surrounding space."""
    token_ids: tuple[int, ...]
    """Every token, the one that ended it included."""
    logits: Float[Tensor, " v"] = field(compare=False, repr=False)
    """Logits (vocabulary,) of the prompt's last row, from which the first token was taken; float32."""


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
    if intervention is None:
        return generate_batch(model, [prompt], max_new_tokens=max_new_tokens)[0]
    intervention.check(prompt.layout, model.n_layers, model.n_heads)
    with writing(intervention, model, prompt.layout):
        return _answers(model, [prompt], max_new_tokens)[0]


def generate_batch(
    model: VideoLLM, prompts: Sequence[Prompt], *, max_new_tokens: int = 16
) -> list[Generation]:
    """The untouched model's answers to several prompts, written side by side: as `generate`, one by one.

    Raises PromptError for fewer than one new token, or no prompt.
    """
    before = WRITING.set(tuple(prompts))
    try:
        return _answers(model, prompts, max_new_tokens)
    finally:
        WRITING.reset(before)


def _answers(model: VideoLLM, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Generation]:
    if max_new_tokens < 1:
        raise PromptError(f"max_new_tokens={max_new_tokens} leaves nothing to generate. Give 1 or more.")
    if not prompts:
        raise PromptError("No prompt was given, so there is nothing to answer. Give one or more.")
    inputs, mask = _padded(model, prompts)
    steps = _Steps()
    ids = _written(model, inputs, mask, max_new_tokens, steps)
    ends: Any = model.hf.generation_config
    last = {ends.eos_token_id} if isinstance(ends.eos_token_id, int) else set(ends.eos_token_id or ())
    found = []
    for new, logits in zip(ids[:, mask.shape[1] :].tolist(), steps.first, strict=True):
        # What was written after the end only fills the batch up.
        end = next((place for place, token in enumerate(new) if token in last), len(new))
        text = str(model.tokenizer.decode(new[: end + 1], skip_special_tokens=True)).strip()
        found.append(Generation(text, tuple(new[: end + 1]), logits))
    return found


def _written(
    model: VideoLLM, inputs: dict[str, Tensor], mask: Tensor, max_new_tokens: int, steps: _Steps
) -> Tensor:
    """Token ids (b, s) of a padded batch and what follows it."""
    ends: Any = model.hf.generation_config
    # cuDNN's attention, which torch prefers on new GPUs, plans each length anew: 40 ms a token at 7B.
    with torch.no_grad(), fresh_defaults(), sdpa_kernel(_KERNELS):
        return model.hf.generate(  # type: ignore[operator]
            **inputs,
            # Said, since transformers would otherwise guess from the padding token.
            attention_mask=mask,
            logits_processor=[steps],
            past_key_values=_cache(model),
            generation_config=GenerationConfig(
                max_new_tokens=max_new_tokens,
                do_sample=False,
                use_cache=True,
                eos_token_id=ends.eos_token_id,
                pad_token_id=ends.pad_token_id,
            ),
        )


def _cache(model: VideoLLM) -> DynamicCache:
    if model.family.recurrent_layers(model.hf):
        return DynamicCache(config=model.config.get_text_config())  # with a place for running states
    # Plain: a cache that forgets rows behind a sliding window would not fit the masks.
    return DynamicCache()


def _padded(model: VideoLLM, prompts: Sequence[Prompt]) -> tuple[dict[str, Tensor], Tensor]:
    """The inputs of several prompts as one batch, shorter ones padded on the left, and what is not padding.

    Inputs of one number a row are padded with 0, which is looked at nowhere; pixels lie one after another.
    """
    width = max(map(len, prompts))
    inputs: dict[str, Tensor] = {}
    given = [prompt.inputs for prompt in prompts]
    told = [model.family.behind(one, given[:place]) for place, one in enumerate(given)]
    for name in prompts[0].inputs:
        if name == "attention_mask":  # a prompt's own padding: given apart
            continue
        parts = []
        for prompt, one in zip(prompts, told, strict=True):
            part = one[name]
            if part.shape == prompt.input_ids.shape:
                part = nn.functional.pad(part, (width - len(prompt), 0))
            parts.append(part)
        shapes = {tuple(part.shape[1:]) for part in parts}
        if len(shapes) > 1:
            raise PromptError(
                f"Prompts whose {name} have shapes {', '.join(map(str, sorted(shapes)))} are no batch. "
                "Give those with as many frames of one size together."
            )
        inputs[name] = torch.cat(parts)
    rows = torch.arange(width, device=prompts[0].input_ids.device)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=rows.device)
    real = (rows >= width - lengths[:, None]).long()
    for mask, prompt in zip(real, prompts, strict=True):
        if (own := prompt.inputs.get("attention_mask")) is not None:
            mask[width - len(prompt) :] *= own[0].to(mask)
    return inputs, real


class _Steps:
    """Sees the logits of every step, and leaves them as they are."""

    first: Tensor
    """Those (b, v) of the prompts' last rows."""

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        """Raises NotFinite: of numbers that are none, the likeliest token would be whatever comes first."""
        probabilities(logits)
        if not hasattr(self, "first"):
            self.first = logits
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
        "Give a knockout; rows that leave do so in `with wb.accelerate(..)`."
    )


@writing.register(type(None))
def _untouched(intervention: None, model: VideoLLM, layout: TokenLayout) -> AbstractContextManager[None]:
    return nullcontext()


@writing.register(Knockout)
@contextmanager
def _cut(intervention: Knockout, model: VideoLLM, layout: TokenLayout) -> Iterator[None]:
    cut = intervention.layers(model.n_layers)
    attentions = model.family.attentions(model.hf)
    if other := sorted(set(cut) - set(attentions)):
        raise KnockoutError(
            f"'{intervention}': layer {other[0] + 1} carries a running state from row to row, which the next "
            "word cannot be read from once it is cut. Measure the answer's probability instead, or name "
            f"layers with softmax attention only ({', '.join(str(number + 1) for number in attentions)})."
        )
    made: dict[tuple[int, int, Any], Tensor] = {}
    length = 0

    def begin(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # Of a layer with keys of its own: the last layers may use those of earlier ones, and drop rows.
        nonlocal length
        past = kwargs["past_key_values"].get_seq_length(min(attentions))
        length = past + kwargs["inputs_embeds"].shape[1]

    def keep(rows: int, flows: Any) -> Tensor:
        """What the last `rows` of all rows so far may see: bool (1, h, rows, length)."""
        if (length, rows, flows) not in made:
            tokens = [""] * (length - layout.length) if layout.tokens else []
            grown = layout.with_generated(length - layout.length, tokens=tokens)
            for old in [key for key in made if key[0] != length]:
                del made[old]
            mask = keep_mask(flows, grown, model.n_heads)[None, :, -rows:]
            made[length, rows, flows] = torch.from_numpy(mask).to(model.device)
        return made[length, rows, flows]

    def put(flows: Any) -> Any:
        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            hidden = args[0] if args else kwargs["hidden_states"]
            return restrict((args, kwargs), keep(hidden.shape[1], flows), model.attention)

        return before

    handles = [
        model.family.decoder(model.hf).register_forward_pre_hook(begin, with_kwargs=True),
        *(
            attentions[number].register_forward_pre_hook(put(flows), with_kwargs=True)
            for number, flows in cut.items()
        ),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
