"""Attention that is more than a mask and a softmax, which scores and patterns here would not show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import ModelError

ARGUMENTS = ("softcap", "s_aux", "position_bias")
"""What some families hand to attention, and materialised scores would leave out."""

ATTRIBUTES = ("sinks", "attn_logit_softcapping", "softcap", "relative_attention_bias")
"""Attributes of attention modules that do so."""


def beyond_softmax(attention: Any) -> str | None:
    """What this attention module does beside mask and softmax; None where it is nothing."""
    found = (name for name in ATTRIBUTES if getattr(attention, name, None) is not None)
    return next(found, None)


def has_keys_of_others(attention: Any) -> bool:
    """Whether this attention module uses the keys and values of an earlier layer (Gemma 3n, Gemma 4)."""
    return bool(getattr(attention, "is_kv_shared_layer", False))


def logit_cap(config: Any) -> float | None:
    """Logits go through cap * tanh(logits / cap) behind the unembedding; None where they do not."""
    return getattr(config.get_text_config(), "final_logit_softcapping", None)


def check_modules(attentions: Iterable[Any]) -> None:
    """Raises ModelError where one of these attention modules does more than mask and softmax."""
    for attention in attentions:
        if (beside := beyond_softmax(attention)) is not None:
            raise ModelError(
                f"{type(attention).__name__} computes weights with `{beside}`, beside mask and softmax, "
                "which neither 'sdpa' nor 'eager' does here. Use a model with another decoder."
            )


def check_arguments(attention: Any, options: Mapping[str, Any]) -> None:
    """Raises ModelError where an attention module is handed what materialised scores would leave out."""
    for name in ARGUMENTS:
        if options.get(name) is not None:
            raise ModelError(
                f"{type(attention).__name__} is given `{name}`, which materialised attention would leave "
                "out. Use a model with another decoder."
            )


def check_not_compiled(layers: Iterable[Any]) -> None:
    """Raises ModelError where a layer, or its attention, is compiled: what happens inside is then frozen, and
    hooks and cuts would be left out in silence."""
    for number, layer in enumerate(layers, start=1):
        for part in (layer, getattr(layer, "self_attn", None)):
            if getattr(part, "_compiled_call_impl", None) is not None or hasattr(part, "_orig_mod"):
                raise ModelError(
                    f"Layer {number} ({type(part).__name__}) went through torch.compile, which freezes what "
                    "happens inside. Load the model again, and leave it as it is."
                )
