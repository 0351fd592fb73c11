"""config.json: what a model is.

A config also says how its author ran the model, which must not reach the numbers, and a few keys lead to
other files or to another arithmetic, which is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder

MOST_LAYERS = 1000
"""Layers that a config may announce where the weights do not tell how many there are."""
LARGEST = 2**31
"""No size of a model, token id or length comes near it."""

_HABITS = frozenset(
    {
        # attention is what load() was asked for
        *("_attn_implementation", "_attn_implementation_internal", "attn_implementation"),
        *("_attn_implementation_autoset", "_experts_implementation", "_experts_implementation_internal"),
        # what a forward returns
        *("return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "torchscript"),
        # heads that no Video-LLM has; the first makes a list as long as it says
        *("num_labels", "id2label", "label2id", "problem_type"),
    }
)
_ELSEWHERE = ("transformers_weights", "fusion_config", "distributed_config", "use_pretrained_backbone")
_TURNED = {"is_causal": False, "use_bidirectional_attention": True, "is_encoder_decoder": True}
"""Settings under which rows see later ones, so that a flow's edges would not be those that are cut."""
_LAYERS = re.compile("num_hidden_layers|num_layers|n_layers?|depth")
_ENDS = frozenset({"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"})
_QUANTISED = re.compile(r"\.(qweight|qzeros|weight_packed|weight_scale(_inv)?|SCB|absmax)$")


def described(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what config.json says about the model, without how its author ran it.

    Left out: the implementation of attention, what a forward returns, the cache, and every setting of
    `generate` but the special tokens, in all parts of the config.
    """
    return _without(config, _HABITS | _generation_settings())


def check_config(folder: CheckpointFolder) -> None:
    """Raises ModelError where config.json leads elsewhere, is quantised, or describes what cannot be traced.

    Also where its numbers are out of all bounds, or it announces more layers than the weights have.
    """
    source = folder.path / "config.json"
    deepest = _layers_of(folder.weight_names)
    for place, key, value in _entries(folder.config):
        if key in _ELSEWHERE and value:
            raise ModelError(
                f"{source}: {place} = {value!r:.80} makes transformers load something other than the weights "
                "in this folder, whose hash a run notes. Take the key out, and name the weights "
                "model.safetensors or model.safetensors.index.json."
            )
        if key == "quantization_config" and value:
            _refuse_quantised(folder, str(value.get("quant_method")) if isinstance(value, dict) else "")
        text = not place.startswith("vision_config.")
        if text and key in _TURNED and value is _TURNED[key]:
            raise ModelError(
                f"{source}: {place} = {value!r}: rows would see rows after them, and masks, flows and "
                "caches here are those of a causal decoder. Use a checkpoint with a causal decoder."
            )
        if isinstance(value, int) and not -LARGEST < value < LARGEST:
            raise ModelError(f"{source}: {place} is beyond {LARGEST:,}, which no model has. Correct it.")
        if _LAYERS.fullmatch(key) and isinstance(value, int | float) and value > deepest:
            have = f"the weights have {deepest}" if folder.weight_names else f"at most {deepest} are built"
            raise ModelError(
                f"{source}: {place} = {value:,} layers, and {have}. "
                "Copy config.json again from the checkpoint that the weights belong to."
            )
    if names := [name for name in sorted(folder.weight_names) if _QUANTISED.search(name)]:
        _refuse_quantised(folder, names[0])


def _refuse_quantised(folder: CheckpointFolder, said: str) -> None:
    how = f" ({said})" if said else ""
    raise ModelError(
        f"{folder.path} holds quantised weights{how}, which are not supported: kernels of their own would "
        "compute what hooks and cuts must see. Use the checkpoint in bfloat16, float16 or float32."
    )


def _entries(part: Any, place: str = "") -> Iterator[tuple[str, str, Any]]:
    """(place, key, value) of everything that a config says, in all its parts and lists."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            here = f"{place}.{key}" if place else str(key)
            yield here, str(key), value
            yield from _entries(value, here)
    elif isinstance(part, list):
        for value in part:
            if isinstance(value, Mapping | list):
                yield from _entries(value, place)
            else:
                yield place, "", value


def _layers_of(names: frozenset[str]) -> int:
    """Layers in these names of weights: one more than the highest number between two dots."""
    numbers = [int(number) for name in names for number in re.findall(r"\.(\d{1,9})(?=\.)", name)]
    return min(max(numbers) + 1, MOST_LAYERS) if numbers else MOST_LAYERS


def _without(part: Any, left_out: frozenset[str]) -> Any:
    if isinstance(part, Mapping):
        return {key: _without(value, left_out) for key, value in part.items() if key not in left_out}
    return [_without(value, left_out) for value in part] if isinstance(part, list) else part


@cache
def _generation_settings() -> frozenset[str]:
    from transformers import GenerationConfig

    # What to_dict adds beside the settings.
    own = {"transformers_version", "_from_model_config"}
    return frozenset(GenerationConfig().to_dict()) - _ENDS - own
